package telemetry

import (
	"context"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/record"
)

const gpuHead = "utilization.gpu [%], memory.used [MiB], power.draw [W], clocks.current.sm [MHz], clocks_event_reasons.active\n"

// newestGPU feeds a stream and returns what the source says after it.
func newestGPU(t *testing.T, stream string) (*record.GPU, error) {
	t.Helper()
	var s record.SysSample
	var err error
	synctest.Test(t, func(t *testing.T) {
		g := NewGPU(strings.NewReader(stream))
		synctest.Wait()
		err = g.Sample(t.Context(), &s)
		require.NoError(t, g.Close())
	})
	return s.GPU, err
}

func TestGPULines(t *testing.T) {
	const line = "96, 40536, 80.10, 2450, 0x0000000000000000\n"
	full := &record.GPU{Util: new(96.), MemUsedBytes: new(40536. * (1 << 20)), PowerW: new(80.1), SMClockMHz: new(2450.), Throttled: new(false)}
	reasons := func(mask string) string { return gpuHead + "96, 40536, 80.10, 2450, " + mask + "\n" }
	throttled := func(v bool) *record.GPU { g := *full; g.Throttled = &v; return &g }
	tests := map[string]struct {
		stream string
		want   *record.GPU
	}{
		"GB10 has no memory figure": {string(fixture(t, "nvidia_smi_gb10.csv")),
			&record.GPU{Util: new(96.), PowerW: new(80.1), SMClockMHz: new(2450.), Throttled: new(false)}},
		"older name, no power figure, hardware slowdown for heat": {string(fixture(t, "nvidia_smi_older.csv")),
			&record.GPU{Util: new(87.), MemUsedBytes: new(40536. * (1 << 20)), SMClockMHz: new(1410.), Throttled: new(true)}},
		"complete":                    {gpuHead + line, full},
		"every kind of no value":      {gpuHead + "[N/A], N/A, -, [Not Supported], [Unknown Error]\n", &record.GPU{}},
		"no value without brackets":   {gpuHead + "Not Supported, Unknown Error, ERR!, N/A, N/A\n", &record.GPU{}},
		"busy, and reasons unknown":   {gpuHead + "96, [N/A], 80.10, 2450, [N/A]\n", &record.GPU{Util: new(96.), PowerW: new(80.1), SMClockMHz: new(2450.)}},
		"idle":                        {reasons("0x0000000000000001"), throttled(false)},
		"software power cap":          {reasons("0x0000000000000004"), throttled(false)},
		"hardware slowdown":           {reasons("0x0000000000000008"), throttled(true)},
		"software thermal slowdown":   {reasons("0x0000000000000020"), throttled(true)},
		"hardware thermal slowdown":   {reasons("0x0000000000000040"), throttled(true)},
		"power brake with power cap":  {reasons("0x0000000000000084"), throttled(true)},
		"torn last line":              {gpuHead + line + "12, 40536, 20.10, 24", full},
		"torn inside the last number": {gpuHead + line + "12, 40536, 20.10, 2450, 0x00000000000000", full},
		"line with too few fields":    {gpuHead + line + "12, 40536\n", full},
		"line that is a message":      {gpuHead + line + "Unable to determine the device handle for GPU0\n", full},
		"number that is none":         {gpuHead + line + "NaN, 40536, 80.10, 2450, 0x0\n", full},
		"mask that is none":           {gpuHead + line + "12, 40536, 80.10, 2450, Active\n", full},
		"overlong line":               {gpuHead + line + strings.Repeat("1,", 1<<16) + "\n", full},
		"message before the header":   {"Warning: something\n" + gpuHead + line, full},
		"the highest clock":           {"clocks.current.sm [MHz], clocks.max.sm [MHz]\n513, 3003\n", &record.GPU{SMClockMHz: new(513.), SMClockMaxMHz: new(3003.)}},
		"one GPU by its index":        {"index, utilization.gpu [%]\n3, 96\n3, 97\n", &record.GPU{Util: new(97.)}},
		"CRLF, other order, a column that is not kept": {"clocks.sm [MHz], name, utilization.gpu [%]\r\n2450, NVIDIA GB10, 96\r\n",
			&record.GPU{Util: new(96.), SMClockMHz: new(2450.)}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := newestGPU(t, tt.stream)
			require.NoError(t, err)
			assert.Equal(t, tt.want, got)
		})
	}
}

func TestGPUWithoutLine(t *testing.T) {
	tests := map[string]struct{ stream, want string }{
		"nothing":               {"", "gave no line yet: stream ended: EOF"},
		"header only":           {gpuHead, "gave no line yet: stream ended: EOF"},
		"torn header":           {"utilization.gpu [%], mem", "printed: utilization.gpu [%], mem; stream ended: EOF"},
		"another unit":          {"memory.used [GiB]\n39\n", `gave no line yet: nvidia-smi header: column memory.used has unit "[GiB]", not "[MiB]"; stream ended: EOF`},
		"not nvidia-smi at all": {"a, b\n1, 2\n", "in place of a table nvidia-smi printed: a, b 1, 2; stream ended: EOF"},
		// Texts that users report: NVIDIA/k8s-device-plugin and NVIDIA/nvidia-container-toolkit have threads of each.
		"driver updated under it": {"Failed to initialize NVML: Driver/library version mismatch\nNVML library version: 580.95\n",
			"in place of a table nvidia-smi printed: Failed to initialize NVML: Driver/library version mismatch NVML library version: 580.95; stream ended"},
		"text without a line's end":   {"No devices were found", "in place of a table nvidia-smi printed: No devices were found; stream ended"},
		"text that colours":           {"\x1b[31mNVIDIA-SMI has failed\x1b[0m\n", `printed: \x1b[31mNVIDIA-SMI has failed\x1b[0m; stream ended`},
		"text after a warning":        {"Warning: old\n" + gpuHead + "Unable to determine the device handle for GPU0\n\nReboot\n", "fields, the header 5: Unable to determine the device handle for GPU0; stream"},
		"text without end":            {strings.Repeat("word ", 1<<16), "word word ...; stream ended"},
		"units in the lines":          {gpuHead + "0 %, [N/A], 11.17 W, 208 MHz, 0x0000000000000001\n", `a figure with its unit, "0 %", did not parse: run nvidia-smi with --format=csv,nounits; stream`},
		"units without a blank":       {gpuHead + "96%, [N/A], 80.10W, 2450MHz, 0x0\n", `a figure with its unit, "96%", did not parse: run nvidia-smi with --format=csv,nounits; stream`},
		"decimals with a comma":       {gpuHead + "96, [N/A], 80,10, 2450, 0x0\n", "nvidia-smi line has 6 fields, the header 5: 96, [N/A], 80,10, 2450, 0x0; stream"},
		"below zero":                  {gpuHead + "96, [N/A], -80.10, 2450, 0x0\n", `nvidia-smi line: "-80.10" is below zero, where nothing is; stream`},
		"two GPUs":                    {"index, utilization.gpu [%]\n0, 96\n1, 3\n0, 96\n", "nvidia-smi tells of two GPUs, 0 and 1: hide all but the one that serves"},
		"units after what is unknown": {gpuHead + "[N/A], [N/A], [N/A], 208 MHz, 0x1\n0, 1\n", `a figure with its unit, "208 MHz", did not parse: run`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := newestGPU(t, tt.stream)
			require.ErrorContains(t, err, tt.want)
			assert.Nil(t, got)
		})
	}
}

// What any line since the previous sample tells counts: the newest alone would hide a GPU that is held back most of the
// time.
func TestGPUThrottledBetweenSamples(t *testing.T) {
	const none, heat, untold = "0x0000000000000000", "0x0000000000000040", "[N/A]"
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		g := NewGPU(r)
		defer func() { require.NoError(t, g.Close()) }()
		sample := func(masks ...string) *bool {
			t.Helper()
			text := ""
			for _, mask := range masks {
				text += "96, [N/A], 80.10, 2450, " + mask + "\n"
			}
			_, err := io.WriteString(w, text)
			require.NoError(t, err)
			synctest.Wait()
			var s record.SysSample
			require.NoError(t, g.Sample(t.Context(), &s))
			return s.GPU.Throttled
		}
		_, err := io.WriteString(w, gpuHead)
		require.NoError(t, err)
		assert.Equal(t, new(false), sample(heat, none), "what came before the first sample is of no interval")
		assert.Equal(t, new(false), sample(), "no new line: that of before still holds")
		assert.Equal(t, new(true), sample(heat, heat, heat, none))
		assert.Equal(t, new(false), sample(none, none), "kept once, not for ever")
		assert.Nil(t, sample(untold, none), "unknown is not none")
		assert.Equal(t, new(true), sample(untold, heat, untold))
		assert.Nil(t, sample(), "no new line, and the newest does not tell")

		time.Sleep(time.Minute)
		var s record.SysSample
		require.Error(t, g.Sample(t.Context(), &s), "nothing came")
		assert.Equal(t, new(true), sample(heat, none))
	})
}

// A stream that hangs says nothing about the machine: its newest line goes out of date.
func TestGPUAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		g := NewGPU(r)
		_, err := io.WriteString(w, gpuHead+"96, [N/A], 80.10, 2450, 0x0000000000000000\n")
		require.NoError(t, err)
		synctest.Wait()
		var s record.SysSample
		time.Sleep(2 * time.Second)
		require.NoError(t, g.Sample(t.Context(), &s))
		require.NotNil(t, s.GPU)

		_, err = io.WriteString(w, "[N/A], what\n")
		require.NoError(t, err)
		synctest.Wait()
		time.Sleep(time.Millisecond)
		s = record.SysSample{}
		err = g.Sample(t.Context(), &s)
		require.ErrorContains(t, err, "newest nvidia-smi line is 2.001s old: nvidia-smi line has 2 fields, the header 5")
		assert.Nil(t, s.GPU)

		_, err = io.WriteString(w, "97, [N/A], 81, 2450, 0x0\n")
		require.NoError(t, err)
		synctest.Wait()
		require.NoError(t, g.Sample(t.Context(), &s))
		assert.Equal(t, 97., *s.GPU.Util)
		require.NoError(t, g.Close(), "ends a reader that waits for a line")
	})
}

func TestGPUCommand(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	assert.Equal(t, []string{"nvidia-smi",
		"--query-gpu=index,utilization.gpu,memory.used,power.draw,clocks.sm,clocks.max.sm,clocks_event_reasons.active",
		"--format=csv,nounits", "-lms", "200"}, GPUCommand(ctx).Args)
}

func FuzzGPUStream(f *testing.F) {
	f.Add(fixture(f, "nvidia_smi_gb10.csv"))
	f.Add(fixture(f, "nvidia_smi_older.csv"))
	f.Add([]byte(gpuHead + "1, 2\n\n,,,,\n0x, [, -, N/A, 0x\n"))
	f.Fuzz(func(t *testing.T, stream []byte) {
		g := NewGPU(strings.NewReader(string(stream)))
		require.NoError(t, g.Close())
		var s record.SysSample
		err := g.Sample(t.Context(), &s)
		require.Equal(t, err == nil, s.GPU != nil, "a group or a reason")
		if s.GPU == nil {
			return
		}
		for _, v := range []*float64{s.GPU.Util, s.GPU.MemUsedBytes, s.GPU.PowerW, s.GPU.SMClockMHz} {
			if v != nil {
				require.True(t, finite(*v), "a line of JSON cannot hold %v", *v)
			}
		}
	})
}

func BenchmarkGPUSample(b *testing.B) {
	g := NewGPU(strings.NewReader(string(fixture(b, "nvidia_smi_gb10.csv"))))
	require.NoError(b, g.Close())
	g.at = time.Now().Add(time.Hour)
	b.ReportAllocs()
	for b.Loop() {
		var s record.SysSample
		if err := g.Sample(b.Context(), &s); err != nil {
			b.Fatal(err)
		}
	}
}

package telemetry

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	deviceLine = "trtllm: tier=device blocks=819 bytes_per_block=10485760 eviction_policy=LRU\n"
	hostLine   = "kvbm: tier=host blocks=2457 bytes_per_block=10485760 eviction_policy=LRU\n"
	diskLine   = "kvbm: tier=disk blocks=52428 bytes_per_block=10485760 eviction_policy=FIFO offload_min_frequency=2\n"
)

func TestStartupLog(t *testing.T) {
	device := &TierLine{Blocks: 819, BlockBytes: 10 << 20, Policy: "LRU"}
	host := &TierLine{Blocks: 2457, BlockBytes: 10 << 20, Policy: "LRU"}
	disk := &TierLine{Blocks: 52428, BlockBytes: 10 << 20, Policy: "FIFO", MinFrequency: new(2.)}
	smaller := strings.Replace(hostLine, "2457", "7", 1)
	small := &TierLine{Blocks: 7, BlockBytes: 10 << 20, Policy: "LRU"}
	tests := map[string]struct {
		text string
		want TierLog
	}{
		"empty":            {"", TierLog{}},
		"no tier":          {"INFO starting\n\n \ntier=\nkvbm:\n", TierLog{}},
		"all":              {deviceLine + hostLine + diskLine, TierLog{device, host, disk}},
		"engine alone":     {deviceLine, TierLog{Device: device}},
		"in any order":     {diskLine + "loading weights\n" + deviceLine + "ready\n" + hostLine, TierLog{device, host, disk}},
		"in front of it":   {"2000-01-01T00:00:00Z  INFO worker 0: " + hostLine, TierLog{Host: host}},
		"CRLF, no newline": {"x\r\n" + strings.TrimSpace(deviceLine) + "\r\n" + strings.TrimSpace(hostLine), TierLog{Device: device, Host: host}},
		"fields in another order, others between": {
			"kvbm: tier=host eviction_policy=LRU numa blocks=2457 pinned=yes bytes_per_block=10485760\n", TierLog{Host: host}},
		"no policy":                    {"kvbm: tier=host blocks=0 bytes_per_block=1\n", TierLog{Host: &TierLine{BlockBytes: 1}}},
		"frequency of 0 is known":      {"kvbm: tier=disk blocks=1 bytes_per_block=1 offload_min_frequency=0\n", TierLog{Disk: &TierLine{Blocks: 1, BlockBytes: 1, MinFrequency: new(0.)}}},
		"other lines that name a tier": {hostLine + "kvbm: tier=host is full\nkvbm: tier=host evicted=3\nkvbm: tier=host", TierLog{Host: host}},
		"someone else's line":          {"lib: tier=host blocks=1\nnotkvbm: tier=host blocks=1\nkvbm tier=host blocks=1\n", TierLog{}},
		"tier of another name":         {hostLine + "kvbm: tier=object blocks=many\n", TierLog{Host: host}},
		"restart":                      {deviceLine + hostLine + "stopping\n" + deviceLine + smaller, TierLog{Device: device, Host: small}},
		"restart without a tier":       {deviceLine + hostLine + diskLine + "stopping\n" + hostLine + deviceLine, TierLog{Device: device, Host: host}},
		"restart with a tier more":     {hostLine + hostLine + diskLine, TierLog{Host: host, Disk: disk}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := StartupLog(tt.text)
			require.NoError(t, err)
			assert.Equal(t, tt.want, got)
		})
	}
}

func TestStartupLogRefuses(t *testing.T) {
	tests := map[string]struct{ text, want string }{
		"no number":       {"x\n\nkvbm: tier=host blocks=2457 bytes_per_block=10MiB\n", `line 3, tier host: bytes_per_block="10MiB" is no whole number`},
		"empty":           {"kvbm: tier=host blocks= bytes_per_block=1\n", `blocks=""`},
		"fraction":        {"kvbm: tier=host blocks=2.5 bytes_per_block=1\n", `blocks="2.5"`},
		"exponent":        {"kvbm: tier=host blocks=1e3 bytes_per_block=1\n", `blocks="1e3"`},
		"negative":        {"kvbm: tier=host blocks=-1 bytes_per_block=1\n", `blocks="-1"`},
		"not a number":    {"kvbm: tier=host blocks=NaN bytes_per_block=1\n", `blocks="NaN"`},
		"too large":       {"kvbm: tier=host blocks=9007199254740992 bytes_per_block=1\n", `blocks="9007199254740992"`},
		"frequency":       {deviceLine + "kvbm: tier=disk blocks=1 bytes_per_block=1 offload_min_frequency=often\n", `line 2, tier disk: offload_min_frequency="often"`},
		"blocks of 0 B":   {"trtllm: tier=device blocks=1 bytes_per_block=0\n", "tier device: no bytes_per_block"},
		"cut line":        {deviceLine + hostLine[:len("kvbm: tier=host blocks=2457 bytes_per")], "line 2, tier host: no bytes_per_block; is the line cut?"},
		"an older block":  {"kvbm: tier=host blocks=x\n" + hostLine, "line 1"},
		"endless garbage": {"kvbm: tier=host blocks=" + strings.Repeat("9", 5000) + "\n", `blocks="99999999999999999999" is`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := StartupLog(tt.text)
			require.ErrorContains(t, err, tt.want)
			assert.NotContains(t, err.Error(), "\n")
			assert.Equal(t, TierLog{}, got)
		})
	}
}

// Whatever has been read, written as a server writes it, is read back alike: alone, and as the newest
// block after the text that it came from.
func FuzzStartupLog(f *testing.F) {
	f.Add(deviceLine + hostLine + diskLine)
	f.Add("x\r\n" + hostLine + "kvbm: tier=host evicted=3\n" + hostLine + "kvbm: tier=disk blocks=0 bytes_per_block=1")
	f.Add("kvbm: tier=host blocks=1 blocks=2 bytes_per_block=18446744073709551616\n")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := StartupLog(text)
		if err != nil {
			require.Contains(t, err.Error(), "start-up log, line ")
			require.Equal(t, TierLog{}, got)
			return
		}
		var b strings.Builder
		for _, tier := range []struct {
			name string
			line *TierLine
		}{{"device", got.Device}, {"host", got.Host}, {"disk", got.Disk}} {
			if tier.line == nil {
				continue
			}
			fmt.Fprintf(&b, "INFO kvbm: tier=%s blocks=%.0f bytes_per_block=%.0f eviction_policy=%s", tier.name, tier.line.Blocks, tier.line.BlockBytes, tier.line.Policy)
			if f := tier.line.MinFrequency; f != nil {
				fmt.Fprintf(&b, " offload_min_frequency=%.0f", *f)
			}
			b.WriteString("\n")
		}
		again, err := StartupLog(b.String())
		require.NoError(t, err)
		require.Equal(t, got, again)
		again, err = StartupLog(text + "\n" + b.String())
		require.NoError(t, err)
		require.Equal(t, got, again)
	})
}

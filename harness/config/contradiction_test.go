package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Figures of a part that contradict each other, or that are in a wrong unit, are each refused in one line.
func TestPartsThatContradictThemselves(t *testing.T) {
	const slope = `decode_per_sequence: {value: 1ms, basis: assumed, source: s}`
	for _, tc := range []struct{ name, file, before, after, says string }{
		{"less than a bit a parameter", "models/L70B.yaml", "read_per_token: {value: 40610MB", "read_per_token: {value: 40610kB",
			"weights.read_per_token.value: is 40610kB, less than a bit for each parameter (active_billion: 70.6): look at the unit"},
		{"rates of an engine that is not there", "models/L70B.yaml", "  tensorrt-llm:", "  tensorrt_llm:",
			"rates.tensorrt_llm: there is no engine of that name: there are llama-cpp, sglang, tensorrt-llm, vllm; did you mean tensorrt-llm?"},
		{"a slope beside experts", "models/GPTOSS120B.yaml", "    experts:", "    " + slope + "\n    experts:",
			"rates.llama-cpp.decode_per_sequence: does not go with experts"},
		{"experts beyond all of them", "models/GPTOSS120B.yaml", "exponent: {value: 0.42", "exponent: {value: 42",
			"rates.llama-cpp.experts.exponent.value: is at most 1, not 42"},
		{"two sequences that read less than one", "models/GPTOSS120B.yaml", "two: {value: 32200us", "two: {value: 32200ns",
			"rates.llama-cpp.experts.two.value: is 32.2µs, less than a step of one sequence takes (16.556ms): two read no less"},
		{"a source of blanks", "drives/sata.yaml", `source: "sequential read: the same data sheet"`, `source: "  "`, "link.source: is empty"},
		{"a link in the wrong unit", "drives/sata.yaml", "link: {value: 560MB/s", "link: {value: 560B/s", "link.value: is 560B/s: no drive is slower than 100kB/s; look at the unit"},
		{"a controller that stands still", "drives/sata.yaml", "controller_iops: {value: 98000", "controller_iops: {value: 0.000001", "controller_iops.value: is 1e-06: no drive takes less than one"},
		{"pages of a byte", "drives/sata.yaml", "page_bytes: {value: 16KiB", "page_bytes: {value: 1B", "page_bytes.value: is 1B, less than a sector of 512B"},
		{"pauses without end", "drives/sata.yaml", "planes:", "pauses: {per_s: {value: 1000000000, basis: assumed, source: s}, median: {value: 1ns, basis: assumed, source: s}}\nplanes:",
			"pauses.per_s.value: is 1e+09: pauses are at least 1ms apart"},
		{"a limit in the wrong unit", "drives/sata.yaml", "planes:", "limits: {read: {value: 90B/s, basis: measured, source: s}}\nplanes:",
			"limits.read.value: is 90B/s: no limit is below 100kB/s; look at the unit"},
		{"a limit of nothing", "drives/sata.yaml", "planes:", "limits: {write_iops: {value: 0.5, basis: measured, source: s}}\nplanes:",
			"limits.write_iops.value: is 0.5, less than one command a second: leave it out for no limit"},
		{"a limit of no source", "drives/sata.yaml", "planes:", "limits: {read_iops: {value: 500, basis: felt, source: s}}\nplanes:", "limits.read_iops.basis: "},
		{"more cache than memory", "machines/dgx-spark.yaml", "page_cache: {value: 4GiB", "page_cache: {value: 400GiB",
			"memory.page_cache.value: is 400GiB: with the system that is 406GiB, more than the total of 127600524KiB"},
		{"more cores than CPUs", "machines/dgx-spark.yaml", "engine_cores: {value: 1.3", "engine_cores: {value: 100", "system.engine_cores.value: is 100, with idle_cores 100.2: there are 20 CPUs"},
		{"a system that is not quiet", "machines/dgx-spark.yaml", "reads_per_s: {value: 2,", "reads_per_s: {value: 1000000000000,", "system.reads_per_s.value: is 1e+12: with 10 writes, of 16KiB each, they move more than 10MB/s"},
		{"one copy faster than all", "machines/dgx-spark.yaml", "cached: {value: 7.1GB/s", "cached: {value: 110GB/s", "files.cached.value: is 110GB/s: it is one CPU's copy, and all copies together have 100GB/s"},
		{"a GPU that idles hotter", "machines/dgx-spark.yaml", "idle_w: {value: 4,", "idle_w: {value: 400,", "gpu.idle_w.value: is 400, more than the 80.1 of a busy GPU"},
		{"a GPU that idles faster", "machines/dgx-spark.yaml", "idle_mhz: {value: 208,", "idle_mhz: {value: 20800,", "gpu.idle_mhz.value: is 20800, more than the 2450 of a busy GPU"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := loadChanged(t, tc.file, tc.before, tc.after)
			require.ErrorContains(t, err, tc.says)
			assert.Len(t, strings.Split(err.Error(), "\n"), 1, "a line a fault")
		})
	}
	err := loadChanged(t, "machines/dgx-spark.yaml", "reserve: {value: 8GiB", "reserve: {value: 120GiB", "kernel_share: {value: 0.2", "kernel_share: {value: 2")
	require.ErrorContains(t, err, "memory.total.value: is 127600524KiB")
	require.ErrorContains(t, err, "system.kernel_share.value: must be a share of at most 1, not 2")
	missing := loadChanged(t, "machines/dgx-spark.yaml", "copy: {value: 100GB/s", "copy: {value: 100", "kernel_share: {value: 0.2", "kernel_share: {value: 2")
	require.ErrorContains(t, missing, "memory.copy.value: 100 needs a unit")
	require.ErrorContains(t, missing, "system.kernel_share.value: must be a share")
}

// Faults of rates on one line come in the same order each time.
func TestOrderOfRates(t *testing.T) {
	for range 20 {
		err := loadChanged(t, "models/M8B.yaml", "weights:", "rates: {vllm: {prefill_ref_tokens: 5}, sglang: {prefill_ref_tokens: 5}, llama-cpp: {prefill_ref_tokens: 5}}\nweights:")
		require.Error(t, err)
		lines := strings.Split(err.Error(), "\n")
		require.Len(t, lines, 3)
		for i, engine := range []string{"llama-cpp", "sglang", "vllm"} {
			require.Contains(t, lines[i], "rates."+engine)
		}
	}
}

// loadChanged reads parts of which one file has other text in places.
func loadChanged(t *testing.T, file string, changes ...string) error {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "configs.yaml"), []byte("base: "+absolute("../../configs")+"\n"), 0o644))
	b, err := os.ReadFile("../../configs/" + file)
	require.NoError(t, err)
	text := string(b)
	for i := 0; i < len(changes); i += 2 {
		require.Contains(t, text, changes[i])
		text = strings.Replace(text, changes[i], changes[i+1], 1)
	}
	path := filepath.Join(dir, file)
	require.NoError(t, os.Mkdir(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	f, err := OpenFolder(dir)
	require.NoError(t, err)
	w := &World{World: "w"}
	if name, ok := strings.CutPrefix(file, "drives/"); ok {
		w.Drive = strings.TrimSuffix(name, ".yaml")
	}
	_, err = LoadTwin(f, w, map[string]*Stack{"A": {Model: "M8B", Engine: "vllm"}, "B": {Model: "L70B", Engine: "tensorrt-llm"}, "C": {Model: "GPTOSS120B", Engine: "llama-cpp"}})
	return err
}

package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// configsFolder is the folder of configurations of the repository.
func configsFolder(t *testing.T) *Folder {
	t.Helper()
	f, err := OpenFolder("../../configs")
	require.NoError(t, err)
	return f
}

// All parts that are shipped can be read, each under its name, and a machine names a drive that is there.
func TestShippedParts(t *testing.T) {
	f := configsFolder(t)
	var errs []error
	for _, name := range f.Names("models", ".yaml") {
		require.NotNil(t, part(f, "models", name, "", (*Model).check, &errs), name)
	}
	for _, name := range f.Names("engines", ".yaml") {
		part(f, "engines", name, "", (*Engine).check, &errs)
	}
	for _, name := range f.Names("drives", ".yaml") {
		part(f, "drives", name, "", (*Drive).check, &errs)
	}
	for _, name := range f.Names("machines", ".yaml") {
		m := part(f, "machines", name, "", (*Machine).check, &errs)
		require.NotNil(t, m)
		part(f, "drives", m.Drive, "", (*Drive).check, &errs)
	}
	require.Empty(t, errs)
	assert.Subset(t, f.Names("models", ".yaml"), []string{"L8B", "L70B", "Q7B", "M8B", "Q32B", "GPTOSS120B"})
	assert.Subset(t, f.Names("engines", ".yaml"), []string{"tensorrt-llm", "vllm", "llama-cpp", "sglang"})
	assert.Len(t, f.Names("drives", ".yaml"), 7)
}

// What a saved configuration holds of a machine can be read again, to the last digit.
func TestTwinIsSaved(t *testing.T) {
	f := configsFolder(t)
	st, err := LoadStack(f.Path("stackB_llama70b_dynamo_tiered.yaml"))
	require.NoError(t, err)
	st.Model, st.Engine = "GPTOSS120B", "llama-cpp"
	for _, w := range []*World{{World: "w"}, {World: "w", Machine: "gb10-oem"}, {World: "w", Drive: "network-volume"}} {
		twin, err := LoadTwin(f, w, map[string]*Stack{"B": st})
		require.NoError(t, err)
		e := &Experiment{Rig: "sim", Hypothesis: &Hypothesis{Hypothesis: "HX"}, Stacks: map[string]*Stack{"B": st}, World: w, Twin: twin}
		dir := t.TempDir()
		require.NoError(t, e.Save(dir))
		back, err := ReadExperiment(dir)
		require.NoError(t, err)
		assert.Equal(t, twin, back.Twin)
	}
}

// vllmRegions are the regions whose errors vLLM's file has.
const vllmRegions = `errors:
  decode_one_stream: {median: 0.207, largest: 0.284, rows: 10}
  decode_streams: {median: 0.222, largest: 0.225, rows: 2}
  prefill: {median: 0.128, largest: 0.323, rows: 6}
`

// A fault of a part is one line that says what to correct; all of them are told at once.
func TestFaultyParts(t *testing.T) {
	for _, tc := range []struct {
		name, file, before, after string
		says                      []string
	}{
		{"KV bytes that contradict the shape", "models/L70B.yaml", "kv_bytes_per_token: 320KiB", "kv_bytes_per_token: 160KiB",
			[]string{"shape.kv_bytes_per_token: is 160KiB, but 80 layers x 8 KV heads x 128 x 2 (K and V) x 2 B make 320KiB: correct one of them"}},
		{"more active than there are", "models/GPTOSS120B.yaml", "active_billion: 5.13", "active_billion: 513", []string{"is 513, more than the total of 116.8"}},
		{"weights read twice", "models/L70B.yaml", "value: 40610MB", "value: 84GB", []string{"weights.read_per_token.value: is 84GB, more than the 42GB that are resident"}},
		{"windows in more layers than there are", "models/GPTOSS120B.yaml", "layers: 18", "layers: 37", []string{"shape.window.layers: is 37 of 36 layers"}},
		{"a rate without its prompts", "models/L8B.yaml", "    prefill_ref_tokens: 2048\n", "", []string{"prefill_ref_tokens: goes with prefill_tok_per_s"}},
		{"a negative slope", "engines/vllm.yaml", "sequence_us_per_billion: {value: 5.2", "sequence_us_per_billion: {value: -80", []string{"sequence_us_per_billion.value: -80 is negative"}},
		{"a slope of nothing", "engines/vllm.yaml", "sequence_us_per_billion: {value: 5.2", "sequence_us_per_billion: {value: 0", []string{"is zero, which would mean that it is not set"}},
		{"an unknown scheduler", "engines/vllm.yaml", "scheduler: continuous", "scheduler: lottery", []string{`ways.scheduler: must be continuous or slots, not "lottery"`}},
		{"a figure that rests on nothing", "engines/vllm.yaml", "basis: fitted", "basis: guessed", []string{`basis: must be measured, published, fitted, transferred, arithmetic or assumed, not "guessed"`}},
		{"an error that is no share", "engines/vllm.yaml", "largest: 0.284", "largest: 28.4", []string{"errors.decode_one_stream.largest: is at most 10, not 28.4: it is relative, and 8 % is written 0.08"}},
		{"a median beyond the largest", "engines/vllm.yaml", "median: 0.207", "median: 0.307", []string{"errors.decode_one_stream.median: is 0.307, more than the largest of 0.284"}},
		{"errors of nothing", "engines/vllm.yaml", "rows: 2}", "rows: 0}", []string{"errors.decode_streams.rows: is zero"}},
		{"more rows than there are", "engines/vllm.yaml", "rows: 2}", "rows: 200000}", []string{"errors.decode_streams.rows: is at most 100000, not 200000: nobody has published more"}},
		{"an unknown region", "engines/vllm.yaml", "  prefill: {median", "  postfill: {median", []string{"errors.postfill: unknown field"}},
		{"errors without a source", "engines/vllm.yaml", "  source: harness/sim/README.md\n", "", []string{"errors.source: required field is missing"}},
		{"errors without a region", "engines/vllm.yaml", vllmRegions, "errors:\n", []string{"errors: name no region: give decode_one_stream, decode_streams or prefill, or leave the block out"}},
		{"a figure without a source", "drives/sata.yaml", `, source: "sequential read: the same data sheet"`, "", []string{"link.source: required field is missing"}},
		{"a drive faster than its link", "drives/sata.yaml", "link: {value: 560MB/s", "link: {value: 3GB/s", []string{"link.value: is 3GB/s, more than crosses SATA-6Gb (600MB/s)"}},
		{"a drive that writes more than comes", "drives/sata.yaml", "flash_write: {value: 530MB/s", "flash_write: {value: 590MB/s", []string{"flash_write.value: is 590MB/s, more than the link's 560MB/s"}},
		{"a rate without its unit", "drives/sata.yaml", "link: {value: 560MB/s", "link: {value: 560", []string{"link.value: 560 needs a unit, such as 14.95GB/s"}},
		{"a link of no world", "drives/network-volume.yaml", "link: {value: 1048.576MB/s", "link: {value: 1000000GB/s", []string{"link.value: is at most 100000GB/s, not 1000000GB/s"}},
		{"two faults", "drives/sata.yaml", "interface: SATA-6Gb", "interface: IDE\nspeed: 3", []string{"interface: must be PCIe-5.0-x4", "speed: unknown field"}},
		{"memory that does not add up", "machines/dgx-spark.yaml", "reserve: {value: 8GiB", "reserve: {value: 120GiB", []string{"memory.total.value: is 127600524KiB, and system and reserve alone take 126GiB"}},
		{"copies faster than the memory", "machines/dgx-spark.yaml", "copy: {value: 100GB/s", "copy: {value: 140GB/s", []string{"memory.copy.value: is 140GB/s: a copy reads and writes each byte, and 280GB/s is not below the peak of 273GB/s"}},
		{"another's name", "models/L70B.yaml", "model: L70B", "model: L7B", []string{`model: is "L7B" in the file of L70B`}},
		{"a drive that is not there", "machines/dgx-spark.yaml", "drive: pm9e1-4tb", "drive: floppy", []string{"machine dgx-spark names floppy, and there is no file drives/floppy.yaml", "there are half-4tb, network-volume, oem-4tb"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			require.NoError(t, os.WriteFile(filepath.Join(dir, "configs.yaml"), []byte("base: "+absolute("../../configs")+"\n"), 0o644))
			b, err := os.ReadFile("../../configs/" + tc.file)
			require.NoError(t, err)
			text := strings.Replace(string(b), tc.before, tc.after, 1)
			require.NotEqual(t, string(b), text)
			path := filepath.Join(dir, tc.file)
			require.NoError(t, os.Mkdir(filepath.Dir(path), 0o755))
			require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
			f, err := OpenFolder(dir)
			require.NoError(t, err)
			stacks := map[string]*Stack{"A": {Model: "L8B", Engine: "vllm"}, "B": {Model: "L70B", Engine: "tensorrt-llm"}, "C": {Model: "GPTOSS120B", Engine: "llama-cpp"}}
			w := &World{World: "w"}
			if strings.HasPrefix(tc.file, "drives/") {
				w.Drive = strings.TrimSuffix(filepath.Base(tc.file), ".yaml")
			}
			_, err = LoadTwin(f, w, stacks)
			require.Error(t, err)
			for _, want := range tc.says {
				assert.ErrorContains(t, err, want)
			}
			assert.Len(t, strings.Split(err.Error(), "\n"), map[bool]int{true: 2, false: 1}[tc.name == "two faults"], "a line a fault")
		})
	}
}

// A rate is written so that it is read again.
func TestRates(t *testing.T) {
	for text, want := range map[string]Rate{"14.95GB/s": 14.95e9, "216GB/s": 216e9, "560MB/s": 560e6, "1.5kB/s": 1500, "7B/s": 7} {
		r, err := ParseRate(text)
		require.NoError(t, err)
		assert.Equal(t, want, r)
		assert.Equal(t, text, r.String())
	}
	for _, r := range []Rate{1, 3.3, 1e9 / 3, 123456789.5, 273e9, 1e15} {
		back, err := ParseRate(r.String())
		require.NoError(t, err, r.String())
		assert.Equal(t, r, back)
	}
	for text, says := range map[string]string{"5": "needs a unit", "-5GB/s": "is negative", "5GiB/s": "is not a rate", "xGB/s": "is not a rate", "5 parsec": "no known unit"} {
		_, err := ParseRate(text)
		assert.ErrorContains(t, err, says)
	}
}

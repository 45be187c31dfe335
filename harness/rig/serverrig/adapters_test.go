package serverrig

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"sparkharness/harness/drive"
	layout "sparkharness/harness/experiment"
	"sparkharness/harness/load"
	"sparkharness/harness/lora"
	"sparkharness/harness/prompt"
	"sparkharness/harness/record"
	"sparkharness/harness/rig"
)

// writeAdapter writes an adapter of noise, in the form that PEFT has: size bytes of weights. It returns the bytes of its files.
func writeAdapter(t *testing.T, dir, model string, rank, size int) float64 {
	t.Helper()
	configuration, err := json.Marshal(map[string]any{"peft_type": "LORA", "r": rank, "lora_alpha": rank, "base_model_name_or_path": model,
		"target_modules": []string{"q_proj"}})
	require.NoError(t, err)
	noise := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte([]byte(fmt.Sprintf("%-32.32s", filepath.Base(dir))))).Read(noise)
	weights := safetensors(noise)
	require.NoError(t, os.MkdirAll(dir, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "adapter_config.json"), configuration, 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "adapter_model.safetensors"), weights, 0o644))
	return float64(len(configuration) + len(weights))
}

// fourAdapters are names in inputs/lora_lists/lora_4.txt.
var fourAdapters = []string{"incident-triage-01", "log-summary-01", "runbook-writer-01", "alert-routing-01"}

// servedModel is what servers are given of L8B.
const servedModel = "nvidia/Llama-3.1-8B-Instruct-FP8"

// withAdapters is the rig with H1 on four adapters in a folder, and a kind of server as stack A.
func withAdapters(t *testing.T, dir, kind string, change ...func(*layout.Choices, *LaunchOptions)) *Launching {
	t.Helper()
	configs := overlay(t, map[string]string{"hypotheses/h1.yaml": fmt.Sprintf("base: BASE/hypotheses/h1.yaml\nload: {adapters: {list: lora_4.txt, dir: %s}}\n", dir)})
	r, _ := launchingOf(t, "H1", configs, map[string]string{"A": kind}, "L8B", change...)
	return r
}

// askFor sends a token's worth to each of the adapters, as a load does.
func askFor(t *testing.T, r *Launching, m rig.Machine, dir string, names ...string) error {
	t.Helper()
	e := m.Endpoint()
	settings, err := m.ReadBack(t.Context())
	require.NoError(t, err)
	one, err := load.NewConstant(1)
	require.NoError(t, err)
	return load.Touch(t.Context(), load.Spec{RunID: "r", Stack: "A", Model: "L8B", Workload: "w", ContextTokens: 128, Loop: load.Closed{Users: 1, Think: one}, Output: one,
		Nonce: load.NoncePerRequest, Prompter: load.FixedContext{Seed: 1, Body: r.library.Body}, Timeout: time.Minute, BaseURL: e.BaseURL, API: e.API, Dialect: e.Dialect,
		ModelID: settings.Model, HTTP: e.HTTP, Warmup: load.Warmup{Passes: 1}, Duration: time.Second, MaxDuration: time.Second, MinRequests: 1, Start: time.Now(),
		Adapters: &load.Adapters{Names: names, Pick: load.PickUniform, Dir: dir, AsModel: e.AdapterAsModel}})
}

// Adapters are asked for as the kind of server has it, their bytes are those of the files, and one that is not there is refused by the
// server in its own words.
func TestAdaptersAreServed(t *testing.T) {
	for kind, unknown := range map[string]string{"sim-trtllm": "lora_path (%s/none) does not exist.", "sim-vllm": "The model `none` does not exist."} {
		t.Run(kind, func(t *testing.T) {
			dir, bytes := t.TempDir(), map[string]float64{}
			for i, name := range fourAdapters {
				bytes[name] = writeAdapter(t, filepath.Join(dir, name), servedModel, 16, 1<<20+i)
			}
			r := withAdapters(t, dir, kind)
			require.NoError(t, r.adapters.lacks())
			assert.Contains(t, r.Facts().Capabilities, rig.LoRA)
			a := begun(t, r, "stack", "A", "phase", "warm")
			got, err := a.ReadBack(t.Context())
			require.NoError(t, err)
			assert.Equal(t, bytes, got.AdapterBytes)
			assert.Nil(t, got.AdaptersCached, "nothing was to be cold")
			assert.Equal(t, kind == "sim-vllm", a.Endpoint().AdapterAsModel)
			require.NoError(t, askFor(t, r, a, dir, fourAdapters...))
			got, err = a.ReadBack(t.Context())
			require.NoError(t, err, "adapters that are listed are not the model")
			assert.Contains(t, got.WantModel, got.Model)
			says := unknown
			if kind == "sim-trtllm" {
				says = fmt.Sprintf(unknown, dir)
			}
			err = askFor(t, r, a, dir, "none")
			require.ErrorContains(t, err, `touch adapter "none" (1 of 1)`)
			require.ErrorContains(t, err, says)
			require.NoError(t, a.Close())
		})
	}
}

// What a server could not serve is refused before it is started, in one line; another size is another machine.
func TestAdaptersAreLookedFor(t *testing.T) {
	dir := t.TempDir()
	plan := &record.Plan{Hypothesis: "H1", RunID: "r", Cells: []record.PlannedCell{{Stack: "A", Phase: record.ArmCold}}}
	refused := func(kind, want string) {
		t.Helper()
		r := withAdapters(t, dir, kind)
		r.facts.Capabilities = append(r.facts.Capabilities, rig.DropCaches) // with the name of a drive alone nothing can be done to it
		err := r.Check(r.exp, plan)
		require.ErrorContains(t, err, want)
		assert.NotContains(t, err.Error(), "\n")
		_, cannot := errors.AsType[*rig.UndecidableError](err)
		assert.True(t, cannot, "among others the hypothesis is passed over")
	}
	refused("sim-trtllm", "stack A (sim-trtllm): 4 of 4 LoRA adapters are not in "+dir+" (incident-triage-01, log-summary-01, runbook-writer-01 and 1 more): make a folder")
	for _, name := range fourAdapters {
		writeAdapter(t, filepath.Join(dir, name), "org/other", 16, 1000)
	}
	refused("vllm", `stack A (vllm): LoRA adapter incident-triage-01 in `+dir+`: adapter_config.json names the model "org/other"`)
	writeAdapter(t, filepath.Join(dir, fourAdapters[2]), servedModel, 64, 1000)
	refused("sim-trtllm", "LoRA adapter runbook-writer-01 in "+dir+": it has rank 64, and servers are started for 16: say load.adapters.rank: 64")
	machines := map[string]bool{}
	for _, size := range []int{1000, 2000} {
		writeAdapter(t, filepath.Join(dir, fourAdapters[2]), servedModel, 16, size)
		r := withAdapters(t, dir, "sim-trtllm")
		r.facts.Capabilities = append(r.facts.Capabilities, rig.DropCaches)
		require.NoError(t, r.Check(r.exp, plan))
		machines[r.Facts().Machine] = true
		assert.Equal(t, fourAdapters, r.adapters.wanted.Names, "the doctor looks for them, too")
	}
	assert.Len(t, machines, 2)

	// A kind that serves none is no fault of the folder's.
	configs := overlay(t, map[string]string{"servers/sim-trtllm.yaml": "base: BASE/servers/sim-trtllm.yaml\nlaunch: {lora: null}\n"})
	r, _ := launchingOf(t, "H1", configs, map[string]string{"A": "sim-trtllm"}, "L8B")
	assert.NotContains(t, r.Facts().Capabilities, rig.LoRA)
	r.facts.Capabilities = append(r.facts.Capabilities, rig.DropCaches)
	require.ErrorContains(t, r.Check(r.exp, plan), "H1 asks for lora (load.adapters), which rig spark cannot do: choose another rig with -rig, "+
		"or a configuration without it; the kinds of -launch say")
}

// Adapters on another drive than the one that is watched would be read unseen.
func TestAdaptersOnAnotherDrive(t *testing.T) {
	_, on := onDrive(t)
	memory, err := os.MkdirTemp("/dev/shm", "adapters-")
	if err != nil {
		t.Skip("NOT TESTED ELSEWHERE THAN ON THE DRIVE: ", err)
	}
	defer os.RemoveAll(memory)
	for _, name := range fourAdapters {
		writeAdapter(t, filepath.Join(memory, name), servedModel, 16, 1000)
	}
	r := withAdapters(t, memory, "sim-trtllm", on)
	require.ErrorContains(t, r.adapters.lacks(), "stack A (sim-trtllm): the LoRA adapters: ")
	require.ErrorContains(t, r.elsewhere(memory), drive.ErrNoDrive.Error())
	other := *r.device.drive
	other.Leaves = append(other.Leaves[:0:0], other.Leaves...)
	other.Leaves[0].Name = "nvme9n1"
	here := r.device.drive.Dir
	require.NoError(t, r.elsewhere(here))
	r.device.drive = &other
	require.ErrorContains(t, r.elsewhere(here), "and the drive that is watched is nvme9n1: name a folder on theirs with -dir, or put them on this one")
}

// What lies in the page cache is not cold, and what does not is not warm.
func TestColdAndWarmAreReadBack(t *testing.T) {
	dir, _ := onDrive(t)
	for _, name := range fourAdapters {
		writeAdapter(t, filepath.Join(dir, name), servedModel, 16, 1<<20)
	}
	r := withAdapters(t, dir, "sim-trtllm")
	cached, err := r.adapters.inCache(true)
	if cached == nil {
		t.Skip("NOT TESTED: this kernel does not tell what is in the page cache (cachestat)")
	}
	require.ErrorContains(t, err, "cold did not take place: 4.2 of 4.2 MB of LoRA adapters are in the page cache after it was emptied and the server restarted: ")
	_, err = r.adapters.inCache(false)
	require.NoError(t, err)
	for _, path := range lora.Paths(r.adapters.found) {
		file, err := os.Open(path)
		require.NoError(t, err)
		require.NoError(t, file.Sync())
		require.NoError(t, unix.Fadvise(int(file.Fd()), 0, 0, unix.FADV_DONTNEED))
		require.NoError(t, file.Close())
	}
	_, err = r.adapters.inCache(true)
	require.NoError(t, err)
	_, err = r.adapters.inCache(false)
	require.ErrorContains(t, err, "warm did not take place: 0.0 of 4.2 MB of LoRA adapters are in the page cache after the server was restarted: ")
	cached, err = adapters{}.inCache(true)
	require.NoError(t, err)
	assert.Nil(t, cached)
}

// The list that is written for a run is the one that it names.
func TestFourAdapters(t *testing.T) {
	names, err := prompt.ReadAdapters("../../../inputs/lora_lists/lora_4.txt")
	require.NoError(t, err)
	assert.Equal(t, names, fourAdapters)
}

// safetensors is a file of weights with one tensor, which has the bytes that are given.
func safetensors(data []byte) []byte {
	header := fmt.Appendf(nil, `{"lora_A.weight":{"dtype":"U8","shape":[%d],"data_offsets":[0,%[1]d]}}`, len(data))
	return append(append(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header...), data...)
}

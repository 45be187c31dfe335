package serverrig

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/config"
	layout "sparkharness/harness/experiment"
	"sparkharness/harness/load"
	"sparkharness/harness/record"
	"sparkharness/harness/rig"
)

// program is cmd/sparkharness, compiled once, whose serve is started as a server.
var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "sparkharness-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "sparkharness")
	if out, err := exec.Command("go", "build", "-o", path, "../../cmd/sparkharness").CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	if os.Getenv(faultRole) != "" {
		os.Exit(serveFaulty(os.Args[1:]))
	}
	status := m.Run()
	if path, err := program(); err == nil {
		_ = os.RemoveAll(filepath.Dir(path)) // a file too many does no harm
	}
	os.Exit(status)
}

// freePorts are so many in a row, below those that the kernel gives to connections by itself (net.ipv4.ip_local_port_range): one of
// them would be taken by the time that the server is started.
func freePorts(t *testing.T, n int) int {
	t.Helper()
	for range 100 {
		first := 20000 + rand.IntN(12000)
		free := true
		for i := range n {
			l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", first+i))
			if free = free && err == nil; err == nil {
				require.NoError(t, l.Close())
			}
		}
		if free {
			return first
		}
	}
	t.Fatal("no free ports")
	return 0
}

// overlay is a folder of configurations over the committed ones, with our server of Dynamo's dialect at free ports.
func overlay(t *testing.T, more map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	base, err := filepath.Abs("../../../configs")
	require.NoError(t, err)
	port := freePorts(t, 3)
	text := map[string]string{"configs.yaml": "base: " + base + "\n",
		"servers/sim-dynamo.yaml": fmt.Sprintf("base: %s/servers/sim-dynamo.yaml\nlaunch: {port: %d}\nkv: {at: \":%d/metrics\"}\n", base, port, port+2)}
	for name, t := range more {
		text[name] = strings.ReplaceAll(t, "BASE", base)
	}
	for name, of := range text {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(of), 0o644))
	}
	return dir
}

// launching is the rig with H2B's experiment on these kinds.
func launching(t *testing.T, configs string, kinds map[string]string, model string, change ...func(*layout.Choices, *LaunchOptions)) (*Launching, *bytes.Buffer) {
	t.Helper()
	return launchingOf(t, "H2B", configs, kinds, model, change...)
}

// launchingOf is the rig with a hypothesis's experiment.
func launchingOf(t *testing.T, id, configs string, kinds map[string]string, model string, change ...func(*layout.Choices, *LaunchOptions)) (*Launching, *bytes.Buffer) {
	t.Helper()
	file := strings.ToLower(id) + ".yaml"
	if onlyDevice() == "" {
		t.Skip("this machine has no block device")
	}
	path, err := program()
	require.NoError(t, err)
	folder, err := config.OpenFolder(configs)
	require.NoError(t, err)
	hc, err := config.LoadHypothesis(folder, folder.Path("hypotheses/"+file))
	require.NoError(t, err)
	var names []string
	for name := range hc.Thresholds {
		names = append(names, name)
	}
	out := &bytes.Buffer{}
	c := layout.Choices{Root: "../../..", Configs: configs, Rig: "spark", Launches: kinds, Model: model, Device: onlyDevice(), Dir: t.TempDir()}
	o := LaunchOptions{Root: "../../..", Configs: configs, Results: t.TempDir(), Journals: t.TempDir(), Out: out, Getenv: func(name string) (string, bool) {
		if name == "SPARKHARNESS_BIN" {
			return path, true
		}
		return os.LookupEnv(name)
	}}
	for _, f := range change {
		f(&c, &o)
	}
	e, err := layout.Load(layout.Demand{ID: id, Config: file, Requires: names}, c)
	require.NoError(t, err)
	r, err := NewLaunching(e, o)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, r.Close()) })
	return r.(*Launching), out
}

// prepared is the rig once it has been prepared; the doctor's look at this machine is left out.
func prepared(t *testing.T, r *Launching) *Launching {
	t.Helper()
	r.o.SkipDoctor = true
	require.NoError(t, r.Prepare(t.Context()))
	return r
}

// begun is a cell of a stack that has begun.
func begun(t *testing.T, r *Launching, pairs ...any) rig.Machine {
	t.Helper()
	prepared(t, r)
	pc, err := config.Resolve(record.NewCell(pairs...))
	require.NoError(t, err)
	m, err := r.Open(t.Context(), r.exp.StackOf(pc))
	require.NoError(t, err)
	require.NoError(t, m.Begin(t.Context(), pc))
	return m
}

// One server at a time, as long as cells want it as it is; what it became is read back, as it was asked for.
func TestServersLiveAsLongAsTheyAreWanted(t *testing.T) {
	r, out := launching(t, overlay(t, nil), map[string]string{"A": "sim-trtllm", "B": "sim-dynamo"}, "L8B")
	assert.Equal(t, []string{rig.KVTelemetry, rig.ProvesCounters, rig.Restart, rig.SetPolicy, rig.SetTier1, rig.StartupLog, rig.TellsWaits}, r.Facts().Capabilities)
	assert.True(t, r.Facts().Simulated, "no hardware is claimed")

	a := begun(t, r, "stack", "A", "rep", 1)
	require.NoError(t, a.Close())
	first := r.current.server
	require.NoError(t, os.WriteFile(filepath.Join(r.folder(), "B-002.log"), []byte("of a run that is resumed"), 0o600))
	a = begun(t, r, "stack", "A", "rep", 2)
	assert.Same(t, first, r.current.server, "it serves the next cell, too")
	got, err := a.ReadBack(t.Context())
	require.NoError(t, err)
	assert.False(t, got.Unasked)
	assert.Equal(t, 16.0*(1<<30), got.WantKVPool)
	require.NotNil(t, got.KVPoolBytes)
	assert.Equal(t, got.WantKVPool, *got.KVPoolBytes)
	assert.Equal(t, 32.0, *got.BlockTokens)
	assert.Equal(t, "nvidia/Llama-3.1-8B-Instruct-FP8", got.WantModel)
	assert.Empty(t, got.Tiers)
	at := a.Endpoint().BaseURL
	require.NoError(t, a.Close())

	b := begun(t, r, "stack", "B", "tier1", "8GiB", "policy", "LFU")
	_, err = load.ServedModel(t.Context(), r.client, at)
	require.Error(t, err, "A has ended before B began")
	got, err = b.ReadBack(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []record.TierSetting{{Tier: "host", Bytes: 8 << 30, WantBytes: 8 << 30, Policy: "LFU", WantPolicy: "LFU"}}, got.Tiers)
	assert.Equal(t, 8.0*(1<<30), *got.KVPoolBytes)
	assert.NotNil(t, b.Sources().KV, "KVBM counts blocks, whose bytes are known of a server that was started")
	require.NoError(t, b.Close())
	before := r.current.server
	b = begun(t, r, "stack", "B", "tier1", "4GiB", "policy", "LFU")
	assert.NotSame(t, before, r.current.server, "another tier is another server")
	got, err = b.ReadBack(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 4.0*(1<<30), got.Tiers[0].Bytes)

	old := r.current.server
	time.Sleep(time.Second)
	done, err := b.Apply(t.Context(), rig.Treatment{Kind: rig.Restart})
	require.NoError(t, err)
	require.NotNil(t, done.Seen.Before)
	assert.Less(t, *done.Seen.After, *done.Seen.Before, "as the gate wants it")
	assert.NotSame(t, old, r.current.server)
	_, err = load.ServedModel(t.Context(), r.client, b.Endpoint().BaseURL)
	require.NoError(t, err)
	_, err = b.Apply(t.Context(), rig.Treatment{Kind: rig.DropCaches})
	require.ErrorContains(t, err, "drop_caches cannot be done: only a name of the drive is given")
	require.NoError(t, b.Close())
	earlier, err := os.ReadFile(filepath.Join(r.folder(), "B-002.log"))
	require.NoError(t, err)
	assert.Equal(t, "of a run that is resumed", string(earlier))
	assert.Equal(t, 4, strings.Count(out.String(), "serves after"))
	require.NoError(t, r.Close())
	_, err = load.ServedModel(t.Context(), r.client, at)
	require.Error(t, err)
}

// A server that dies is told with its log: by the cell in which it does, and by the next.
func TestServerDies(t *testing.T) {
	r, _ := launching(t, overlay(t, nil), map[string]string{"A": "sim-trtllm", "B": "sim-dynamo"}, "L8B")
	a := begun(t, r, "stack", "A")
	pids, err := processesAt(procRoot, a.Endpoint().BaseURL)
	require.NoError(t, err)
	require.Len(t, pids, 1)
	require.NoError(t, syscall.Kill(pids[0], syscall.SIGKILL))
	require.Eventually(t, func() bool { return r.current.server.Died() != nil }, 5*time.Second, 10*time.Millisecond)
	_, err = a.ReadBack(t.Context())
	require.ErrorContains(t, err, "the server ended (signal: killed) by itself")
	require.ErrorContains(t, a.Close(), "trtllm: tier=device blocks=4096")
	m, err := r.Open(t.Context(), r.exp.Stacks["A"])
	require.NoError(t, err)
	require.ErrorContains(t, m.Begin(t.Context(), record.PlannedCell{}), "by itself")
}

// Pools that were asked for alike and came out different are no comparison.
func TestPoolsMustBeAlike(t *testing.T) {
	configs := overlay(t, map[string]string{
		"stackB_llama70b_dynamo_tiered.yaml": "base: BASE/stackB_llama70b_dynamo_tiered.yaml\ndynamo: {tiers: {tier0: {capacity_bytes: 16GiB}}}\n",
		"other.yaml":                         "base: BASE/stackB_llama70b_dynamo_tiered.yaml\ndynamo: {tiers: {tier0: {capacity_bytes: 2GiB}}}\n"})
	r, _ := launching(t, configs, map[string]string{"A": "sim-trtllm", "B": "sim-dynamo"}, "L8B")
	require.NoError(t, begun(t, r, "stack", "A").Close())
	require.NoError(t, begun(t, r, "stack", "B").Close())
	r.exp.Stacks["B"].Launched.StackFile = "other.yaml" // as a connector would take of the pool
	m, err := r.Open(t.Context(), r.exp.Stacks["B"])
	require.NoError(t, err)
	require.ErrorContains(t, m.Begin(t.Context(), record.PlannedCell{}),
		"the KV pool of stack B holds 16384 tokens and that of stack A 131072, and both were to have 16GiB")
}

// Names of containers differ from run to run, also where processes have the same number, as in containers.
func TestNamesOfContainersAreOnesOwn(t *testing.T) {
	name := func() string {
		r, _ := launching(t, overlay(t, nil), simulatedKinds, "L8B")
		assert.Equal(t, r.place(r.exp.Stacks["B"], 1).Suffix, r.place(r.exp.Stacks["B"], 1).Suffix)
		return r.place(r.exp.Stacks["B"], 1).Suffix
	}
	first := name()
	assert.Regexp(t, `^B-\d+-[a-z2-7]{8}$`, first)
	assert.NotEqual(t, first, name())
}

// What cannot be started is refused before anything is.
func TestCheckLaunches(t *testing.T) {
	r, out := launching(t, overlay(t, nil), map[string]string{"A": "sim-trtllm", "B": "sim-dynamo"}, "L8B")
	p := &record.Plan{Hypothesis: "H2B", RunID: "r"}
	for _, stack := range []string{"A", "A", "B", "A"} {
		p.Cells = append(p.Cells, record.PlannedCell{Stack: stack})
	}
	require.NoError(t, r.Check(r.exp, p))
	assert.Contains(t, out.String(), "H2B: its 4 cells start a server 3 times: whenever stack, tier 1 or policy are others")
	r.exp.Stacks["B"].Launched.Policy = "MRU"
	require.ErrorContains(t, r.Check(r.exp, p), "stack B: policy: the server has no word for MRU")

	t.Setenv("PATH", t.TempDir())
	r, _ = launching(t, overlay(t, nil), map[string]string{"A": "vllm", "B": "vllm-disk"}, "L8B")
	require.ErrorContains(t, r.Check(r.exp, p), "servers/vllm.yaml starts a container, and there is no docker on PATH")
	assert.NotContains(t, r.Facts().Capabilities, rig.SetTier1, "it has no host tier")
	assert.Contains(t, r.Facts().Capabilities, rig.KVTelemetry)
	assert.False(t, r.Facts().Simulated)
	assert.Contains(t, r.Facts().Origin, "A: vllm (vllm/vllm-openai:v0.31.0), model nvidia/Llama-3.1-8B-Instruct-FP8")
	assert.Zero(t, r.exp.Stacks["B"].Launched.Tier1)

	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	_, err = freePort(l.Addr().(*net.TCPAddr).Port)
	require.ErrorContains(t, err, "of loopback is taken: end what listens there (ss -ltnp)")
}

// Programs and images that are not there are found before the first cell, each once and in a line.
func TestCheckFindsWhatIsNotHere(t *testing.T) {
	p := &record.Plan{Hypothesis: "H2B", RunID: "r", Cells: []record.PlannedCell{{Stack: "A"}, {Stack: "B"}}}
	_, err := program() // which is compiled by a PATH
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "docker"), []byte("#!/bin/sh\necho Error: No such image: $5 >&2\nexit 1\n"), 0o755))
	t.Setenv("PATH", dir)
	t.Setenv("HF_HOME", dir)
	r, out := launching(t, overlay(t, nil), map[string]string{"A": "vllm", "B": "vllm-fs"}, "L8B")
	require.EqualError(t, r.Check(r.exp, p), "servers/vllm.yaml: the image vllm/vllm-openai:v0.31.0 is not here (docker image inspect: Error: No such image: vllm/vllm-openai:v0.31.0): "+
		"docker pull vllm/vllm-openai:v0.31.0")
	assert.NotContains(t, out.String(), "start a server")

	gone := filepath.Join(dir, "sparkharness")
	r, _ = launching(t, overlay(t, nil), simulatedKinds, "L8B", func(_ *layout.Choices, o *LaunchOptions) {
		o.Getenv = func(name string) (string, bool) {
			if name == "SPARKHARNESS_BIN" {
				return gone, true
			}
			return os.LookupEnv(name)
		}
	})
	err = r.Check(r.exp, p)
	require.ErrorContains(t, err, "servers/sim-trtllm.yaml: launch.process.command: ")
	require.ErrorContains(t, err, gone+": no such file or directory: build or install it, or correct the file, or set SPARKHARNESS_BIN to its path")
	assert.NotContains(t, err.Error(), "\n")
}

// A model that is none of models/ is given to the server as it is.
func TestModelOfOneself(t *testing.T) {
	r, _ := launching(t, overlay(t, nil), map[string]string{"A": "vllm", "B": "vllm-disk"}, "org/Some-Model-1B")
	assert.Equal(t, "Some-Model-1B", r.exp.Hypothesis.Model)
	assert.Equal(t, "org/Some-Model-1B", r.exp.Stacks["A"].Launched.Model)
	assert.Nil(t, r.exp.Stacks["A"].Launched.TokenBytes)
	r, _ = launching(t, overlay(t, nil), map[string]string{"A": "vllm", "B": "vllm-disk"}, "nvidia/Llama-3.1-8B-Instruct-FP8")
	assert.Equal(t, "L8B", r.exp.Hypothesis.Model, "known by what servers call it")
	assert.Equal(t, 131072.0, *r.exp.Stacks["A"].Launched.TokenBytes)
}

// An interrupted start leaves nothing.
func TestBeginIsInterrupted(t *testing.T) {
	r, _ := launching(t, overlay(t, nil), map[string]string{"A": "sim-trtllm", "B": "sim-dynamo"}, "L8B")
	prepared(t, r)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	m, err := r.Open(ctx, r.exp.Stacks["A"])
	require.NoError(t, err)
	require.ErrorIs(t, m.Begin(ctx, record.PlannedCell{}), context.Canceled)
	assert.Nil(t, r.current)
	require.NoError(t, m.Close())
}

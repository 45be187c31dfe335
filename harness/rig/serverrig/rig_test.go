package serverrig

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/config"
	"sparkharness/harness/drive"
	"sparkharness/harness/load"
	"sparkharness/harness/prompt"
	"sparkharness/harness/record"
	"sparkharness/harness/rig"
)

// fake is a server whose tokens are so many for each of the harness's, and some more a prompt.
type fake struct {
	model      string
	each, more float64
	page       string // of metrics
	usage      bool
	reset      int // status of POST /reset
	tokenizer  *prompt.Tokenizer
	resets     int
	hangs      atomic.Bool // it takes requests and answers none
}

func newFake(t *testing.T) *fake {
	t.Helper()
	tok, err := prompt.NewTokenizer()
	require.NoError(t, err)
	return &fake{model: "org/Tiny-1B", each: 1, usage: true, reset: 200, tokenizer: tok,
		page: "running 0\nwaiting 0\nblocks 100\nconfig_info{block_size=\"16\"} 1\n"}
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if f.hangs.Load() {
		<-r.Context().Done()
		return
	}
	switch r.URL.Path {
	case "/v1/models":
		fmt.Fprintf(w, `{"data":[{"id":%q}]}`, f.model)
	case "/version":
		fmt.Fprint(w, `{"version":"1.2.3"}`)
	case "/metrics":
		fmt.Fprint(w, f.page)
	case "/reset":
		f.resets++
		w.WriteHeader(f.reset)
	case "/v1/completions":
		var q struct {
			Prompt string `json:"prompt"`
		}
		if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		if !f.usage {
			fmt.Fprint(w, `{"choices":[{"text":"a"}]}`)
			return
		}
		fmt.Fprintf(w, `{"choices":[{"text":"a"}],"usage":{"prompt_tokens":%.0f}}`, f.each*float64(f.tokenizer.Count(q.Prompt))+f.more)
	default:
		http.NotFound(w, r)
	}
}

// kind is what the fake is, as a file of servers/ would say it.
func kind() *config.Server {
	return &config.Server{Server: "fake", API: "completions", Dialect: "vllm", Reset: []string{"/reset"}, Build: &config.BuildPage{Path: "/version", Field: "version"},
		Engine: &config.MetricsPage{At: "/metrics", Figures: map[string]config.Metric{"running": {Names: []string{"running"}}, "waiting": {Names: []string{"waiting"}},
			"kv_max_blocks": {Names: []string{"blocks"}}, "block_tokens": {Names: []string{"config_info"}, Label: "block_size"}}}}
}

// prompts is the folder of prompts.
const prompts = "../../../inputs/prompts"

// experiment is one of a hypothesis against the fake.
func experiment(base string, k *config.Server) *config.Experiment {
	st := &config.Stack{Stack: "A", Server: k, Endpoint: config.Endpoint{URL: base}, Telemetry: config.Telemetry{Device: onlyDevice()}}
	if k.Engine != nil {
		st.Endpoint.EngineMetrics = base + k.Engine.At
	}
	return &config.Experiment{Rig: "server", Hypothesis: &config.Hypothesis{Hypothesis: "H0", Model: "L8B"}, Stacks: map[string]*config.Stack{"A": st}}
}

// onlyDevice is any block device of this machine.
func onlyDevice() string {
	entries, err := os.ReadDir("/sys/block")
	if err != nil || len(entries) == 0 {
		return ""
	}
	return entries[0].Name()
}

func opened(t *testing.T, f *fake, k *config.Server) (*Rig, *config.Experiment, error) {
	t.Helper()
	if onlyDevice() == "" {
		t.Skip("this machine has no block device")
	}
	srv := httptest.NewServer(f)
	t.Cleanup(srv.Close)
	e := experiment(srv.URL, k)
	r, err := New(e, Options{Prompts: prompts, Journals: t.TempDir(), Out: io.Discard})
	if err != nil {
		return nil, e, err
	}
	t.Cleanup(func() { assert.NoError(t, r.Close()) })
	return r.(*Rig), e, nil
}

// A server is asked who it is: what the run is called by, and what its prompts are worth, are its own words.
func TestServerIsAsked(t *testing.T) {
	r, e, err := opened(t, newFake(t), kind())
	require.NoError(t, err)
	assert.Equal(t, "Tiny-1B", e.Hypothesis.Model)
	assert.Equal(t, 16, e.Stacks["A"].Runtime.TokensPerBlock)
	f := r.Facts()
	assert.Equal(t, record.ClockReal, f.Clock)
	assert.False(t, f.Simulated)
	assert.Contains(t, f.Origin, "real servers, A: fake 1.2.3, model org/Tiny-1B at http://127.0.0.1:")
	assert.True(t, load.SameTokens(r.servers["A"].ratio))

	other := newFake(t)
	other.each, other.more = 1.25, 12
	again, _, err := opened(t, other, kind())
	require.NoError(t, err)
	assert.InDelta(t, 1.25, again.servers["A"].ratio.Each, 0.002)
	assert.InDelta(t, 12, again.servers["A"].ratio.More, 2)
	assert.Equal(t, f.Machine, again.Facts().Machine, "how it counts is no identity")
	other.model = "another"
	third, _, err := opened(t, other, kind())
	require.NoError(t, err)
	assert.NotEqual(t, f.Machine, third.Facts().Machine)
}

// What a server cannot be measured without is asked for before anything runs, in one line.
func TestServerIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		fake func(*fake)
		kind func(*config.Server)
		want string
	}{
		"no usage":          {func(f *fake) { f.usage = false }, nil, "its answer has no usage.prompt_tokens"},
		"no length by text": {func(f *fake) { f.each, f.more = 0, 7 }, nil, "which is not by their text"},
		"another page":      {func(f *fake) { f.page = "else 1\n" }, nil, "has none of the figures of servers/fake.yaml: name the kind of server with -server"},
		"no page":           {nil, func(k *config.Server) { k.Engine.At = "/nowhere" }, "the engine's page (engine.at of servers/fake.yaml, or -metrics)"},
	} {
		f, k := newFake(t), kind()
		if c.fake != nil {
			c.fake(f)
		}
		if c.kind != nil {
			c.kind(k)
		}
		_, _, err := opened(t, f, k)
		require.ErrorContains(t, err, c.want, name)
		assert.NotContains(t, err.Error(), "\n", name)
	}
	o := Options{Prompts: prompts, Journals: t.TempDir(), Out: io.Discard}
	_, err := New(experiment("http://127.0.0.1:1", kind()), o)
	require.ErrorContains(t, err, "stack A: no server at http://127.0.0.1:1 (start it, or correct its URL)")
	_, err = New(experiment("http://192.0.2.1:80", kind()), o)
	require.ErrorContains(t, err, "base url")
	e := experiment("http://127.0.0.1:1", kind())
	e.Stacks["A"].Server = nil
	_, err = New(e, o)
	require.ErrorContains(t, err, "stack A has no server: give its URL with -url")
}

// Hypotheses that need what nobody can bring a running server to do are refused with what that is.
func TestCheckOfServers(t *testing.T) {
	r, e, err := opened(t, newFake(t), kind())
	require.NoError(t, err)
	require.NoError(t, r.Check(e, nil))
	for want, change := range map[string]func(*config.Experiment){
		"H0 asks for fio (sweep.fio)":            func(e *config.Experiment) { e.Hypothesis.Sweep.Fio = []string{"none", "heavy"} },
		"H0 asks for set_policy (sweep.policy)":  func(e *config.Experiment) { e.Hypothesis.Sweep.Policy = []string{"LRU", "FIFO"} },
		"H0 asks for drop_caches (sweep.phase)":  func(e *config.Experiment) { e.Hypothesis.Sweep.Phase = []string{"cold", "warm"} },
		"H0 asks for kv_telemetry (stack B)":     func(e *config.Experiment) { e.Stacks["B"] = &config.Stack{Stack: "B", Server: kind()} },
		"H0 asks for lora (load.adapters)":       func(e *config.Experiment) { e.Hypothesis.Load.Adapters = &config.Adapters{} },
		"a server that is named by its URL runs": func(e *config.Experiment) { e.Hypothesis.Sweep.Tier1 = []config.Size{1, 2} },
	} {
		h := *e.Hypothesis
		changed := *e
		changed.Hypothesis, changed.Stacks = &h, map[string]*config.Stack{"A": e.Stacks["A"]}
		change(&changed)
		require.ErrorContains(t, r.Check(&changed, nil), want)
	}
	for name, of := range map[string]struct {
		kind func(*config.Server)
		want bool
	}{
		"a page of tiers": {func(k *config.Server) { k.KV = &config.MetricsPage{At: "/kv"} }, true},
		"KVBM's":          {func(k *config.Server) { k.KV, k.KVBM = &config.MetricsPage{At: "/kv"}, true }, false},
		"none":            {func(*config.Server) {}, false},
		"without the size of blocks": {func(k *config.Server) {
			k.KV = &config.MetricsPage{At: "/kv"}
			delete(k.Engine.Figures, "block_tokens")
		}, false},
	} {
		srv := httptest.NewServer(newFake(t))
		k := kind()
		of.kind(k)
		b := experiment(srv.URL, k)
		b.Stacks["B"] = b.Stacks["A"]
		delete(b.Stacks, "A")
		b.Stacks["B"].Stack = "B"
		opened, err := New(b, Options{Prompts: prompts, Journals: t.TempDir(), Out: io.Discard})
		require.NoError(t, err)
		assert.Equal(t, of.want, opened.Check(b, nil) == nil, name)
		require.NoError(t, opened.Close())
		srv.Close()
	}
	h := *e.Hypothesis
	h.Load.Chat = &config.Chat{}
	e.Hypothesis = &h
	require.NoError(t, r.Check(e, nil))
	r.servers["A"].ratio.Each = 1.25
	require.ErrorContains(t, r.Check(e, nil), "its model has 1.25 tokens for each of the harness's, and sessions are laid out in the harness's")
}

// A cell begins when the server is idle, with its caches emptied; what could not be emptied is told.
func TestBeginOfACell(t *testing.T) {
	f := newFake(t)
	r, e, err := opened(t, f, kind())
	require.NoError(t, err)
	m, err := r.Open(t.Context(), e.Stacks["A"])
	require.NoError(t, err)
	require.NoError(t, m.Begin(t.Context(), record.PlannedCell{}))
	assert.Equal(t, 1, f.resets)
	s, err := m.ReadBack(t.Context())
	require.NoError(t, err)
	assert.True(t, s.Unasked)
	assert.Equal(t, []any{"org/Tiny-1B", 100.0, 16.0, []string{}}, []any{s.Model, *s.KVPoolBlocks, *s.BlockTokens, s.NotReadBack})
	assert.Nil(t, s.PromptTokens)

	f.reset = http.StatusNotFound
	m, err = r.Open(t.Context(), e.Stacks["A"])
	require.NoError(t, err)
	require.NoError(t, m.Begin(t.Context(), record.PlannedCell{}))
	s, err = m.ReadBack(t.Context())
	require.NoError(t, err)
	require.Len(t, s.NotReadBack, 1)
	assert.Contains(t, s.NotReadBack[0], "whether caches are empty (POST /reset: 404")

	// A page that does not tell whether anything runs does not tell that nothing does.
	f.reset, f.page = http.StatusOK, "blocks 100\n"
	m, err = r.Open(t.Context(), e.Stacks["A"])
	require.NoError(t, err)
	require.NoError(t, m.Begin(t.Context(), record.PlannedCell{}))
	s, err = m.ReadBack(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []string{"whether it was idle before the load"}, s.NotReadBack)

	f.model = "org/Other"
	_, err = m.ReadBack(t.Context())
	require.ErrorContains(t, err, "the server serves org/Other, and before the first cell it served org/Tiny-1B: it was started anew")
	_, err = m.Apply(t.Context(), rig.Treatment{Kind: rig.Restart})
	require.ErrorContains(t, err, "restart cannot be done to a server that is named by its URL")
	proof, err := m.ProveCounters(t.Context())
	require.NoError(t, err)
	assert.Contains(t, proof.Lacking, "give a folder on it with -device", "of a name nobody can write to")
	require.NoError(t, m.Close())
}

// What is watched is this machine, the server's pages and its own processes.
func TestSourcesOfAServer(t *testing.T) {
	r, e, err := opened(t, newFake(t), kind())
	require.NoError(t, err)
	m, err := r.Open(t.Context(), e.Stacks["A"])
	require.NoError(t, err)
	s := m.Sources()
	defer func() { assert.NoError(t, m.Close()) }()
	var names []string
	for _, source := range s.Sys {
		names = append(names, source.Name())
	}
	assert.Subset(t, names, []string{"proc", "block", "server", "engine"})
	for _, source := range s.Sys {
		var sample record.SysSample
		require.NoError(t, source.Sample(t.Context(), &sample), source.Name())
		if source.Name() == "engine" {
			assert.Equal(t, 0.0, *sample.Engine.Waiting)
		}
	}
	assert.Contains(t, string(s.Scrapes["engine.prom"]()), "waiting 0")
	assert.Equal(t, onlyDevice(), s.Device.Name)
	assert.Nil(t, s.Drive, "of a name nothing more is known")
}

// A folder on the drive tells what the drive is, its mount and its room.
func TestSourcesTellTheDrive(t *testing.T) {
	d, err := drive.Of(t.TempDir(), drive.Here())
	if err != nil {
		t.Skipf("NOT TESTED: %v", err)
	}
	r, e, err := opened(t, newFake(t), kind())
	require.NoError(t, err)
	r.device = device{drive: d, names: []string{d.Leaves[0].Name}}
	m, err := r.Open(t.Context(), e.Stacks["A"])
	require.NoError(t, err)
	s := m.Sources()
	defer func() { assert.NoError(t, m.Close()) }()
	require.NotNil(t, s.Drive)
	assert.Equal(t, d.Drive, *s.Drive)
	assert.NotEmpty(t, s.Drive.MountOptions)
	assert.NotNil(t, s.Drive.FreeBytes)
}

// The process that listens at a URL is found, with its children.
func TestProcessesAt(t *testing.T) {
	srv := httptest.NewServer(http.NotFoundHandler())
	defer srv.Close()
	pids, err := processesAt("/proc", srv.URL)
	require.NoError(t, err)
	assert.Contains(t, pids, os.Getpid())
	srv.Close()
	pids, err = processesAt("/proc", srv.URL)
	require.NoError(t, err)
	assert.NotContains(t, pids, os.Getpid())
	_, err = processesAt("/proc", "http://127.0.0.1")
	require.ErrorContains(t, err, "no port in the URL")
}

// A device that is none is refused with what to give instead.
func TestDeviceOfServers(t *testing.T) {
	_, err := openDevice(sysRoot, "nvme99n9")
	require.ErrorContains(t, err, "-device nvme99n9: no block device of /sys/block: give a folder on the drive")
	_, err = openDevice(sysRoot, "/proc/")
	require.ErrorContains(t, err, "the servers' drive (-device; -dir where they are started): ")
	_, err = openDevice(sysRoot, filepath.Join(t.TempDir(), "missing"))
	require.ErrorContains(t, err, "make the directory first")

	// Counters that the kernel does not keep stand still for as long as anybody measures.
	root := t.TempDir()
	for name, text := range map[string]string{"dev": "259:0\n", "queue/iostats": "0\n"} {
		path := filepath.Join(root, "block", "nvme0n1", name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
	_, err = openDevice(root, "nvme0n1")
	require.ErrorContains(t, err, "-device nvme0n1: the kernel counts no I/O of it: as root, echo 1 > /sys/block/nvme0n1/queue/iostats")
}

// Cells run one after another, whatever becomes of one.
func TestCellsOfServersRunInOrder(t *testing.T) {
	var out bytes.Buffer
	r := &Rig{out: &out}
	var ran []string
	r.Run([]record.PlannedCell{{Key: "a"}, {Key: "b"}, {Key: "c"}}, rig.Work{
		Measure: func(pc record.PlannedCell) error {
			ran = append(ran, pc.Key)
			return map[string]error{"b": io.ErrUnexpectedEOF, "c": rig.ErrSkipped}[pc.Key]
		},
		Done: func(_ record.PlannedCell, _ time.Duration, err error) error { return err },
	})
	assert.Equal(t, "a b c", strings.Join(ran, " "))
	assert.Equal(t, "cell b: unexpected EOF\n", out.String())
}

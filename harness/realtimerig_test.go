package harness

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/config"
	"sparkharness/harness/evidence"
	"sparkharness/harness/load"
	"sparkharness/harness/outgoing"
	"sparkharness/harness/prompt"
	"sparkharness/harness/record"
	"sparkharness/harness/rig"
	"sparkharness/harness/telemetry"
	"sparkharness/harness/verdict"
)

// serialRig proves that a rig needs no simulator: real time, one cell after another, one server for all of them, and
// two things that it cannot do: load the drive, and read a KV manager.
type serialRig struct {
	exp    *config.Experiment
	server *serialServer
	client *outgoing.Client
	began  []string // cells, in order
	undone int
}

func newSerialRig(e *config.Experiment) (*serialRig, error) {
	tokenizer, err := prompt.NewTokenizer()
	if err != nil {
		return nil, err
	}
	r := &serialRig{exp: e, client: outgoing.New(outgoing.Options{}), server: &serialServer{tokenize: tokenizer.IDs, pool: float64(e.Stacks["A"].KVPool())}}
	r.server.http = httptest.NewServer(r.server)
	return r, nil
}

func (r *serialRig) Facts() record.Facts {
	return record.Facts{Rig: r.exp.Rig, Clock: record.ClockReal, Origin: "a server of a test", Simulated: true, Machine: "test",
		Capabilities: []string{rig.Restart, rig.DropCaches, rig.SetTier1, rig.SetPolicy, rig.LoRA, rig.ProvesCounters}, Uncalibrated: []string{"everything"},
		Lacks: []string{record.LacksThrottling, record.LacksSwap}}
}

func (r *serialRig) Check(e *config.Experiment, _ *record.Plan) error { return rig.Lacks(r.Facts(), e) }

func (r *serialRig) Prepare(context.Context) error { return nil }

func (r *serialRig) Open(_ context.Context, st *config.Stack) (rig.Machine, error) {
	return &serialMachine{rig: r, stack: st}, nil
}

func (r *serialRig) Run(cells []record.PlannedCell, w rig.Work) {
	for _, pc := range cells {
		start := time.Now()
		err := w.Measure(pc)
		_ = w.Done(pc, time.Since(start), err) // the run knows
	}
}

func (r *serialRig) Close() error {
	r.client.CloseIdleConnections()
	r.server.http.Close()
	return nil
}

// serialMachine is the one server, for one cell.
type serialMachine struct {
	rig   *serialRig
	stack *config.Stack
}

func (m *serialMachine) Begin(_ context.Context, pc record.PlannedCell) error {
	m.rig.server.served.Store(0)
	m.rig.began = append(m.rig.began, pc.Key)
	return nil
}

func (m *serialMachine) Endpoint() rig.Endpoint {
	return rig.Endpoint{BaseURL: m.rig.server.http.URL, API: load.APICompletions, Dialect: load.DialectTRTLLM, HTTP: m.rig.client}
}

func (m *serialMachine) Sources() rig.Sources {
	engine := telemetry.NewEngine(m.rig.client, m.rig.server.http.URL+"/metrics")
	return rig.Sources{Sys: []telemetry.SysSource{quietDrive{}, engine}, Scrapes: map[string]func() []byte{"engine.prom": engine.LastScrape}}
}

func (m *serialMachine) ReadBack(ctx context.Context) (record.Settings, error) {
	st := *m.stack
	st.Endpoint.URL, st.Endpoint.EngineMetrics = m.rig.server.http.URL, m.rig.server.http.URL+"/metrics"
	return rig.ReadBack(ctx, m.rig.client, &st, rig.Model{ID: "test/tiny", BlockBytes: kvBlockBytes, BlockFormula: "of the test"}, "")
}

func (m *serialMachine) Apply(_ context.Context, t rig.Treatment) (rig.Applied, error) {
	time.Sleep(200 * time.Millisecond) // some samples, if any were taken meanwhile
	before := float64(m.rig.server.served.Swap(0))
	return rig.Applied{Seen: &record.Treated{Treatment: t.Kind, Reading: "requests", Before: &before, After: new(float64)},
		Undo: func(context.Context) error { m.rig.undone++; return nil }}, nil
}

// ProveCounters is of a drive that has no counters but those of quietDrive.
func (m *serialMachine) ProveCounters(context.Context) (record.CountersProof, error) {
	return record.CountersProof{AskedReadBytes: 4096, AskedWriteBytes: 4096, ReadBytes: new(4096.0), WriteBytes: new(4096.0)}, nil
}

func (m *serialMachine) Close() error { return nil }

// quietDrive is a block device of which two reads a second are known.
type quietDrive struct{}

func (quietDrive) Name() string { return "block" }

func (quietDrive) Sample(_ context.Context, s *record.SysSample) error {
	s.NVMe = &record.NVMe{Reads: s.DtMS / 500, ReadBytes: 4096 * s.DtMS / 500, ReadMS: s.DtMS / 5000}
	return nil
}

// kvBlockBytes is the size of a KV block of serialServer.
const kvBlockBytes = 1 << 20

// serialServer answers one request at a time, two milliseconds each: who comes second waits.
type serialServer struct {
	http     *httptest.Server
	tokenize func(string) []uint32
	pool     float64
	turn     sync.Mutex
	served   atomic.Int64
}

func (s *serialServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/v1/models":
		fmt.Fprint(w, `{"data":[{"id":"tiny"}]}`)
		return
	case "/metrics":
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		fmt.Fprintf(w, "trtllm_num_requests_running 1\ntrtllm_num_requests_waiting 0\ntrtllm_kv_cache_max_blocks %g\ntrtllm_kv_cache_tokens_per_block 32\n", s.pool/kvBlockBytes)
		return
	}
	var q struct {
		Prompt    string `json:"prompt"`
		MaxTokens int    `json:"max_tokens"`
	}
	if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.turn.Lock()
	time.Sleep(2 * time.Millisecond)
	s.turn.Unlock()
	s.served.Add(1)
	w.Header().Set("Content-Type", "text/event-stream")
	for i := range q.MaxTokens {
		finish := "null"
		if i == q.MaxTokens-1 {
			finish = `"length"`
		}
		fmt.Fprintf(w, "data: {\"choices\":[{\"index\":0,\"text\":\" tick\",\"finish_reason\":%s}]}\n\n", finish)
		w.(http.Flusher).Flush()
	}
	fmt.Fprintf(w, "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":%d,\"completion_tokens\":%d}}\n\ndata: [DONE]\n\n", len(s.tokenize(q.Prompt)), q.MaxTokens)
}

// realTimeHypothesis claims that somebody waits.
var realTimeHypothesis = Hypothesis{ID: "HX", Config: "hx.yaml", Claim: "answers come one after another", Requires: []string{"least_ms"},
	Decide: func(ev *evidence.Evidence) verdict.Conclusion {
		c := verdict.Check{Name: "takes_time"}
		p99, ok := ev.Groups()[0].Percentile(0.99)
		c.State = verdict.Decide(ok && p99 > ev.Threshold("least_ms"))
		return verdict.Conclusion{Checks: []verdict.Check{c}}
	}}

// realTimeOptions are those of a two-cell plan in real time. Gates that a busy test machine could fail are wide.
func realTimeOptions(t *testing.T, sweep string) (*Options, func() *serialRig) {
	t.Helper()
	base, err := filepath.Abs("../configs")
	require.NoError(t, err)
	dir := t.TempDir()
	up, err := filepath.Rel(dir, base)
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "hypotheses"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "configs.yaml"), []byte("base: "+up+"\n"), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "hypotheses", "hx.yaml"), []byte(`hypothesis: HX
model: L8B
stacks: {A: stackA_llama70b_baseline.yaml}
controls: {ample_ram: takes_time}
load:
  workload: fixed_context
  nonce: per_request
  think_time: {dist: constant, value: 3ms}
  output_tokens: {dist: constant, value: 2}
  request_timeout: 30s
sweep: {ctx: [128], conc: [2], `+sweep+`}
run:
  reps: 2
  seed: 1
  duration: 1s
  max_duration: 10s
  min_requests: 200
  cadence: 50ms
  baseline: 500ms
  observer: 100ms
  warmup: {min: 100ms, max: 10s, passes: 2}
gates: {min_coverage: 0.5, max_send_lag: 30s, steady_alpha: 0.0001, steady_max_drift: 1, steady_tail_alpha: 0.0001, steady_max_tail_drift: 2}
thresholds: {least_ms: 1.9}
`), 0o644))
	var last *serialRig
	before := rigs["serial"]
	rigs["serial"] = kindOfRig{open: func(_ *testing.T, e *config.Experiment) (rig.Rig, error) {
		var err error
		last, err = newSerialRig(e)
		return last, err
	}}
	t.Cleanup(func() {
		if before.open == nil {
			delete(rigs, "serial")
		}
	})
	return &Options{Rig: "serial", Root: "..", Configs: dir, Results: t.TempDir(), World: "default", Expect: "Supported", Quiet: true}, func() *serialRig { return last }
}

// A rig in real time, with a server that outlives its cells, comes to a verdict by the same path as the simulated one.
func TestRealTimeRig(t *testing.T) {
	o, used := realTimeOptions(t, "")
	rep, path := execute(t, realTimeHypothesis, o)
	require.NotNil(t, rep)
	assert.Equal(t, verdict.Supported, rep.Verdict.Outcome, rep.Verdict.Reasons)
	assert.Equal(t, []any{"serial", record.ClockReal, "", "a server of a test", []string{"everything"}},
		[]any{rep.Rig, rep.Clock, rep.World, rep.Origin, rep.Uncalibrated})
	assert.Equal(t, 2, rep.CellsMeasured)
	assert.Equal(t, []string{"ctx=128/conc=2/rep=1", "ctx=128/conc=2/rep=2"}, used().began)
	assert.Positive(t, used().server.served.Load(), "of the last cell: each begins anew")

	ev, err := evidence.Load(filepath.Dir(path), nil)
	require.NoError(t, err)
	require.Len(t, ev.Cells, 2)
	for i, c := range ev.Cells {
		require.NotNil(t, c.Info.Client, "what the client itself took")
		assert.Positive(t, c.Info.Client.CPUSeconds)
		if i > 0 {
			assert.Nil(t, c.Info.Observed, "once a run")
			continue
		}
		require.NotNil(t, c.Info.Observed)
		assert.Empty(t, c.Info.Observed.Error)
		var watched []bool
		for _, p := range c.Info.Observed.Parts {
			watched = append(watched, p.Watched)
			assert.Equal(t, p.Watched, p.Samples > 0, "a label is no treatment")
			assert.Positive(t, p.Requests)
			assert.NotNil(t, p.TTFTp50MS)
		}
		assert.Equal(t, []bool{false, true, false, false, true, true, false}, watched, "each of a pair comes first in turn")
	}

	again, err := Replay(realTimeHypothesis, filepath.Dir(path))
	require.NoError(t, err)
	assert.Equal(t, rep.Verdict, again.Verdict)
}

// Treatments are undone when the cell has ended.
func TestRealTimeRigUndoes(t *testing.T) {
	o, used := realTimeOptions(t, "phase: [cold, warm]")
	o.Reps = 1
	rep, path := execute(t, realTimeHypothesis, o)
	require.NotNil(t, rep)
	assert.Equal(t, 3, used().undone, "the cold cell dropped the cache, and both restarted the server")
	cells, err := filepath.Glob(filepath.Join(filepath.Dir(path), "cells", "*", record.FileSysmon))
	require.NoError(t, err)
	require.Len(t, cells, 2)
	for _, lines := range cells {
		var phases []string
		require.NoError(t, record.ReadComplete(lines, func(s *record.SysSample) error {
			phases = append(phases, s.Phase)
			return nil
		}))
		require.NotEmpty(t, phases)
		assert.Equal(t, record.PhaseBaseline, phases[0], "a server that starts is not watched")
		assert.NotContains(t, phases, record.PhasePrepare)
		assert.NotContains(t, phases, record.PhaseTreat)
	}
}

// What a rig cannot do is said in one clear line before anything runs.
func TestRigRefusesWhatItLacks(t *testing.T) {
	for _, tc := range []struct{ name, sweep, stack, want string }{
		{"drive load", "fio: [none, heavy]", "", "HX asks for fio (sweep.fio), which rig serial cannot do: choose another rig with -rig, or a configuration without it"},
		{"KV telemetry", "", "B: stackB_llama70b_dynamo_tiered.yaml", "HX asks for kv_telemetry (stack B), which rig serial cannot do"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o, _ := realTimeOptions(t, tc.sweep)
			if tc.stack != "" {
				path := filepath.Join(o.Configs, "hypotheses", "hx.yaml")
				b, err := os.ReadFile(path)
				require.NoError(t, err)
				require.NoError(t, os.WriteFile(path, []byte("base: hx0.yaml\nstacks: {"+tc.stack+"}\n"), 0o644))
				require.NoError(t, os.WriteFile(filepath.Join(o.Configs, "hypotheses", "hx0.yaml"), b, 0o644))
			}
			_, err := plan(t, realTimeHypothesis, o)
			require.ErrorContains(t, err, tc.want)
			assert.NotContains(t, err.Error(), "\n")
			left, err := os.ReadDir(o.Results)
			require.NoError(t, err)
			assert.Empty(t, left)
		})
	}
}

// Control worlds and error rates are of simulated machines: on another rig, a world would be a label on the same machine. That is said,
// once, because a test that is skipped says nothing.
func TestNoWorldsOnARealMachine(t *testing.T) {
	if testing.Short() {
		t.Skip("controls are left out with -short, on whichever rig")
	}
	out := ofMany(t)
	o, used := realTimeOptions(t, "")
	before := *session.options
	*session.options = *o
	t.Cleanup(func() { *session.options = before })
	for range 2 {
		skipped := false
		t.Run("controls", func(t *testing.T) {
			defer func() { skipped = t.Skipped() }()
			RunControl(t, realTimeHypothesis)
		})
		assert.True(t, skipped)
	}
	assert.Nil(t, used(), "the rig was not even opened")
	assert.Regexp(t, `^controls: there is nothing to do on rig serial: control worlds are of the simulated machine, [^\n]*; without -rig they run\n$`, out.String())
}

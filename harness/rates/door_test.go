package rates

import (
	"fmt"
	"io"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"sparkharness/harness/config"
	"sparkharness/harness/evidence"
	"sparkharness/harness/record"
	"sparkharness/harness/stats"
	"sparkharness/harness/verdict"
)

var (
	h2a = verdict.Hypothesis{ID: "H2A", Config: "h2a.yaml"}
	h1  = verdict.Hypothesis{ID: "H1", Config: "h1.yaml"}
)

// controls are the control worlds of the hypotheses.
var controls = map[string]map[string]config.Shown{
	"H2A": {"swap_to_nvme": {"traffic_as_idle"}},
	"H1":  {"lora_preloaded": {"first_touch"}},
}

// played is a program whose runs come out as verdicts says, by "H/world/seed"; without an entry they are
// Supported in the default world and Refuted elsewhere.
type played struct {
	name     string // of the rules
	machine  string // what it does, "" for one that never changes
	reps     int
	near     []config.Near
	permuted []string
	verdicts map[string]verdict.Judgement
	door     func(*Door) // changes it

	stop atomic.Bool
	mu   sync.Mutex
	ran  []string
}

// count is an execution over a folder.
func (p *played) count(t *testing.T, dir string) *Count {
	t.Helper()
	d := Door{Load: p.load, Plan: p.plan, Digest: digest, Rules: func(string) (string, error) { return p.name, nil }, FirstBlock: p.firstBlock, Execute: p.execute, Stopping: p.stop.Load,
		Scratch: t.TempDir, Out: io.Discard, Fail: func(err error) { t.Error(err) }}
	if p.door != nil {
		p.door(&d)
	}
	return &Count{Dir: dir, Root: filepath.Join(dir, "repository"), Program: record.Program{Judges: p.name}, Commit: "abc", Door: d}
}

func (p *played) load(h verdict.Hypothesis) (*config.Experiment, error) {
	exp := &config.Experiment{Rig: "sim", Hypothesis: &config.Hypothesis{Hypothesis: h.ID, Controls: controls[h.ID], Near: p.near, Permuted: p.permuted},
		World: &config.World{World: defaultWorld}}
	exp.Hypothesis.Run.Reps = p.reps
	return exp, nil
}

func (p *played) plan(r Run) (*config.Experiment, record.Facts, error) {
	exp, err := p.load(r.Hypothesis)
	exp.World.World = r.World
	return exp, record.Facts{Rig: "sim"}, err
}

func digest(exp *config.Experiment, facts record.Facts) (string, error) {
	return config.Digest(exp.Hypothesis, exp.World, facts)
}

func (p *played) firstBlock(r Run, _ string) (*evidence.Evidence, error) {
	return &evidence.Evidence{Cells: []*evidence.Cell{{PlannedCell: record.PlannedCell{Key: fmt.Sprint(r.Hypothesis.ID, r.World, p.machine)}}}}, nil
}

func (p *played) execute(run Run, _ string) (*verdict.Judgement, string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ran = append(p.ran, run.String())
	if r, ok := p.verdicts[run.String()]; ok {
		if r.RunID == "none" {
			return nil, ""
		}
		return &r, ""
	}
	r := &verdict.Judgement{Verdict: verdict.Verdict{Outcome: verdict.Refuted, Reasons: []string{"the claim is not so", "second"}}}
	if run.World == defaultWorld {
		r.Verdict = verdict.Verdict{Outcome: verdict.Supported, Effect: &verdict.Effect{Estimate: stats.Alone(1.5)}}
	}
	return r, ""
}

func outcome(o verdict.Outcome, reason string) verdict.Judgement {
	return verdict.Judgement{Verdict: verdict.Verdict{Outcome: o, Reasons: []string{reason}}}
}

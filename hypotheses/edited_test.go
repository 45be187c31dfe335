package hypotheses

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness"
	"sparkharness/harness/gate"
	"sparkharness/harness/record"
	"sparkharness/harness/verdict"
)

// states are those of checks by name.
type states map[string]verdict.State

// edited is a recorded run with an edit, and what its replay then has to say.
type edited struct {
	what string
	edit func(r *recording)
	want states // of the checks that do not hold
	says string // part of a check's detail
}

// gated is a recorded run with an edit, and what a gate then has to say.
type gated struct {
	what string
	edit func(r *recording)
	code string // "" for a pass
	says string // part of the gate's detail
}

// judge edits a copy of base for every case. All checks that the case does not name hold; the verdict is what the
// states make it, which asks of base that every gate passes.
func judge(t *testing.T, base *recording, cases []edited) {
	t.Helper()
	for _, e := range cases {
		t.Run(e.what, func(t *testing.T) {
			t.Parallel()
			r := base.again(t)
			if e.edit != nil {
				e.edit(r)
			}
			v := r.replay().Verdict
			outcome, details, named := verdict.Supported, "", 0
			for _, c := range v.Checks {
				want, differs := e.want[c.Name]
				switch {
				case differs:
					named++
				case c.State == verdict.Noted:
					continue
				default:
					want = verdict.Holds
				}
				assert.Equal(t, want, c.State, "%s: %s", c.Name, c.Detail)
				switch {
				case want == verdict.Contradicted:
					outcome = verdict.Refuted
				case want == verdict.Undecided && outcome == verdict.Supported:
					outcome = verdict.Inconclusive
				}
				details += c.Detail + "\n"
			}
			assert.Equal(t, len(e.want), named, "checks that the case names")
			assert.Contains(t, details, e.says)
			assert.Equal(t, outcome, v.Outcome, strings.Join(v.Reasons, "\n"))
		})
	}
}

// judgeGate edits a copy of base for every case and compares a gate. A run in which it fails is invalid, whatever
// its checks say.
func judgeGate(t *testing.T, base *recording, name string, cases []gated) {
	t.Helper()
	for _, e := range cases {
		t.Run(e.what, func(t *testing.T) {
			t.Parallel()
			r := base.again(t)
			if e.edit != nil {
				e.edit(r)
			}
			v := r.replay().Verdict
			i := slices.IndexFunc(v.Gates, func(g gate.Gate) bool { return g.Name == name })
			require.GreaterOrEqual(t, i, 0, "no gate %s", name)
			gate := v.Gates[i]
			assert.Equal(t, e.code, gate.Code, gate.Detail)
			assert.Equal(t, e.code == "", gate.Passed, gate.Detail)
			assert.Contains(t, gate.Detail, e.says)
			assert.Equal(t, e.code != "", v.Outcome == verdict.Invalid, "%s: %v", v.Outcome, v.Reasons)
		})
	}
}

// copyOf is the recorded run of h after an edit. Its measure phases end after a minute, and what no rule under test reads
// is left out of its lines, because every copy of it is read and written several times.
func copyOf(t *testing.T, h harness.Hypothesis, edit func(r *recording)) *recording {
	t.Helper()
	r := recorded(t, h)
	r.json("cells/*/cell.json", func(v object) {
		load := v["load"].(object)
		load["measure_end"] = min(load["measure_end"].(float64), load["measure_start"].(float64)+60)
	})
	drop(r, "metrics.jsonl", "", "itl_p50_ms", "itl_max_ms", "itl_mean_ms", "headers_ms", "server_wait_ms", "turn", "asked_tokens")
	drop(r, "sysmon.jsonl", "nvme", "engine", "rps", "rMBs", "wps", "wMBs", "r_await_ms", "w_await_ms", "aqu_sz", "util_pct")
	if h.ID != h8a.ID {
		drop(r, "dynkv.jsonl", "tier2", "tier0", "derived", "evictions", "prefetches", "matched_tokens", "fetch_p50_ms", "fetch_p95_ms",
			"fetch_p99_ms", "misses")
	}
	// The servers' last pages, which nothing reads again.
	pages, err := filepath.Glob(filepath.Join(r.dir, "cells", "*", "*.prom"))
	require.NoError(t, err)
	for _, page := range pages {
		require.NoError(t, os.Remove(page))
	}
	edit(r)
	return r
}

// allOf are edits one after another.
func allOf(edits ...func(*recording)) func(*recording) {
	return func(r *recording) {
		for _, edit := range edits {
			edit(r)
		}
	}
}

// given sets a number of the decision rule.
func given(name string, v float64) func(*recording) {
	return func(r *recording) { r.threshold(name, v) }
}

// without leaves out the cells whose folders match a pattern.
func without(pattern string) func(*recording) {
	return func(r *recording) {
		folders, err := filepath.Glob(filepath.Join(r.dir, "cells", pattern))
		require.NoError(r.t, err)
		require.NotEmpty(r.t, folders, pattern)
		for _, folder := range folders {
			require.NoError(r.t, os.RemoveAll(folder))
		}
	}
}

// checkOf is a check of a verdict.
func checkOf(t *testing.T, v verdict.Verdict, name string) verdict.Check {
	t.Helper()
	i := slices.IndexFunc(v.Checks, func(c verdict.Check) bool { return c.Name == name })
	require.GreaterOrEqual(t, i, 0, "no check %s", name)
	return v.Checks[i]
}

// drop leaves lines after the measure phase out of a file, and fields out of every line and of a part of it.
func drop(r *recording, file, part string, fields ...string) {
	of := spans(r)
	r.lines(file, func(cell record.Cell, line object) bool {
		inside, _ := line[part].(object)
		for _, f := range fields {
			delete(line, f)
			delete(inside, f)
		}
		p := of[cell.String()]
		return line["ts"].(float64) < p.start+p.seconds+0.1
	})
}

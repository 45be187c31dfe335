package hypotheses

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness"
	"sparkharness/harness/record"
	"sparkharness/harness/report"
	"sparkharness/harness/verdict"
)

// TestReplay derives the verdicts of recorded runs (fixtures/runs, short ones: see fixtures/configs) from
// their lines alone, and finds the recorded report again. -update records them anew.
func TestReplay(t *testing.T) {
	for _, h := range judged {
		t.Run(h.ID, func(t *testing.T) {
			dir := filepath.Join(harness.Root(), "fixtures", "runs", strings.ToLower(h.ID))
			if harness.Updating() {
				harness.Rerecord(t, h, filepath.Join(harness.Root(), "fixtures", "configs"), dir)
			}
			rep, err := harness.Replay(h, dir)
			require.NoError(t, err)
			for _, c := range rep.Verdict.Checks {
				assert.True(t, c.N == 0 || c.Of != "", "%s: what %d counts", c.Name, c.N)
			}
			if e := rep.Verdict.Effect; e != nil {
				assert.NotEmpty(t, e.Of, "what the effect's n counts")
			}
			out := t.TempDir()
			require.NoError(t, report.Write(out, rep))
			assertSame(t, decode(t, dir), decode(t, out), "report")
		})
	}
}

// What a replay says follows from the lines: other lines, another report.
func TestReplayFollowsTheLines(t *testing.T) {
	c := recorded(t, h2a).reading(func(record.Cell) *drive { return new(same(0, 1000)) }).check("traffic_as_idle")
	assert.Equal(t, verdict.Contradicted, c.State, c.Detail)
}

// A run of one hypothesis is not evidence for another.
func TestReplayRefusesAnotherHypothesis(t *testing.T) {
	_, err := harness.Replay(h2b, filepath.Join(harness.Root(), "fixtures", "runs", "h2a"))
	require.ErrorContains(t, err, "a run of H2A, not of H2B")
}

// A run of the first release is read as that release wrote it: its rows are the same, but for bounds, which count with
// correlation since. What it did not record is said to be unknown, and it is judged by today's rules.
func TestReplayOfTheFirstRelease(t *testing.T) {
	dir := filepath.Join(harness.Root(), "fixtures", "first_release", "h1")
	rep, err := harness.Replay(h1, dir)
	require.NoError(t, err)
	require.Len(t, rep.Uncalibrated, 1)
	assert.Contains(t, rep.Uncalibrated[0], "not recorded")
	out := t.TempDir()
	require.NoError(t, report.Write(out, rep))
	want, got := decode(t, dir).(object), decode(t, out).(object)
	assert.Equal(t, []any{"simulated, not measured on hardware", true}, []any{got["origin"], got["simulated"]})
	for _, same := range []string{"run_id", "hypothesis", "world", "model", "stacks", "seed", "config_digest", "cells_planned", "cells_measured", "cell_seconds"} {
		assertSame(t, want[same], got[same], same)
	}
	assert.Equal(t, want["verdict"].(object)["outcome"], got["verdict"].(object)["outcome"])
	before, now := want["rows"].([]any), got["rows"].([]any)
	require.Len(t, now, len(before))
	compared := 0
	for i := range before {
		for key, v := range before[i].(object) {
			withoutBounds(v)
			withoutBounds(now[i].(object)[key])
			assertSame(t, v, now[i].(object)[key], key)
			compared++
		}
	}
	assert.Greater(t, compared, 50)
}

// withoutBounds takes the bounds from percentiles.
func withoutBounds(v any) {
	o, ok := v.(object)
	if !ok {
		return
	}
	delete(o, "lo")
	delete(o, "hi")
	for _, below := range o {
		withoutBounds(below)
	}
}

// A replay asks neither a simulator nor a list of models: a run that was made with other ones is judged alike.
func TestReplayAsksNobody(t *testing.T) {
	t.Parallel()
	for _, h := range judged {
		t.Run(h.ID, func(t *testing.T) {
			want, err := harness.Replay(h, filepath.Join(harness.Root(), "fixtures", "runs", strings.ToLower(h.ID)))
			require.NoError(t, err)
			got := recorded(t, h).
				config(func(h object) { h["model"] = "Nobody-13B" }).
				saved(func(config object) {
					// Knobs of a simulator that this one does not have, and one that it has otherwise.
					w := config["world"].(object)
					w["note"], w["tides"], w["mechanisms"] = "another machine", object{"spring": true}, object{"scrape_stall": []any{1}, "moon": "full"}
				}).
				json("plan.json", func(p object) { p["rig"].(object)["uncalibrated"] = []any{"worded otherwise"} }).replay()
			assert.Equal(t, "Nobody-13B", got.Model)
			assert.Equal(t, []string{"worded otherwise"}, got.Uncalibrated)
			assert.Equal(t, []string{want.World, "another machine"}, []string{got.World, got.WorldNote})
			want.Verdict.Scope = strings.Replace(want.Verdict.Scope, want.Model, "Nobody-13B", 1)
			assert.Equal(t, want.Verdict, got.Verdict)
			assert.Equal(t, want.Findings, got.Findings)
			assert.Equal(t, want.Accounts, got.Accounts)
			require.Equal(t, len(want.Rows), len(got.Rows))
			for i := range want.Rows {
				got.Rows[i].Model = want.Rows[i].Model
			}
			assert.Equal(t, want.Rows, got.Rows)
		})
	}
}

func decode(t *testing.T, dir string) any {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "report.json"))
	require.NoError(t, err)
	var v any
	require.NoError(t, json.Unmarshal(b, &v))
	return v
}

// assertSame compares two JSON values. Numbers may differ in their last digits, because processors with
// fused multiply-add round differently.
func assertSame(t *testing.T, want, got any, path string) {
	t.Helper()
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !assert.True(t, ok, path) || !assert.Equal(t, len(w), len(g), path) {
			return
		}
		for k := range w {
			assertSame(t, w[k], g[k], path+"."+k)
		}
	case []any:
		g, ok := got.([]any)
		if !assert.True(t, ok, path) || !assert.Equal(t, len(w), len(g), path) {
			return
		}
		for i := range w {
			assertSame(t, w[i], g[i], fmt.Sprintf("%s[%d]", path, i))
		}
	case float64:
		g, ok := got.(float64)
		if assert.True(t, ok, path) {
			assert.InDelta(t, w, g, 1e-9*max(1, math.Abs(w)), path)
		}
	default:
		assert.Equal(t, want, got, path)
	}
}

package hypotheses

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/evidence"
	"sparkharness/harness/record"
	"sparkharness/harness/verdict"
)

// The heaviest arm alone makes Page's trend: with moderate below none in most blocks the claim is not shown.
func TestP99RisesInOrder(t *testing.T) {
	ev := configured(h4b)
	arm := func(fio string, p99 ...float64) *evidence.Group {
		g := &evidence.Group{}
		for i, v := range p99 {
			c := &evidence.Cell{Requests: []evidence.Request{{TTFT: v, HasTTFT: true, RC: record.RCOK}}}
			c.Fio, c.Rep = fio, i+1
			g.Cells = append(g.Cells, c)
		}
		return g
	}
	none, heavy := arm("none", 100, 100, 100, 100, 100), arm("heavy", 200, 200, 200, 200, 200)
	c := p99Rises(ev, []*evidence.Group{none, arm("moderate", 90, 90, 90, 110, 110), heavy})
	require.Contains(t, c.Detail, "Page's L 67, p 0.01", "significant")
	require.Contains(t, c.Detail, "the means are not in that order")
	assert.Equal(t, verdict.Undecided, c.State, c.Detail)
	c = p99Rises(ev, []*evidence.Group{none, arm("moderate", 110, 110, 110, 110, 90), heavy})
	assert.Equal(t, verdict.Holds, c.State, c.Detail)
}

// fetches are what a line of dynkv.jsonl says about fetches.
var fetches = regexp.MustCompile(`,"fetch_[a-z0-9_]+":[^,}]+`)

// A relation that holds over all arms does not hold once one arm has lost most of its windows.
func TestTracksNeedsEveryGroup(t *testing.T) {
	r := h4bBase(t)
	require.Equal(t, verdict.Holds, r.check("p99_tracks_fetch").State)
	arm, err := filepath.Glob(filepath.Join(r.dir, "cells", "*fio=heavy*", "dynkv.jsonl"))
	require.NoError(t, err)
	require.NotEmpty(t, arm)
	for _, path := range arm {
		b, err := os.ReadFile(path)
		require.NoError(t, err)
		late := len(b) * 3 / 5
		cut := slices.Concat(b[:late], fetches.ReplaceAll(b[late:], nil))
		require.NotEqual(t, b, cut)
		require.NoError(t, os.WriteFile(path, cut, 0o644))
	}
	c := r.check("p99_tracks_fetch")
	assert.Contains(t, c.Detail, "most windows are missing of fio=heavy")
	assert.True(t, c.Lo != nil && *c.Lo > 0.5, "what is left is related: %s", c.Detail)
	assert.Equal(t, verdict.Undecided, c.State)
}

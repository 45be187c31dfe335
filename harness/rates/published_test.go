package rates

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/config"
	"sparkharness/harness/verdict"
)

// What the repository holds is not run again, wherever results lie; a run that is counted anew replaces its line, and the others
// stay.
func TestPublish(t *testing.T) {
	root := t.TempDir()
	publish := func(p *played, seeds ...uint64) {
		t.Helper()
		p.ran = nil
		c := p.count(t, t.TempDir())
		c.Root = root
		_, _, err := c.Rates([]verdict.Hypothesis{h2a, h1}, seeds)
		require.NoError(t, err)
		require.NoError(t, c.Publish([]verdict.Hypothesis{h2a, h1}))
	}
	path := filepath.Join(root, "fixtures", "rates", "h2a.jsonl")
	p := &played{name: "first"}
	publish(p, 2, 1)
	assert.Len(t, p.ran, 8)
	before := linesIn(t, path)
	require.Len(t, before, 4, "by world and seed")
	for i, want := range []string{`"world":"default","seed":1,`, `"world":"default","seed":2,`, `"world":"swap_to_nvme","seed":1,`,
		`"world":"swap_to_nvme","seed":2,`} {
		assert.Contains(t, before[i], want)
	}
	publish(p, 1, 2)
	assert.Empty(t, p.ran)
	assert.Equal(t, before, linesIn(t, path))

	p.name = "second"
	publish(p, 2, 3)
	assert.Len(t, p.ran, 8)
	after := linesIn(t, path)
	require.Len(t, after, 6)
	assert.Equal(t, []string{before[0], before[2]}, []string{after[0], after[3]}, "of seed 1")
	assert.NotEqual(t, before[1], after[1])

	// Lines of another program in the results folder are not those of this one, whichever was counted last.
	mixed := p.count(t, t.TempDir())
	mixed.Root = root
	stale := mixed.Dir
	old := &played{name: "old"}
	other := old.count(t, stale)
	other.Root = t.TempDir()
	_, _, err := other.Rates([]verdict.Hypothesis{h2a}, []uint64{2})
	require.NoError(t, err)
	_, _, err = mixed.Rates([]verdict.Hypothesis{h2a}, []uint64{2})
	require.NoError(t, err)
	require.NoError(t, mixed.Publish([]verdict.Hypothesis{h2a}))
	assert.Equal(t, after, linesIn(t, path))

	// A count of other worlds leaves these.
	p.near = []config.Near{{World: "at", Check: "c", Truth: 1, Runs: 2}}
	c := p.count(t, t.TempDir())
	c.Root, c.Near = root, true
	_, _, err = c.Rates([]verdict.Hypothesis{h2a}, []uint64{1, 2})
	require.NoError(t, err)
	require.NoError(t, c.Publish([]verdict.Hypothesis{h2a}))
	all := linesIn(t, path)
	require.Len(t, all, 8)
	assert.Equal(t, after, all[2:])
}

// The lines of the repository are counted by the controls of its configurations; one of a world that none of them names is refused.
func TestReadPublished(t *testing.T) {
	root := t.TempDir()
	require.NoError(t, os.CopyFS(filepath.Join(root, "configs"), os.DirFS(filepath.Join("..", "..", "configs"))))
	h := verdict.Hypothesis{ID: "H2A", Config: "h2a.yaml", Deciding: []string{"traffic_as_idle"}}
	source := func(string) (string, error) { return "today's", nil }
	none, err := ReadPublished([]verdict.Hypothesis{h}, root, source)
	require.NoError(t, err)
	assert.Empty(t, none.Worlds.Rates)
	require.Len(t, none.Checks, 1)
	assert.Contains(t, none.Checks[0].Worlds, "swap_to_nvme")

	path := publishedPath(publishedDir(root), "H2A")
	folder, err := config.OpenFolder(filepath.Join(root, "configs"))
	require.NoError(t, err)
	hc, err := config.LoadHypothesis(folder, folder.Path("hypotheses/h2a.yaml"))
	require.NoError(t, err)
	today, err := rulesOf(hc, "today's")
	require.NoError(t, err)
	write := func(world string, seed uint64, rules ...string) {
		t.Helper()
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, appendLine(path, line{Hypothesis: "H2A", World: world, Seed: seed, Outcome: verdict.Refuted, Commit: "abc",
			Checks: []check{{Name: "traffic_as_idle", State: verdict.Contradicted}}, key: key{Rules: strings.Join(append(rules, today)[:1], "")}}))
	}
	write("swap_to_nvme", 7)
	write("swap_to_nvme", 5)
	write("request_log_774", 5)
	got, err := ReadPublished([]verdict.Hypothesis{h}, root, source)
	require.NoError(t, err)
	assert.Equal(t, "abc (H2A)", got.Commits)
	assert.Empty(t, got.Earlier)
	require.Len(t, got.Worlds.Rates, 1)
	row := got.Worlds.Rates[0]
	assert.True(t, row.Control)
	assert.Equal(t, []any{uint64(5), uint64(7), 2, 2}, []any{row.FirstSeed, row.LastSeed, row.Refuted, row.Named})
	require.Len(t, got.Near.Rates, 1)
	row = got.Near.Rates[0]
	assert.False(t, row.Control)
	assert.Equal(t, []any{"traffic_as_idle", 1.0, 200}, []any{row.Near.Check, row.Near.Truth, row.Near.Wanted})

	write("request_log_774", 6, "yesterday's")
	got, err = ReadPublished([]verdict.Hypothesis{h}, root, source)
	require.NoError(t, err)
	assert.Equal(t, []string{"H2A"}, got.Earlier)

	write("no_such_world", 1)
	_, err = ReadPublished([]verdict.Hypothesis{h}, root, source)
	require.ErrorContains(t, err, "world no_such_world, which h2a.yaml names neither as a control nor as near a threshold: remove its lines")
}

// Near a threshold, as many runs are counted as the configuration wants, those of which most are wanted first.
func TestErrorRatesNear(t *testing.T) {
	p := &played{near: []config.Near{{World: "below", Check: "c", Truth: .8, Measured: 8, Power: true, Runs: 1},
		{World: "at", Check: "c", Truth: 1, Measured: 10, Runs: 2}}}
	c := p.count(t, t.TempDir())
	c.Near = true
	rates, runs, err := c.Rates([]verdict.Hypothesis{h2a}, []uint64{1, 2, 3})
	require.NoError(t, err)
	assert.Equal(t, 3, runs)
	jobs, err := c.jobs([]verdict.Hypothesis{h2a}, []uint64{1, 2, 3})
	require.NoError(t, err)
	require.Len(t, jobs, 3)
	assert.Equal(t, []string{"H2A/at/1", "H2A/at/2", "H2A/below/1"}, []string{jobs[0].String(), jobs[1].String(), jobs[2].String()})
	require.Len(t, rates.Rates, 2)
	assert.Equal(t, []string{"below", "at"}, []string{rates.Rates[0].World, rates.Rates[1].World})
	for i, wanted := range []int{1, 2} {
		row := rates.Rates[i]
		assert.False(t, row.Control)
		assert.Equal(t, []int{wanted, wanted}, []int{row.Near.Wanted, row.N()})
	}
}

package hypotheses

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness"
	"sparkharness/harness/record"
)

// twoStages is an H0 of eight cells, two of them in a second stage: its rule fires wherever anybody waits.
const twoStages = `sweep: {conc: [1, 200]}
run: {duration: 20s, max_duration: 30s, warmup: {min: 5s, max: 20s}}
thresholds: {rule_ratio: 1.001}
`

// digests are those of all files below a results folder, by path; without the two that no two executions share.
func digests(t *testing.T, results string) map[string]string {
	t.Helper()
	out := map[string]string{}
	require.NoError(t, filepath.WalkDir(results, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == record.FileManifest || d.Name() == record.FileAttempts {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(results, path)
		out[rel] = fmt.Sprintf("%x", sha256.Sum256(b))
		return err
	}))
	return out
}

// A run that is killed at any moment, resumed, killed again and resumed again leaves what an undisturbed one does.
func TestKilledAndResumed(t *testing.T) {
	if testing.Short() {
		t.Skip("thirty runs: left out with -short")
	}
	t.Parallel()
	const seed, instants = 1, 10
	configs := shortConfigs(t, "h0.yaml", twoStages)
	flags := func(results string, more ...string) []string {
		return append([]string{"-configs", configs, "-results", results, "-expect", "Inconclusive"}, more...)
	}
	whole := t.TempDir()
	began := time.Now()
	require.Zero(t, runChild(t, "^TestH0$", flags(whole)...).status)
	took := time.Since(began)
	want := digests(t, whole)
	second, err := filepath.Glob(filepath.Join(whole, "h0-*", record.DirCells, "*conc=101*", record.FileCell))
	require.NoError(t, err)
	require.Len(t, second, 2, "the second stage")

	rng := rand.New(rand.NewPCG(seed, 0))
	for n := range instants {
		results := t.TempDir()
		said := fmt.Sprintf("seed %d, run %d killed", seed, n)
		for range 2 {
			// On a machine that is busy at another time the run may be over by then: a run that is resumed after its end is
			// to leave the same, too.
			after := time.Duration(rng.Float64() * float64(took))
			said += fmt.Sprintf(" after %v", after.Round(time.Millisecond))
			u := start(t, childCommand(t, "^TestH0$", flags(results, resumable(t, results)...)...))
			time.Sleep(after)
			_ = u.cmd.Process.Kill() // it may have ended
			_ = u.end()
		}
		t.Log(said)
		c := runChild(t, "^TestH0$", flags(results, resumable(t, results)...)...)
		require.Zero(t, c.status, said+": "+c.stdout+c.err)
		assert.Equal(t, want, digests(t, results), said)
		run, err := filepath.Glob(filepath.Join(results, "h0-*"))
		require.NoError(t, err)
		require.Len(t, run, 1)
		assert.Empty(t, harness.VerifyFolder(all, run[0]).Faults, said)
	}
}

// resumable is -resume if there is a run to resume.
func resumable(t *testing.T, results string) []string {
	t.Helper()
	runs, err := filepath.Glob(filepath.Join(results, "h0-*"))
	require.NoError(t, err)
	if len(runs) == 0 {
		return nil
	}
	return []string{"-resume"}
}

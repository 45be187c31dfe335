package hypotheses

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness"
	"sparkharness/harness/record"
)

// onDrive is an H4B of two cells a block on a real drive that takes 0.7 GiB of it.
const onDrive = `model: L8B
profile: tiny
load: {think_time: {dist: uniform, min: 100ms, max: 300ms}}
sweep: {fio: [none, tiny], ctx: [128], conc: [4]}
run: {reps: %d, duration: 2s, max_duration: 20s, min_requests: 10, baseline: 1s, observer: 1s, cadence: 100ms, warmup: {min: 1s, max: 20s, passes: 2}}
`

// diskKills is how often the run is killed: twice, or as often as SPARKHARNESS_KILLS says, for a hardware session of minutes.
func diskKills(t *testing.T) int {
	t.Helper()
	text := os.Getenv("SPARKHARNESS_KILLS")
	if text == "" {
		return 2
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err, "SPARKHARNESS_KILLS is a number")
	return n
}

// A run with a real drive in the path that is killed, and killed again, goes on and comes to a verdict, whichever; what was measured to its end
// stays as it was, in its place or, if the drive moved in its block, put aside, and what a killed process has left on the drive and in the
// journal is gone afterwards.
func TestDiskRigKilledAndResumed(t *testing.T) {
	if testing.Short() {
		t.Skip("a run in real time: left out with -short")
	}
	t.Parallel()
	many, reps := diskKills(t) > 2, 1
	if many {
		reps = diskKills(t) // more cells than come to their end between kills
	}
	configs := shortConfigs(t, "h4b.yaml", fmt.Sprintf(onDrive, reps))
	for name, text := range map[string]string{
		"profiles/tiny.yaml": "profile: tiny\nnote: n\ntier0_bytes: 32MiB\ntier1_bytes: 16MiB\ntier2_bytes: 128MiB\n",
		"fio/tiny.fio": "[tiny]\nioengine=psync\ndirect=1\nthread\ntime_based\nruntime=1h\nfilename=sparkharness-fio.dat\nsize=64m\n" +
			"rw=randread\nbs=16k\nnumjobs=2\n",
	} {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(configs, name)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(configs, name), []byte(text), 0o644))
	}
	dir, journal, results := t.TempDir(), t.TempDir(), t.TempDir()
	command := func(more ...string) *exec.Cmd {
		cmd := childCommand(t, "^TestH4B$", append([]string{"-configs", configs, "-results", results, "-rig", "disk", "-dir", dir}, more...)...)
		cmd.Env = append(cmd.Env, "XDG_STATE_HOME="+journal)
		return cmd
	}
	c := finished(t, command("-plan-only"))
	lackingOnDisk(t, c)
	require.Zero(t, c.status, c.stdout+c.err)
	assert.Empty(t, names(t, dir), "a plan writes nothing")

	const seed = 1
	rng := rand.New(rand.NewPCG(seed, 0))
	said, kv := "", filepath.Join(dir, "sparkharness-disk", "kv")
	whole := map[string]string{} // what was complete at some kill
	for n := range diskKills(t) {
		u := start(t, command(resuming(t, results)...))
		ended := make(chan child, 1)
		go func() { ended <- u.end() }()
		for there := n > 0; !there; time.Sleep(10 * time.Millisecond) {
			select {
			case c := <-ended:
				othersRun(t, c)
				t.Fatal("it ended by itself: " + c.stdout + c.err)
			default:
			}
			_, err := os.Stat(kv)
			there = err == nil
		}
		// A cell takes some twenty seconds, the first one, after which the harness looks at its own effect, twice as long. Two kills come in the
		// first. Of many every other comes after one more cell is complete, so that there is something to lose.
		most := 6 * time.Second
		if many {
			most = 30 * time.Second
		}
		for had := len(sealedOnDisk(t, results)); many && n%2 == 1 && len(sealedOnDisk(t, results)) == had && len(ended) == 0; {
			time.Sleep(50 * time.Millisecond)
		}
		after := time.Duration(rng.Float64() * float64(most))
		var was child
		select {
		case was = <-ended: // before its time came
		case <-time.After(after):
			_ = u.cmd.Process.Kill()
			was = <-ended
		}
		said += was.stdout
		if was.status == 0 {
			break
		}
		require.NotEmpty(t, names(t, dir), "a killed process cleans nothing")
		t.Logf("killed after %v: %v, %d cells complete", after.Round(time.Millisecond), names(t, dir), len(sealedOnDisk(t, results)))
		sealsHold(t, whole, sealedOnDisk(t, results))
		maps.Copy(whole, sealedOnDisk(t, results))
	}
	c = finished(t, command(resuming(t, results)...))
	othersRun(t, c)
	require.Zero(t, c.status, c.stdout+c.err)
	said += c.stdout
	sealsHold(t, whole, sealedOnDisk(t, results))
	if many {
		assert.GreaterOrEqual(t, len(whole), diskKills(t)/2, "cells that were complete at some kill")
	}
	assert.Contains(t, said, "restored: "+dir)
	assert.Contains(t, said, "threw away 1 files, 128.0 MiB, that a killed process had left in "+dir)
	if !strings.Contains(c.stdout, "is left out, because as many were measured again as may be: the block is void: ") { // then no cell is left to tell
		assert.Contains(t, c.stdout, "real drive")
		assert.Contains(t, c.stdout, "loader's software time, reads")
	}
	assert.Empty(t, names(t, dir), "nothing is left on the drive")
	assert.Empty(t, names(t, filepath.Join(journal, "sparkharness", "restore")), "nor in the journal")
	run, err := filepath.Glob(filepath.Join(results, "h4b-disk-*"))
	require.NoError(t, err)
	require.Len(t, run, 1)
	assert.Empty(t, harness.VerifyFolder(all, run[0]).Faults)
	t.Log(c.last(12)) // the verdict, which this machine's load decides
}

// sealedOnDisk are the cells of the one run in a folder that were measured to their end, by what was measured in each: where they lie, in
// cells or, if they were measured again, in quarantine.
func sealedOnDisk(t *testing.T, results string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, of := range []string{"cells", record.DirQuarantine} {
		infos, err := filepath.Glob(filepath.Join(results, "h4b-disk-*", of, "*", "cell.json"))
		require.NoError(t, err)
		for _, path := range infos {
			if cell := filepath.Base(filepath.Dir(path)); !strings.HasSuffix(cell, record.PartialSuffix) {
				out[readFile(t, path)] = filepath.Join(of, cell)
			}
		}
	}
	return out
}

// sealsHold wants all that was measured to its end to be there as it was.
func sealsHold(t *testing.T, before, now map[string]string) {
	t.Helper()
	for text, cell := range before {
		assert.Contains(t, slices.Collect(maps.Keys(now)), text, "%s was complete", cell)
	}
}

// othersRun skips the test if that is why a child has ended.
func othersRun(t *testing.T, c child) {
	t.Helper()
	if strings.Contains(c.stdout, "others move at least ") {
		t.Skip("LEFT OUT: other programs load the drive all the time: " + c.stdout)
	}
}

// resuming is -resume if there is a run to resume.
func resuming(t *testing.T, results string) []string {
	t.Helper()
	runs, err := filepath.Glob(filepath.Join(results, "h4b-*", "plan.json"))
	require.NoError(t, err)
	if len(runs) == 0 {
		return nil
	}
	return []string{"-resume"}
}

// names are those in a folder; none if it is not there.
func names(t *testing.T, dir string) (out []string) {
	t.Helper()
	found, err := os.ReadDir(dir)
	if !os.IsNotExist(err) {
		require.NoError(t, err)
	}
	for _, e := range found {
		out = append(out, e.Name())
	}
	return out
}

package runner

import (
	"crypto/sha256"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/config"
	"sparkharness/harness/experiment"
	"sparkharness/harness/record"
	"sparkharness/harness/rig"
	"sparkharness/harness/rig/simrig"
)

const root = "../.."

// short are the options of a run of a short configuration of fixtures/configs on the simulated rig.
func short(t *testing.T, id string) Options {
	t.Helper()
	return configured(t, id, filepath.Join(root, "fixtures", "configs"))
}

// configured are the options of a run of a hypothesis whose configurations lie in a folder.
func configured(t *testing.T, id, configs string) Options {
	t.Helper()
	return inWorld(t, id, configs, "default")
}

// inWorld are those in a world.
func inWorld(t *testing.T, id, configs, world string) Options {
	t.Helper()
	choices := experiment.Choices{Root: root, Rig: "sim", World: world, Configs: configs}
	demand := experiment.Demand{ID: id, Config: strings.ToLower(id) + ".yaml"}
	folder, err := config.OpenFolder(choices.Configs)
	require.NoError(t, err)
	hc, err := config.LoadHypothesis(folder, folder.Path("hypotheses/"+demand.Config))
	require.NoError(t, err)
	demand.Requires, demand.Windows = slices.Sorted(maps.Keys(hc.Thresholds)), hc.Windows != nil
	e, err := experiment.Load(demand, choices)
	require.NoError(t, err)
	sim, err := simrig.New(t, e)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, sim.Close()) })
	digest, err := experiment.Digest(e, root, sim.Facts())
	require.NoError(t, err)
	plan, err := experiment.New(e, sim.Facts(), experiment.RunID(e, digest), digest)
	require.NoError(t, err)
	return Options{Exp: e, Plan: plan, Rig: sim, Root: root, Dir: t.TempDir(), Out: io.Discard, Stop: new(atomic.Bool)}
}

// with are the options for another plan.
func with(o Options, p *record.Plan, resume bool) Options {
	o.Plan, o.Resume = p, resume
	return o
}

// opened is a run of the options; it does not close itself.
func opened(t *testing.T, o Options) *Run {
	t.Helper()
	r, err := Open(o)
	require.NoError(t, err)
	return r
}

// measureCell runs one planned cell into dir, on the rig's clock. alongside, if there is one, is called on it first.
func measureCell(t *testing.T, r *Run, pc record.PlannedCell, dir string, alongside func()) (err error) {
	t.Helper()
	r.o.Rig.Run([]record.PlannedCell{pc}, rig.Work{
		Measure: func(pc record.PlannedCell) error {
			if alongside != nil {
				alongside()
			}
			return r.tools.measure(pc, dir)
		},
		Done: func(_ record.PlannedCell, _ time.Duration, failed error) error { err = failed; return nil },
	})
	return err
}

// The same seed leaves the same bytes, whatever the number of processors.
func TestSameSeedSameBytes(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds: left out with -short")
	}
	for _, id := range []string{"H1", "H2A", "H2B", "H4B", "H5", "H6"} {
		t.Run(id, func(t *testing.T) {
			sums := map[int]string{}
			for _, procs := range []int{1, 2, 4} {
				before := runtime.GOMAXPROCS(procs)
				r := opened(t, short(t, id))
				dir := filepath.Join(t.TempDir(), "cell")
				require.NoError(t, measureCell(t, r, r.o.Plan.Cells[0], dir, nil))
				runtime.GOMAXPROCS(before)
				require.NoError(t, r.Close())
				sums[procs] = sumFiles(t, dir)
			}
			assert.Equal(t, sums[1], sums[2])
			assert.Equal(t, sums[1], sums[4])
		})
	}
}

func sumFiles(t *testing.T, dir string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	out := ""
	for _, f := range files {
		b, err := os.ReadFile(f)
		require.NoError(t, err)
		out += fmt.Sprintf("%s %x\n", filepath.Base(f), sha256.Sum256(b))
	}
	return out
}

// An interrupt leaves whole lines; the cell stays partial, and the run is continued or set aside.
func TestInterrupt(t *testing.T) {
	o := short(t, "H2A")
	r := opened(t, o)
	first, second := r.o.Plan.Cells[0], r.o.Plan.Cells[1]

	dir, err := r.art.begin(first)
	require.NoError(t, err)
	require.NoError(t, measureCell(t, r, first, dir, nil))
	require.NoError(t, r.art.keep(first))

	dir, err = r.art.begin(second)
	require.NoError(t, err)
	var timer *time.Timer
	err = measureCell(t, r, second, dir, func() { timer = time.AfterFunc(40*time.Second, func() { o.Stop.Store(true) }) })
	require.ErrorIs(t, err, errInterrupted)
	require.NotNil(t, timer)
	lines := 0
	torn, err := record.Read(filepath.Join(dir, record.FileSysmon), func(*record.SysSample) error { lines++; return nil })
	require.NoError(t, err)
	assert.False(t, torn)
	assert.GreaterOrEqual(t, lines, 20, "the baseline, and warm-up more rarely")
	_, err = record.Read(filepath.Join(dir, record.FileMetrics), func(*record.Request) error { return nil })
	require.NoError(t, err)
	assert.NoFileExists(t, filepath.Join(dir, record.FileCell), "it is not complete")
	assert.True(t, r.art.has(first))
	assert.False(t, r.art.has(second))

	// Nobody else may write the folder meanwhile.
	_, err = newArtifacts(with(o, o.Plan, false))
	require.ErrorContains(t, err, "another process is running")
	require.ErrorContains(t, err, fmt.Sprintf("held by process %d on host ", os.Getpid()))
	require.NoError(t, r.Close())

	// -resume keeps the complete cell and measures the other one anew.
	o.Resume = true
	o.Stop.Store(false)
	again := opened(t, o)
	assert.True(t, again.art.has(first))
	assert.False(t, again.art.has(second))
	require.NoError(t, again.Close())

	// Another configuration is refused; without -resume the earlier run is set aside, not mixed in, and an
	// incomplete run never pushes out a complete one.
	_, err = newArtifacts(with(o, &record.Plan{RunID: o.Plan.RunID, Digest: "another digest"}, true))
	require.ErrorContains(t, err, "another configuration")
	require.NoError(t, os.MkdirAll(again.art.dir+previousSuffix, 0o755))
	fresh, err := newArtifacts(with(o, o.Plan, false))
	require.NoError(t, err)
	assert.False(t, fresh.has(first))
	assert.DirExists(t, fresh.dir+previousSuffix)
	assert.DirExists(t, fresh.dir+incompleteSuffix)
	require.NoError(t, fresh.close())

	o.Dir = t.TempDir()
	_, err = newArtifacts(with(o, o.Plan, true))
	require.ErrorContains(t, err, "run without -resume")
}

// What a run is continued over are files: to write a pipe would wait for a reader.
func TestResumeWritesFilesOnly(t *testing.T) {
	for _, name := range []string{record.FileManifest, record.FileConfig, "uwork.json"} {
		o := short(t, "H2A")
		r := opened(t, o)
		require.NoError(t, r.Close())
		path := filepath.Join(r.Dir(), name)
		require.NoError(t, os.RemoveAll(path))
		require.NoError(t, os.Symlink(os.DevNull, path))
		o.Resume = true
		_, err := Open(o)
		require.EqualError(t, err, "-resume: "+path+" is neither a file nor a folder: remove it")
	}
}

// Whoever only looks at a plan is refused what a run would be refused, in the same words, and leaves nothing behind.
func TestDryRefusesWhatOpenRefuses(t *testing.T) {
	o := short(t, "H2A")
	o.Dir = filepath.Join(o.Dir, "a", "b")
	require.NoError(t, Dry(o))
	assert.NoDirExists(t, filepath.Dir(o.Dir))

	for name, change := range map[string]func(t *testing.T, o *Options){
		"no prompt of a length": func(_ *testing.T, o *Options) {
			o.Plan.Cells = append(o.Plan.Cells, record.PlannedCell{Key: "ctx=3000", ContextTokens: 3000})
		},
		"no prompts": func(t *testing.T, o *Options) { o.Root = t.TempDir() },
	} {
		t.Run(name, func(t *testing.T) {
			o := short(t, "H2A")
			change(t, &o)
			dry := Dry(o)
			_, err := Open(o)
			require.Error(t, err)
			require.Error(t, dry)
			assert.Equal(t, err.Error(), dry.Error())
		})
	}
	file := filepath.Join(t.TempDir(), "a-file")
	require.NoError(t, os.WriteFile(file, nil, 0o644))
	for dir, says := range map[string]string{file: "a-file is no folder", filepath.Join(file, "results"): "not a directory"} {
		o := short(t, "H2A")
		o.Dir = dir
		_, err := Open(o)
		require.ErrorContains(t, err, "results cannot be written: ")
		require.ErrorContains(t, Dry(o), "results cannot be written: ")
		require.ErrorContains(t, Dry(o), says)
	}
}

// A folder that may not be written is told without trying.
func TestDryOfAFolderWithoutRights(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may write anywhere")
	}
	o := short(t, "H2A")
	require.NoError(t, os.Chmod(o.Dir, 0o500))
	require.ErrorContains(t, Dry(o), "results cannot be written: "+o.Dir+": permission denied")
}

func TestPromptMissing(t *testing.T) {
	o := short(t, "H2A")
	o.Plan.Cells = append(o.Plan.Cells, record.PlannedCell{Key: "ctx=3000", ContextTokens: 3000})
	_, err := Open(o)
	require.ErrorContains(t, err, "3000")
	assert.NotContains(t, err.Error(), "\n")
}

func TestResultsCannotBeWritten(t *testing.T) {
	o := short(t, "H2A")
	file := filepath.Join(o.Dir, "a-file")
	require.NoError(t, os.WriteFile(file, nil, 0o644))
	o.Dir = filepath.Join(file, "results")
	_, err := Open(o)
	require.ErrorContains(t, err, "results")
	assert.NotContains(t, err.Error(), "\n")
}

// What measures says of itself stands in plan.json, so that what is concluded later asks no rig.
func TestFactsStandInThePlan(t *testing.T) {
	o := short(t, "H2A")
	r := opened(t, o)
	defer func() { require.NoError(t, r.Close()) }()
	p, err := record.ReadPlan(r.Dir())
	require.NoError(t, err)
	assert.Equal(t, o.Rig.Facts(), p.Facts)
	assert.NotEmpty(t, p.Facts.Machine)
}

package harness

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/record"
)

// small is a hypothesis over the short configurations of fixtures/configs.
func small(id string, requires ...string) Hypothesis {
	return Hypothesis{ID: id, Claim: "a claim", Config: strings.ToLower(id) + ".yaml", Requires: requires,
		Decide: func(*Evidence) Conclusion { return Conclusion{} }}
}

var (
	smallH2A = small("H2A", "idle_margin_share", "idle_margin_rps", "r2_min")
	smallH1  = small("H1", "first_touch_ratio", "equivalence_margin", "cold_read_share", "warm_read_share")
	smallH5  = small("H5", "trend_alpha", "p99_ratio", "reads_margin_rps", "working_set_tolerance", "rate_tolerance")
	smallH6  = small("H6", "fetch_share", "tier2_hit_share", "policy_margin")
	smallH2B = small("H2B", "fetch_share", "tier2_hit_share", "rise_alpha", "idle_margin_share", "idle_margin_rps")
)

func testOptions(t *testing.T) *Options {
	t.Helper()
	return &Options{Rig: rigSim, World: "default", Root: "..", Configs: filepath.Join("..", "fixtures", "configs"),
		Results: t.TempDir(), Expect: "Supported"}
}

func testPlan(t *testing.T, h Hypothesis, o *Options) (*Experiment, *Plan) {
	t.Helper()
	e, err := loadExperiment(h, o)
	require.NoError(t, err)
	digest, err := e.digest("..")
	require.NoError(t, err)
	p, err := newPlan(e, runID(e, digest), digest)
	require.NoError(t, err)
	return e, p
}

// The plan is an object made before any data: golden, so that a change of order or seeds is seen.
// Rewrite with UPDATE=1.
func TestPlanGolden(t *testing.T) {
	e, p := testPlan(t, smallH2B, testOptions(t))
	var b bytes.Buffer
	p.print(&b, e, smallH2B)
	golden := filepath.Join("testdata", "plan_h2b.txt")
	if os.Getenv("UPDATE") != "" {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(golden, b.Bytes(), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	assert.Equal(t, string(want), b.String())
}

func TestPlanSeeds(t *testing.T) {
	o := testOptions(t)
	_, p := testPlan(t, smallH2B, o)
	byKey := map[string]PlannedCell{}
	for _, c := range p.Cells {
		byKey[c.Key] = c
	}
	a, b := byKey["stack=A/ctx=4096/conc=32/rep=1"], byKey["stack=B/ctx=4096/conc=32/rep=1"]
	assert.Equal(t, a.LoadSeed, b.LoadSeed, "arms of a block share the load's randomness")
	assert.NotEqual(t, a.MachineSeed, b.MachineSeed)
	assert.NotEqual(t, a.LoadSeed, byKey["stack=A/ctx=4096/conc=32/rep=2"].LoadSeed)

	_, same := testPlan(t, smallH2B, o)
	assert.Equal(t, p, same)
	o.Seed = 2
	_, other := testPlan(t, smallH2B, o)
	assert.NotEqual(t, p.RunID, other.RunID)
	assert.NotEqual(t, p.Cells[0].LoadSeed, other.Cells[0].LoadSeed)
}

// Arms of a treatment share the load, other factors do not; what a cell treats is its stack's, not another's.
func TestPlanFactors(t *testing.T) {
	e, p := testPlan(t, smallH6, testOptions(t))
	byKey := map[string]PlannedCell{}
	for _, c := range p.Cells {
		byKey[c.Key] = c
	}
	require.Len(t, byKey, 16)
	a := byKey["tier1=8GiB/policy=FIFO/ctx=1024/conc=8/rep=1"]
	b := byKey["tier1=16GiB/policy=LFU/ctx=1024/conc=8/rep=1"]
	require.NotZero(t, a.LoadSeed)
	assert.Equal(t, a.LoadSeed, b.LoadSeed)
	assert.NotEqual(t, a.LoadSeed, byKey["tier1=8GiB/policy=FIFO/ctx=2048/conc=8/rep=1"].LoadSeed)
	tier := e.stackOf(b).Dynamo.Tiers.Tier1
	assert.EqualValues(t, 16<<30, tier.CapacityBytes)
	assert.Equal(t, "LFU", tier.EvictionPolicy)
	assert.EqualValues(t, 8<<30, e.stackOf(a).Dynamo.Tiers.Tier1.CapacityBytes)
	assert.EqualValues(t, 24<<30, e.Stacks["B"].Dynamo.Tiers.Tier1.CapacityBytes, "the configuration itself stays")

	_, p = testPlan(t, smallH5, testOptions(t))
	c := p.Cells[0]
	assert.Equal(t, []any{12, 0.6, 2048}, []any{c.Turns, c.Reuse, c.ContextTokens})
	assert.Contains(t, []int{16, 32}, c.Users)
}

func TestCellOrder(t *testing.T) {
	cells := []record.Cell{}
	for _, key := range []string{"tier1=8GiB/ctx=512", "tier1=8GiB/ctx=2048", "tier1=16GiB/ctx=512"} {
		c, err := record.ParseCell(key)
		require.NoError(t, err)
		cells = append(cells, c)
	}
	assert.Negative(t, compareCells(cells[0], cells[1]))
	assert.Negative(t, compareCells(cells[1], cells[2]), "8GiB before 16GiB")
}

func TestPlanRoundTrip(t *testing.T) {
	_, p := testPlan(t, smallH2A, testOptions(t))
	path := filepath.Join(t.TempDir(), "plan.json")
	require.NoError(t, p.save(path))
	back, err := readPlan(path)
	require.NoError(t, err)
	assert.Equal(t, p, back)

	require.NoError(t, os.WriteFile(path, []byte(`{"cells":[{"cell":"ctx=../../x"}]}`), 0o644))
	_, err = readPlan(path)
	require.ErrorContains(t, err, "plan.json")
}

func TestExperimentRoundTrip(t *testing.T) {
	e, _ := testPlan(t, smallH2B, testOptions(t))
	path := filepath.Join(t.TempDir(), "config.yaml")
	require.NoError(t, e.save(path))
	back, err := readExperiment(path)
	require.NoError(t, err)
	d1, err := e.digest("..")
	require.NoError(t, err)
	d2, err := back.digest("..")
	require.NoError(t, err)
	assert.Equal(t, d1, d2)
}

// overlay lays a folder of the test's own over the options' configurations. Each file holds only what differs.
func overlay(t *testing.T, o *Options, files map[string]string) {
	t.Helper()
	below, err := filepath.Abs(o.Configs)
	require.NoError(t, err)
	o.Configs = t.TempDir()
	put := func(name, text string) {
		path := filepath.Join(o.Configs, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
	put("configs.yaml", "base: "+below+"\n")
	for name, text := range files {
		if base := filepath.Join(below, name); filepath.Ext(name) == ".yaml" && fileExists(base) {
			text = "base: " + base + "\n" + text
		}
		put(name, text)
	}
}

func fileExists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// withFio are the options of a configuration that sweeps fio, with the job files as they are given.
func withFio(t *testing.T, jobs map[string]string) *Options {
	t.Helper()
	o := testOptions(t)
	files := map[string]string{"hypotheses/h2a.yaml": "sweep: {fio: [none, heavy]}\n"}
	for name, text := range jobs {
		files["fio/"+name+".fio"] = text
	}
	overlay(t, o, files)
	return o
}

// What fio does to the drive is part of the configuration: another job file is another run, under another
// name; a job file that no level names is not.
func TestFioIsPartOfTheDigest(t *testing.T) {
	const heavy = "[global]\ndirect=1\nioengine=libaio\nthread\ntime_based\nruntime=4h\nfilename=f.dat\nsize=8g\n[heavy]\nrw=randread\nbs=16k\niodepth=32\nnumjobs=4\n"
	jobs := func(change func(map[string]string)) map[string]string {
		out := map[string]string{"none": "; no job\n", "heavy": heavy, "moderate": strings.Replace(heavy, "[heavy]", "[moderate]", 1)}
		if change != nil {
			change(out)
		}
		return out
	}
	e, base := testPlan(t, smallH2A, withFio(t, jobs(nil)))
	assert.Equal(t, map[string]string{"none": "; no job\n", "heavy": heavy}, e.Fio, "the levels' files, and no others")
	for _, tc := range []struct {
		name   string
		change func(map[string]string)
		same   bool
	}{
		{"the same again", nil, true},
		{"a file that no level names", func(m map[string]string) { m["moderate"] += "; more\n" }, true},
		{"a job more in flight", func(m map[string]string) { m["heavy"] = strings.Replace(heavy, "numjobs=4", "numjobs=5", 1) }, false},
		{"a comment", func(m map[string]string) { m["heavy"] += "; a word\n" }, false},
		{"the profile without load", func(m map[string]string) { m["none"] += "; a word\n" }, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, p := testPlan(t, smallH2A, withFio(t, jobs(tc.change)))
			assert.Equal(t, tc.same, p.Digest == base.Digest)
			assert.Equal(t, tc.same, p.RunID == base.RunID)
			assert.Equal(t, base.Cells, p.Cells, "the load's and the machine's randomness stay")
		})
	}

	// It is saved with the run.
	path := filepath.Join(t.TempDir(), "config.yaml")
	require.NoError(t, e.save(path))
	back, err := readExperiment(path)
	require.NoError(t, err)
	digest, err := back.digest("..")
	require.NoError(t, err)
	assert.Equal(t, base.Digest, digest)
	inFlight := 0
	for _, pc := range base.Cells {
		list, err := back.fioJobs(pc)
		require.NoError(t, err)
		assert.Equal(t, pc.Fio == "heavy", len(list) > 0, pc.Key)
		inFlight += len(list)
	}
	assert.Positive(t, inFlight)

	_, err = loadExperiment(smallH2A, withFio(t, jobs(func(m map[string]string) { m["heavy"] = "rw=randread\n" })))
	require.ErrorContains(t, err, "heavy.fio:1", "a job file that cannot be read is refused before anything runs")
	e, _ = testPlan(t, smallH2A, testOptions(t))
	assert.Nil(t, e.Fio)
}

// The world's memory becomes part of the effective configuration: a label is not a treatment.
func TestWorldChangesTheConfiguration(t *testing.T) {
	o := testOptions(t)
	o.World = "ample_ram"
	e, _ := testPlan(t, smallH2B, o)
	assert.EqualValues(t, 48<<30, e.Stacks["B"].Dynamo.Tiers.Tier1.CapacityBytes)
	o.World = "swap_to_nvme"
	e, _ = testPlan(t, smallH2A, o)
	assert.EqualValues(t, 4<<30, e.Stacks["A"].Runtime.KVPoolBytes)
}

// Each bad input is one clear line, before anything runs.
func TestBadInput(t *testing.T) {
	over := func(file, text string) func(*testing.T, *Options) {
		return func(t *testing.T, o *Options) { overlay(t, o, map[string]string{file: text + "\n"}) }
	}
	for _, tc := range []struct {
		name string
		h    Hypothesis
		set  func(t *testing.T, o *Options)
		want string
	}{
		{"unknown world", smallH2A, func(_ *testing.T, o *Options) { o.World = "mars" }, "ample_ram, "},
		{"world that leaves the folder", smallH2A, func(_ *testing.T, o *Options) { o.World = "../hypotheses/h0" }, "is a path, not a name"},
		{"another hypothesis's file", smallH2A, func(_ *testing.T, o *Options) { o.Config = filepath.Join(o.Configs, "hypotheses", "h0.yaml") }, "is the configuration of H0, not of H2A"},
		{"adapter twice", smallH1, func(t *testing.T, o *Options) {
			dir := t.TempDir()
			require.NoError(t, os.MkdirAll(filepath.Join(dir, "inputs", "lora_lists"), 0o755))
			require.NoError(t, os.WriteFile(filepath.Join(dir, "inputs", "lora_lists", "lora_4.txt"), []byte("a\nb\na\n"), 0o644))
			o.Configs, _ = filepath.Abs(o.Configs)
			o.Root = dir
		}, `lora_4.txt:3: adapter "a" is already on line 1`},
		{"no such adapter list", smallH1, over("hypotheses/h1.yaml", "load: {adapters: {list: lora_5.txt}}"), "lora_5.txt"},
		{"reuse that cannot be", smallH5, over("hypotheses/h5.yaml", "sweep: {reuse: [0.99]}"), "reuse 0.99 is not from"},
		{"policy that the server does not know", smallH6, over("hypotheses/h6.yaml", "sweep: {policy: [FIFO, MRU]}"), `sweep.policy[1]: must be LRU, FIFO, LFU or SEGMENTED, not "MRU"`},
		{"tier that does not fit", smallH6, over("hypotheses/h6.yaml", "sweep: {tier1: [8GiB, 160GiB]}"), "make a tier smaller"},
		{"missing threshold", smallH2A, over("hypotheses/h2a.yaml", "thresholds: {r2_min: null}"), "thresholds.r2_min: missing"},
		{"threshold that nobody reads", smallH2A, over("hypotheses/h2a.yaml", "thresholds: {r3_min: 1}"), "thresholds.r3_min: H2A decides nothing by it"},
		{"unknown field", smallH2A, over("hypotheses/h2a.yaml", "run: {repz: 2}"), "repz"},
		{"size without unit", smallH2A, over("stackA_llama70b_baseline.yaml", "runtime: {kv_pool_bytes: 16}"), "needs a unit"},
		{"levels that the rule would mix", Hypothesis{ID: "H2A", Config: "h2a.yaml", Requires: smallH2A.Requires, OneLevel: []string{"ctx"}}, func(*testing.T, *Options) {}, "sweep.ctx has 2 levels"},
		{"windows that the rule needs", Hypothesis{ID: "H2A", Config: "h2a.yaml", Requires: smallH2A.Requires, Windows: true}, func(*testing.T, *Options) {},
			"h2a.yaml: windows: missing: H2A joins requests and telemetry in windows, such as {length: 10s, min_reads: 1000}"},
		{"windows that nobody reads", smallH2A, over("hypotheses/h2a.yaml", "windows: {length: 10s, min_reads: 1000}"), "h2a.yaml: windows: H2A uses none"},
		{"wrong stack", smallH2A, over("hypotheses/h2a.yaml", "stacks: {A: stackB_llama70b_dynamo_tiered.yaml}"), "which is stack B"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o := testOptions(t)
			tc.set(t, o)
			e, err := loadExperiment(tc.h, o)
			if err == nil {
				_, err = newPlan(e, "run", "digest")
			}
			require.ErrorContains(t, err, tc.want)
		})
	}
}

// 8GB is read as what it says.
func TestGBIsNotGiB(t *testing.T) {
	o := testOptions(t)
	overlay(t, o, map[string]string{"stackB_llama70b_dynamo_tiered.yaml": "dynamo: {tiers: {tier0: {capacity_bytes: 8GB}}}\n"})
	e, _ := testPlan(t, smallH2B, o)
	assert.EqualValues(t, 8_000_000_000, e.Stacks["B"].Dynamo.Tiers.Tier0.CapacityBytes)
}

func TestPromptMissing(t *testing.T) {
	o := testOptions(t)
	e, p := testPlan(t, smallH2A, o)
	p.Cells = append(p.Cells, PlannedCell{Key: "ctx=3000", ContextTokens: 3000})
	_, err := openRun(smallH2A, o, e, p, p.Digest)
	require.ErrorContains(t, err, "3000")
	assert.NotContains(t, err.Error(), "\n")
}

func TestResultsCannotBeWritten(t *testing.T) {
	o := testOptions(t)
	file := filepath.Join(o.Results, "a-file")
	require.NoError(t, os.WriteFile(file, nil, 0o644))
	o.Results = filepath.Join(file, "results")
	e, p := testPlan(t, smallH2A, o)
	_, err := openRun(smallH2A, o, e, p, p.Digest)
	require.ErrorContains(t, err, "results")
	assert.NotContains(t, err.Error(), "\n")
}

func TestExpected(t *testing.T) {
	for _, tc := range []struct{ expect, id, want string }{
		{"", "H0", "Supported"},
		{"Refuted", "H0", "Refuted"},
		{"H0=refuted,H2A=Invalid", "H2A", "Invalid"},
		{"H0=refuted", "H2A", "Supported"},
		{"Inconclusive,H0=Refuted", "H2A", "Inconclusive"},
	} {
		got, err := (&Options{Expect: tc.expect}).Expected(tc.id)
		require.NoError(t, err)
		assert.EqualValues(t, tc.want, got, tc)
	}
	_, err := (&Options{Expect: "H0=Maybe"}).Expected("H0")
	require.ErrorContains(t, err, "-expect")
}

func TestCompareCells(t *testing.T) {
	less := [][2]string{{"ctx=256", "ctx=1024"}, {"stack=A/ctx=4096", "stack=B/ctx=256"}, {"conc=4", "rate=2"}, {"rate=8", "rate=10"}}
	for _, l := range less {
		a, err := record.ParseCell(l[0])
		require.NoError(t, err)
		b, err := record.ParseCell(l[1])
		require.NoError(t, err)
		assert.Negative(t, compareCells(a, b), l)
		assert.Positive(t, compareCells(b, a), l)
	}
}

// A flag that was given means something or is refused.
func TestFlagsAreChecked(t *testing.T) {
	for _, tc := range []struct {
		args []string
		want string
	}{
		{[]string{"-reps", "-4"}, "-reps -4"},
		{[]string{"-seed", "0"}, "-seed 0"},
		{[]string{"-duration", "1ns"}, "-duration 1ns: give at least 1s"},
		{[]string{"-rig", "moon"}, "this build has sim"},
		{[]string{"-expect", "H7=Nonsense"}, "not one of"},
		{[]string{"-expect", "Refuted,H0=Supported", "-reps", "2"}, ""},
		{nil, ""},
	} {
		var o Options
		fs := flag.NewFlagSet("test", flag.ContinueOnError)
		o.Register(fs)
		require.NoError(t, fs.Parse(tc.args))
		err := o.check(fs)
		if tc.want == "" {
			require.NoError(t, err, tc.args)
			continue
		}
		require.ErrorContains(t, err, tc.want)
	}
}

package harness

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/config"
	"sparkharness/harness/record"
	"sparkharness/harness/verdict"
)

func TestExpected(t *testing.T) {
	for _, tc := range []struct {
		expect, id       string
		configured, want []string
	}{
		{"", "H0", []string{"Supported"}, []string{"Supported"}},
		{"Refuted", "H0", []string{"Supported"}, []string{"Refuted"}},
		{"H0=refuted,H2A=Invalid", "H2A", []string{"Supported"}, []string{"Invalid"}},
		{"H0=refuted", "H2A", []string{"Supported"}, []string{"Supported"}},
		{"Inconclusive,H0=Refuted", "H2A", []string{"Supported"}, []string{"Inconclusive"}},
		{"", "H0", []string{"Refuted"}, []string{"Refuted"}},
		{"H2A=Invalid", "H0", []string{"Refuted"}, []string{"Refuted"}},
		{"Supported", "H0", []string{"Refuted"}, []string{"Supported"}},
		{"Invalid,H0=Supported", "H0", []string{"Refuted"}, []string{"Supported"}},
		{"", "H0", []string{"Supported", "Inconclusive"}, []string{"Supported", "Inconclusive"}},
		{"H0=Refuted", "H0", []string{"Supported", "Inconclusive"}, []string{"Refuted"}},
		{"H2A=Refuted", "H0", nil, nil},
		{"Refuted", "H0", nil, []string{"Refuted"}},
	} {
		got, err := (&Options{Expect: tc.expect}).Expected(tc.id, tc.configured)
		require.NoError(t, err)
		var names []string
		for _, o := range got {
			names = append(names, string(o))
		}
		assert.Equal(t, tc.want, names, tc)
	}
	_, err := (&Options{Expect: "H0=Maybe"}).Expected("H0", []string{"Supported"})
	require.ErrorContains(t, err, "-expect")
}

// A configuration can expect just the outcomes that there are, by their names.
func TestConfiguredOutcomes(t *testing.T) {
	for _, name := range config.Outcomes {
		o, err := verdict.ParseOutcome(name)
		require.NoError(t, err)
		assert.EqualValues(t, name, o)
	}
	assert.Len(t, config.Outcomes, 4)
}

// A flag that was given means something or is refused.
func TestFlagsAreChecked(t *testing.T) {
	rigs["bare"] = kindOfRig{}
	t.Cleanup(func() { delete(rigs, "bare") })
	for _, tc := range []struct {
		args []string
		want string
	}{
		{[]string{"-reps", "-4"}, "-reps -4"},
		{[]string{"-seed", "0"}, "-seed 0"},
		{[]string{"-duration", "1ns"}, "-duration 1ns: give at least 1s"},
		{[]string{"-rig", "moon"}, "this build has " + strings.Join(rigNames(), ", ")},
		{[]string{"-expect", "H7=Nonsense"}, "not one of"},
		{[]string{"-reps", "1001"}, "-reps is at most 1000, not 1001: an interval"},
		{[]string{"-duration", "2562047h"}, "-duration is at most 168h0m0s, not 2562047h0m0s: a machine"},
		{[]string{"-seeds", "9-1"}, "-seeds 9-1: give a range"},
		{[]string{"-expect", "H9=Refuted"}, `-expect H9=Refuted: there is no hypothesis "H9"; there are H0, H2A, H7`},
		{[]string{"-expect", "=Refuted"}, `there is no hypothesis ""`},
		{[]string{"-expect", "h7=Refuted,H7=Invalid"}, "-expect h7=Refuted,H7=Invalid: H7 stands twice"},
		{[]string{"-expect", "Refuted, Supported"}, "two outcomes for all: name the hypothesis of one, as in H2A=Supported"},
		{[]string{"-seeds", "1-2", "-only", "H7,H9"}, `-only H7,H9: there is no hypothesis "H9"`},
		{[]string{"-worlds", "default"}, "-worlds chooses the worlds of -seeds"},
		{[]string{"-only", "H7"}, "-only chooses the hypotheses of -seeds"},
		{[]string{"-replay", ""}, "-replay is empty: give a value, or leave the flag out"},
		{[]string{"-config", "", "-seed", "2"}, "-config is empty"},
		{[]string{"-replay", "x", "-seed", "2"}, "-seed beside -replay would not be looked at, because a run is judged as it was measured"},
		{[]string{"-replay", "x", "-resume"}, "-resume beside -replay would not be looked at"},
		{[]string{"-replay", "x", "-plan-only"}, "-plan-only beside -replay"},
		{[]string{"-replay", "x", "-profile", "hour"}, "-profile beside -replay"},
		{[]string{"-verify", "x", "-profile", "hour"}, "-profile beside -verify"},
		{[]string{"-seeds", "1-2", "-profile", "hour"}, "-profile beside -seeds would not be looked at, because the rates are those of the plan without a profile"},
		{[]string{"-config", "x", "-profile", "hour"}, "-config beside -profile would not be looked at, because a profile lies over"},
		{[]string{"-profile="}, "-profile is empty"},
		{[]string{"-plan-only", "-resume"}, "-resume beside -plan-only would not be looked at, because nothing is run"},
		{[]string{"-plan-only", "-expect", "Refuted"}, "-expect beside -plan-only"},
		{[]string{"-wear-budget", "0"}, "-wear-budget 0: give terabytes above 0, such as 24"},
		{[]string{"-wear-budget", "NaN"}, "-wear-budget NaN: give terabytes"},
		{[]string{"-wear-budget", "+Inf"}, "-wear-budget +Inf: give terabytes"},
		{[]string{"-replay", "x", "-wear-budget", "24"}, "-wear-budget beside -replay"},
		{[]string{"-seeds", "1-2", "-seed", "3"}, "-seed beside -seeds would not be looked at, because each hypothesis runs in its own worlds, under each seed"},
		{[]string{"-seeds", "1-2", "-world", "default"}, "-world beside -seeds"},
		{[]string{"-plan-only", "foo", "-seed", "7"}, `"foo" is no flag, and flags behind it are not read: a switch takes its value with = (-resume=false), and a value with spaces needs quotes`},
		{[]string{"-client-cpus", "0"}, "-client-cpus keeps the client away from a server: in simulated time"},
		{[]string{"-client-cpus", ""}, "-client-cpus is empty"},
		{[]string{"-rig", "disk"}, "-rig disk: which drive? Give a folder on it with -dir"},
		{[]string{"-rig", "disk", "-dir", "x", "-world", "default"}, ""},
		{[]string{"-rig", "disk", "-dir", "x", "-client-cpus", "0"}, "-client-cpus keeps the client away from a server: with -rig disk both are this process"},
		{[]string{"-rig", "disk", "-dir", "x", "-seeds", "1-2"}, "-seeds counts simulated runs: leave -rig disk out"},
		{[]string{"-dir", "x"}, "-dir names a folder on a drive: give -rig disk, too, or -rig spark"},
		{[]string{"-rig", "disk", "-dir", ""}, "-dir is empty"},
		{[]string{"-rig", "disk", "-dir", "x,y"}, ""},
		{[]string{"-rig", "disk", "-dir", "x,y", "-same-drive"}, ""},
		{[]string{"-rig", "disk", "-dir", "x,x"}, "-dir: x is named twice: name two folders, on two drives or, with -same-drive, on one"},
		{[]string{"-rig", "disk", "-dir", "x,./x/", "-same-drive"}, "-dir: x is named twice"},
		{[]string{"-rig", "disk", "-dir", "x,y,z"}, "-dir x,y,z: name one folder, or two with a comma between them"},
		{[]string{"-rig", "disk", "-dir", "x,"}, "-dir x,: name one folder, or two"},
		{[]string{"-rig", "disk", "-dir", ",x"}, "-dir ,x: name one folder, or two"},
		{[]string{"-rig", "disk", "-dir", "x", "-same-drive"}, "-same-drive is of two folders on one drive: give them with -dir, as in -dir /mnt/nvme/a,/mnt/nvme/b"},
		{[]string{"-same-drive"}, "-same-drive is of two folders"},
		{[]string{"-replay", "x", "-same-drive"}, "-same-drive beside -replay would not be looked at"},
		{[]string{"-dir", ""}, "-dir is empty"},
		{[]string{"-rig", "bare", "-world", "default"}, "-world default: rig bare has no worlds"},
		{[]string{"-rig", "bare"}, ""},
		{[]string{"-expect", "Refuted,H0=Supported", "-reps", "2"}, ""},
		{[]string{"-replay", "x", "-resume=false", "-results", "y", "-expect", "Refuted"}, ""},
		{[]string{"-seeds", "1-2", "-only", "h7, H0", "-reps", "1000", "-duration", "168h"}, ""},
		{nil, ""},
	} {
		var o Options
		fs := flag.NewFlagSet("test", flag.ContinueOnError)
		o.Register(fs)
		require.NoError(t, fs.Parse(tc.args))
		err := o.check(fs, []string{"H0", "H2A", "H7"})
		if tc.want == "" {
			require.NoError(t, err, tc.args)
			continue
		}
		require.ErrorContains(t, err, tc.want)
		assert.NotContains(t, err.Error(), "\n", "one fault, one line")
	}
}

// All that is wrong with the flags is told at once.
func TestFlagFaultsAreToldAtOnce(t *testing.T) {
	var o Options
	fs := flag.NewFlagSet("test", flag.ContinueOnError)
	o.Register(fs)
	require.NoError(t, fs.Parse([]string{"-reps", "1000000000", "-seed", "0", "-rig", "moon", "-expect", "H9=Refuted,H2A=Maybe", "-replay", "x", "-resume"}))
	require.EqualError(t, o.check(fs, []string{"H2A"}), strings.Join([]string{
		"-seed 0: give at least 1",
		"-reps is at most 1000, not 1000000000: an interval shrinks with their root, and 1000 make a tenth of that of ten",
		"-rig moon: this build has " + strings.Join(rigNames(), ", "),
		`-expect H9=Refuted,H2A=Maybe: there is no hypothesis "H9"; there are H2A`,
		`-expect H9=Refuted,H2A=Maybe: outcome "Maybe" is not one of Supported, Refuted, Inconclusive, Invalid`,
		"-rig, -seed, -reps, -resume beside -replay would not be looked at, because a run is judged as it was measured",
	}, "\n"))
}

// Every flag stands in a list of those that take a name, or takes a number or none.
func TestNamedFlagsAreAll(t *testing.T) {
	var o Options
	fs := flag.NewFlagSet("test", flag.ContinueOnError)
	o.Register(fs)
	var texts []string
	fs.VisitAll(func(f *flag.Flag) {
		if _, ok := f.Value.(flag.Getter).Get().(string); ok {
			texts = append(texts, f.Name)
		}
	})
	assert.ElementsMatch(t, texts, named)
	for _, u := range useless {
		for _, name := range append(u.beside, u.flag) {
			assert.NotNil(t, fs.Lookup(name), name)
		}
	}
}

// The checkout is found from the folder of any package in it, and from elsewhere where it was built.
func TestCheckout(t *testing.T) {
	assert.Equal(t, "..", checkout())
	built, err := filepath.Abs("..")
	require.NoError(t, err)
	t.Chdir("runner")
	assert.Equal(t, filepath.Join("..", ".."), checkout())
	if _, file, _, _ := runtime.Caller(0); !filepath.IsAbs(file) {
		t.Skip("built with -trimpath: a program does not know where it was built")
	}
	t.Chdir(t.TempDir())
	assert.Equal(t, built, checkout())
	require.NoError(t, os.Mkdir("configs", 0o755))
	assert.Equal(t, built, checkout(), "a folder of that name alone is none")
	require.NoError(t, os.Mkdir("inputs", 0o755))
	assert.Equal(t, ".", checkout())
	require.NoError(t, os.MkdirAll(filepath.Join("a", "b"), 0o755))
	t.Chdir(filepath.Join("a", "b"))
	assert.Equal(t, filepath.Join("..", ".."), checkout())
}

// Where there is no checkout, a program runs with what it carries, and its results lie below the working folder.
func TestStandAlone(t *testing.T) {
	parent := t.TempDir()
	there := func() (string, error) { return parent, nil }
	o := &Options{Root: ".."}
	require.NoError(t, o.standAlone(there))
	assert.Equal(t, "..", o.Root)
	assert.Equal(t, filepath.Join("..", "results"), o.results())

	o = &Options{Root: t.TempDir()}
	require.NoError(t, o.standAlone(there))
	assert.Equal(t, parent, filepath.Dir(o.Root))
	assert.FileExists(t, filepath.Join(o.configs(), "gates.yaml"))
	assert.Equal(t, "results", o.results())
	o.Results = "elsewhere"
	assert.Equal(t, "elsewhere", o.results())

	o = &Options{Root: t.TempDir()}
	require.ErrorContains(t, o.standAlone(func() (string, error) { return "", errors.New("no home") }), "no home")
}

// A run of a real machine asserts nothing by itself, also when it is judged again without its rig.
func TestWanted(t *testing.T) {
	expected := []verdict.Outcome{verdict.Supported}
	for _, tc := range []struct {
		rig, clock, expect string
		want               []verdict.Outcome
	}{
		{defaultRig, record.ClockVirtual, "", expected}, {defaultRig, record.ClockReal, "", nil}, {"server", record.ClockReal, "", nil},
		{"disk", record.ClockReal, "", nil}, {defaultRig, record.ClockReal, "Invalid", []verdict.Outcome{verdict.Invalid}},
	} {
		o := &Options{Rig: tc.rig, Expect: tc.expect}
		got, err := o.wanted(&verdict.Judgement{Hypothesis: "H0", Clock: tc.clock, Expected: []string{"Supported"}})
		require.NoError(t, err)
		assert.Equal(t, tc.want, got, "%+v", tc)
	}
}

// A folder whose name has a comma is one folder; of names with a comma that are none there are two.
func TestDirs(t *testing.T) {
	comma := filepath.Join(t.TempDir(), "a,b")
	require.NoError(t, os.Mkdir(comma, 0o755))
	for dir, want := range map[string][2]string{comma: {comma, ""}, "/x,/y": {"/x", "/y"}, "/x": {"/x", ""}} {
		first, second := (&Options{Dir: dir}).dirs()
		assert.Equal(t, want, [2]string{first, second}, dir)
	}
}

// Servers that are started have one folder for their tiers.
func TestTwoDirsOfServers(t *testing.T) {
	rigs["starting"] = kindOfRig{starts: true}
	t.Cleanup(func() { delete(rigs, "starting") })
	faults := (&Options{Rig: "starting", Dir: "x,y"}).checkDirs(map[string]bool{"dir": true})
	require.Len(t, faults, 1)
	require.ErrorContains(t, faults[0], "-dir x,y names two folders: -rig disk alone compares drives")
	assert.Empty(t, (&Options{Rig: "starting", Dir: "x"}).checkDirs(map[string]bool{"dir": true}))
}

// An A/A control passes unless it finds a difference, or its outcome is asked for.
func TestWantedOfAControlOfDrives(t *testing.T) {
	rep := &verdict.Judgement{Hypothesis: "DRIVES", Clock: record.ClockReal, Expected: []string{"Supported"}}
	for _, tc := range []struct {
		same   bool
		expect string
		want   []verdict.Outcome
	}{
		{true, "", notSupported}, {false, "", nil}, {true, "Refuted", []verdict.Outcome{verdict.Refuted}},
	} {
		got, err := (&Options{Rig: "disk", SameDrive: tc.same, Expect: tc.expect}).wanted(rep)
		require.NoError(t, err)
		assert.Equal(t, tc.want, got)
	}
}

package hypotheses

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness"
)

// childMark stands in the environment of a test binary that a test started: there no test starts another.
const childMark = "SPARKHARNESS_CHILD"

// child is an execution of the test binary: its exit status, and what it wrote.
type child struct {
	status      int
	stdout, err string
}

// childCommand is the test binary with flags, in the folder of this package.
func childCommand(t *testing.T, run string, flags ...string) *exec.Cmd {
	t.Helper()
	if os.Getenv(childMark) != "" {
		t.Skip("started by a test")
	}
	cmd := exec.Command(os.Args[0], append([]string{"-test.run", run}, flags...)...)
	cmd.Env = append(os.Environ(), childMark+"=1")
	return cmd
}

// runChild runs the test binary to its end.
func runChild(t *testing.T, run string, flags ...string) child {
	t.Helper()
	return finished(t, childCommand(t, run, flags...))
}

// finished runs a command of the test binary to its end.
func finished(t *testing.T, cmd *exec.Cmd) child {
	t.Helper()
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var status *exec.ExitError
	if err != nil && !errors.As(err, &status) {
		require.NoError(t, err)
	}
	c := child{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
	if c.status == 0 && strings.Contains(c.stdout, "--- FAIL") {
		// This process would lose its failure in the same way: only a crash cannot be lost.
		panic("a test binary whose test failed ends with exit status 0:\n" + c.stdout)
	}
	return c
}

// last are the last n lines of the output.
func (c child) last(n int) []string {
	lines := strings.Split(strings.TrimSpace(c.stdout), "\n")
	return lines[max(0, len(lines)-n):]
}

// complaint is what the output says of the failure, where that is a line: beside the lines that go test itself adds.
func (c child) complaint(t *testing.T) string {
	t.Helper()
	var said []string
	for line := range strings.Lines(c.stdout + c.err) {
		line = strings.TrimSpace(line)
		if line != "" && line != "FAIL" && !strings.HasPrefix(line, "--- FAIL:") {
			said = append(said, line)
		}
	}
	require.Len(t, said, 1, "one line")
	return said[0]
}

// shortConfigs are the short configurations with one hypothesis file laid over its short one: text is YAML.
func shortConfigs(t *testing.T, file, text string) string {
	t.Helper()
	dir := t.TempDir()
	short, err := filepath.Abs(filepath.Join(harness.Root(), "fixtures", "configs"))
	require.NoError(t, err)
	base, err := filepath.Rel(dir, short)
	require.NoError(t, err)
	require.NoError(t, os.Mkdir(filepath.Join(dir, "hypotheses"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "configs.yaml"), []byte("base: "+base+"\n"), 0o644))
	layOver(t, dir, file, text)
	return dir
}

// layOver lays one more hypothesis file over its short one, in a folder of shortConfigs.
func layOver(t *testing.T, dir, file, text string) {
	t.Helper()
	short, err := filepath.Abs(filepath.Join(harness.Root(), "fixtures", "configs", "hypotheses", file))
	require.NoError(t, err)
	folder := filepath.Join(dir, "hypotheses")
	base, err := filepath.Rel(folder, short)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(folder, file), []byte("base: "+base+"\n"+text), 0o644))
}

// Few requests are enough here: p99 itself is not what is looked at.
const fewSamples = "gates: {min_samples: 10}\n"

// holding is what a short run of H8A needs to be Supported, too.
const holding = fewSamples + "thresholds: {p99_growth: 1.01, queued_share: -100}\n"

// A run whose verdict is not the expected one fails, by its exit status too, and says the verdict.
func TestVerdictDecidesTheExitStatus(t *testing.T) {
	t.Parallel()
	configs := shortConfigs(t, "h1.yaml", fewSamples)
	inControl := func(flags ...string) child {
		return runChild(t, "^TestH1$", append([]string{"-configs", configs, "-results", t.TempDir(), "-world", "lora_preloaded"}, flags...)...)
	}
	c := inControl()
	assert.Equal(t, 1, c.status, c.stdout)
	assert.Contains(t, c.stdout, "H1: verdict Refuted, expected Supported: contradicted: the first request for an adapter takes 1.00")
	assert.Equal(t, []string{"1 run: 1 Refuted", "* not the expected verdict"}, c.last(2))

	for _, expect := range []string{"Refuted", "Invalid,h1=refuted"} {
		c = inControl("-expect", expect)
		assert.Equal(t, 0, c.status, "%s: %s", expect, c.stdout)
		assert.Equal(t, []string{"1 run: 1 Refuted"}, c.last(1))
		assert.NotContains(t, c.stdout, "not the expected verdict")
	}
	c = inControl("-expect", "H2A=Refuted")
	assert.Equal(t, 1, c.status, "what is expected of others: %s", c.stdout)
}

// A claim that holds passes, and fails where something else was expected.
func TestSupportedMustBeExpected(t *testing.T) {
	t.Parallel()
	configs, results := shortConfigs(t, "h8a.yaml", holding), t.TempDir()
	c := runChild(t, "^TestH8A$", "-configs", configs, "-results", results)
	assert.Equal(t, 0, c.status, c.stdout)
	assert.Equal(t, []string{"1 run: 1 Supported"}, c.last(1))
	assert.FileExists(t, filepath.Join(results, "index.html"))

	c = runChild(t, "^TestH8A$", "-configs", configs, "-results", results, "-expect", "Refuted")
	assert.Equal(t, 1, c.status, c.stdout)
	assert.Contains(t, c.stdout, "H8A: verdict Supported, expected Refuted")
}

// A control passes if the check, or the gate, that its configuration names is what stopped the claim.
func TestControlsMustFailByTheNamedCheck(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, id, is, gates string
		status              int
		says                string
	}{
		{"the check", "H1", "{lora_preloaded: first_touch}", fewSamples, 0, "1 run: 1 Refuted"},
		{"another check", "H1", "{lora_preloaded: later_p99_equivalent}", fewSamples, 1,
			"H1 in world lora_preloaded is Refuted; expected Refuted by later_p99_equivalent"},
		{"a gate instead of a check", "H1", "{lora_preloaded: gate.treatment}", fewSamples, 1,
			"H1 in world lora_preloaded is Refuted; expected Invalid by gate.treatment"},
		{"the claim holds there", "H8A", "{weights_paged: null, unlimited_server: null, index_search: null, heat_under_load: null, quiet_neighbours: iowait_flat}", holding, 1,
			"H8A in world quiet_neighbours is Supported; expected Refuted by iowait_flat"},
		{"the check, of a run too short to say so", "H1", "{lora_preloaded: first_touch}", "", 1,
			"H1 in world lora_preloaded is Inconclusive; expected Refuted by first_touch"},
		{"the gate", "H4B", "{second_drive: null, ample_ram: gate.tier_2_engaged}", fewSamples, 0, "1 run: 1 Invalid"},
		{"a gate that cannot tell", "H1", "{lora_preloaded: gate.samples}", "", 0, "1 run: 1 Inconclusive"},
		{"another gate", "H4B", "{second_drive: null, ample_ram: gate.treatment}", fewSamples, 1,
			"H4B in world ample_ram is Invalid; expected Invalid by gate.treatment"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			configs := shortConfigs(t, strings.ToLower(tc.id)+".yaml", "controls: "+tc.is+"\n"+tc.gates)
			c := runChild(t, "^TestControls$/^"+tc.id+"$", "-configs", configs, "-results", t.TempDir())
			assert.Equal(t, tc.status, c.status, c.stdout)
			assert.Contains(t, c.stdout, tc.says)
		})
	}
}

// What cannot be run is refused in one line that says what to do, before anything is written.
func TestRefusalsAreOneLine(t *testing.T) {
	t.Parallel()
	short := filepath.Join(harness.Root(), "fixtures", "configs")
	for _, tc := range []struct {
		name  string
		flags []string
		says  []string
	}{
		{"resume without a run", []string{"-resume"}, []string{"-resume: there is no run ", "run without -resume"}},
		{"unknown world", []string{"-world", "mars"}, []string{`world "mars"`, "ample_ram", "swap_to_nvme"}},
		{"a world elsewhere", []string{"-world", "../hypotheses/h0"}, []string{"-world ../hypotheses/h0 is a path, not a name"}},
		{"no such file", []string{"-config", "nosuch.yaml"}, []string{"-config nosuch.yaml: there is no configuration ", "/hypotheses/nosuch.yaml: correct the path"}},
		{"another hypothesis", []string{"-config", filepath.Join(short, "hypotheses", "h0.yaml")},
			[]string{"h0.yaml is the configuration of H0, not of H2A"}},
		{"no configurations", []string{"-configs", "nosuch"}, []string{"there is no folder of configurations ", "/hypotheses/nosuch: correct the path"}},
		{"unknown rig", []string{"-rig", "moon"}, []string{"-rig moon: this build has disk, server, sim"}},
		{"unknown outcome", []string{"-expect", "Maybe"}, []string{"-expect Maybe", "Supported, Refuted, Inconclusive, Invalid"}},
		{"no repetition", []string{"-reps", "0"}, []string{"-reps 0: give at least 1"}},
		{"no time", []string{"-duration", "1ms"}, []string{"-duration 1ms: give at least 1s"}},
		{"repetitions without end", []string{"-reps", "1000000000"}, []string{"-reps is at most 1000, not 1000000000"}},
		{"repetitions without end, in a plan", []string{"-reps", "1000000000", "-plan-only"}, []string{"-reps is at most 1000, not 1000000000"}},
		{"a thousand years", []string{"-duration", "2562047h", "-plan-only"}, []string{"-duration is at most 168h0m0s"}},
		{"a configuration without end", []string{"-config", "/dev/zero", "-plan-only"}, []string{"/dev/zero is a device, not a regular file"}},
		{"a folder for a configuration", []string{"-config", ".", "-plan-only"}, []string{"is a folder, not a regular file"}},
		{"a stray argument", []string{"-plan-only", "true", "-seed", "7"}, []string{`"true" is no flag, and flags behind it are not read`}},
		{"unknown hypothesis", []string{"-expect", "H9=Refuted"}, []string{`-expect H9=Refuted: there is no hypothesis "H9"; there are H0, H1, H2A`}},
		{"a replay of nothing", []string{"-replay", "", "-seed", "7"}, []string{"-replay is empty"}},
		{"a replay under another seed", []string{"-replay", "x", "-seed", "7"}, []string{"-configs, -seed beside -replay would not be looked at"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			results := filepath.Join(t.TempDir(), "results")
			c := runChild(t, "^TestH2A$", append([]string{"-configs", short, "-results", results}, tc.flags...)...)
			assert.NotZero(t, c.status, c.stdout)
			complaint := c.complaint(t)
			for _, part := range tc.says {
				assert.Contains(t, complaint, part)
			}
			runs, err := filepath.Glob(filepath.Join(results, "*"))
			require.NoError(t, err)
			assert.Empty(t, runs)
		})
	}
}

// A run that was cut off goes on where it was: what is there stays, what is gone or damaged is measured again, and the
// report is that of a whole run.
func TestResumeKeepsWhatIsThere(t *testing.T) {
	t.Parallel()
	flags := []string{"-configs", shortConfigs(t, "h2a.yaml", fewSamples), "-results", t.TempDir(), "-expect", "Inconclusive"}
	require.Zero(t, runChild(t, "^TestH2A$", flags...).status)
	runs, err := filepath.Glob(filepath.Join(flags[3], "h2a-*"))
	require.NoError(t, err)
	require.Len(t, runs, 1)
	read := func(file string) string {
		b, err := os.ReadFile(file)
		require.NoError(t, err)
		return string(b)
	}
	file := func(cell, name string) string { return filepath.Join(runs[0], cellFile(cell, name)) }
	const kept, lost, damaged = "ctx=256/conc=4/rep=1", "ctx=512/conc=4/rep=2", "ctx=512/conc=4/rep=1"
	whole, lines := read(filepath.Join(runs[0], "report.json")), read(file(damaged, "metrics.jsonl"))
	before, err := os.Stat(file(kept, "cell.json"))
	require.NoError(t, err)
	require.NoError(t, os.RemoveAll(file(lost, "")))
	require.NoError(t, os.WriteFile(file(damaged, "metrics.jsonl"), []byte(lines[:len(lines)/2]), 0o644))
	require.NoError(t, os.Remove(filepath.Join(runs[0], "report.json")))

	c := runChild(t, "^TestH2A$", append(flags, "-resume")...)
	assert.Zero(t, c.status, c.stdout)
	assert.Contains(t, c.stdout, "warning: cell "+lost+" is measured again")
	assert.Contains(t, c.stdout, "it is gone; attempts.jsonl says that the cell was complete (nothing of it is left)")
	assert.Contains(t, c.stdout, "warning: cell "+damaged+" is measured again")
	assert.Contains(t, c.stdout, "metrics.jsonl: it is not what was measured")
	after, err := os.Stat(file(kept, "cell.json"))
	require.NoError(t, err)
	assert.True(t, os.SameFile(before, after), "a cell that is whole is not measured again")
	assert.Equal(t, lines, read(file(damaged, "metrics.jsonl")))
	assert.FileExists(t, file(lost, "cell.json"))
	aside := filepath.Clean(file(damaged, "")) + ".damaged-1"
	assert.Equal(t, lines[:len(lines)/2], read(filepath.Join(aside, "metrics.jsonl")), "what is left of it is kept")
	assert.Equal(t, whole, read(filepath.Join(runs[0], "report.json")))
	v := harness.VerifyFolder(all, runs[0])
	assert.Empty(t, v.Faults)
	require.Len(t, v.Notes, 3)
	notes := strings.Join(v.Notes, "\n")
	for _, cell := range []string{lost, damaged} {
		assert.Contains(t, notes, "cell "+cell+" was complete, was changed or removed after that, and was measured again: ")
	}
	assert.Contains(t, notes, ".damaged-1 is a damaged cell that was set aside")
	log := read(filepath.Join(runs[0], "attempts.jsonl"))
	assert.Equal(t, []int{2, 2, 2}, []int{strings.Count(log, `"begin"`), strings.Count(log, `"damaged"`), strings.Count(log, `"end"`)})
}

// Cells of two programs are not mixed; other rules may go on with what a run has measured.
func TestResumeOfAnotherProgram(t *testing.T) {
	t.Parallel()
	flags := []string{"-configs", shortConfigs(t, "h2a.yaml", fewSamples), "-results", t.TempDir(), "-expect", "Inconclusive"}
	require.Zero(t, runChild(t, "^TestH2A$", flags...).status)
	runs, err := filepath.Glob(filepath.Join(flags[3], "h2a-*"))
	require.NoError(t, err)
	require.Len(t, runs, 1)
	for _, tc := range []struct {
		of, says string
		refused  bool
	}{
		{"judges", "was begun by a program with other rules or statistics", false},
		{"measures", "was measured by another program", true},
	} {
		r := &recording{t: t, h: h2a, dir: runs[0]}
		r.json("plan.json", func(p object) { p["program"].(object)[tc.of] = strings.Repeat("0", 64) })
		r.seal()
		c := runChild(t, "^TestH2A$", append(flags, "-resume")...)
		assert.Equal(t, tc.refused, c.status != 0, tc.of)
		assert.Contains(t, c.stdout, tc.says)
	}
}

// A run whose settings do not reach the server ends after the first block, says so, and expects nothing of the rest.
func TestUntreatedRunEndsEarly(t *testing.T) {
	t.Parallel()
	results := t.TempDir()
	configs := shortConfigs(t, "h6.yaml", "sweep: {ctx: [1024], policies_at: {ctx: 1024}}\nrun: {duration: 10s, min_requests: 1}\n")
	c := runChild(t, "^TestH6$", "-configs", configs, "-results", results, "-world", "ignored_tiers", "-expect", "Invalid", "-reps", "3")
	assert.Zero(t, c.status, c.stdout)
	assert.Equal(t, []string{"1 run: 1 Invalid"}, c.last(1))
	assert.Contains(t, c.stdout, "after 4 of 12 cells: after the first block:")
	assert.NotContains(t, c.stdout, "interrupted")
	cells, err := filepath.Glob(filepath.Join(results, "h6-*", "cells", "*"))
	require.NoError(t, err)
	assert.Len(t, cells, 4)
	for _, cell := range cells {
		assert.Contains(t, cell, "rep=1")
	}
}

// What a configuration expects passes, is printed as expected, and gives way to -expect; what is no outcome is refused.
func TestConfigurationExpects(t *testing.T) {
	t.Parallel()
	preloaded := func(expected string, flags ...string) child {
		configs := shortConfigs(t, "h1.yaml", "expected: "+expected+"\n"+fewSamples)
		return runChild(t, "^TestH1$", append([]string{"-configs", configs, "-results", t.TempDir(), "-world", "lora_preloaded"}, flags...)...)
	}
	c := preloaded("Refuted")
	assert.Equal(t, 0, c.status, c.stdout)
	assert.Regexp(t, `(?m)^H1 +A +Refuted +Refuted `, c.stdout)
	assert.Equal(t, []string{"1 run: 1 Refuted"}, c.last(1))

	c = preloaded("Refuted", "-expect", "Supported")
	assert.Equal(t, 1, c.status, c.stdout)
	assert.Contains(t, c.stdout, "H1: verdict Refuted, expected Supported")

	c = preloaded("refuted")
	assert.Equal(t, 1, c.status)
	assert.Contains(t, c.complaint(t), `expected: must be one of Supported, Refuted, Inconclusive, Invalid, not "refuted"`)
}

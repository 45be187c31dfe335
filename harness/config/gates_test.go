package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// withoutGates is the hypothesis as a file beside a gates.yaml.
func withoutGates(t *testing.T) string {
	t.Helper()
	before, rest, ok := strings.Cut(hypothesis, "gates:\n")
	require.True(t, ok)
	_, after, ok := strings.Cut(rest, "thresholds:")
	require.True(t, ok)
	return before + "thresholds:" + after
}

// hypothesisBeside loads a hypothesis for a folder that has a gates.yaml, unless it is empty.
func hypothesisBeside(t *testing.T, gatesText, text string) (dir string, h *Hypothesis, err error) {
	t.Helper()
	of := files{"stackA.yaml": "", "worlds/w1.yaml": "", "hypotheses/h.yaml": text}
	if gatesText != "" {
		of["gates.yaml"] = gatesText
	}
	dir, folder := folderOf(t, of)
	h, err = LoadHypothesis(folder, filepath.Join(dir, "hypotheses", "h.yaml"))
	return dir, h, err
}

// The gates of gates.yaml are those of the hypothesis, less what it says itself.
func TestGatesBeside(t *testing.T) {
	whole, err := parseHypothesis("h.yaml", []byte(hypothesis))
	require.NoError(t, err)
	_, h, err := hypothesisBeside(t, gates, withoutGates(t))
	require.NoError(t, err)
	assert.Equal(t, whole, h)

	_, h, err = hypothesisBeside(t, gates, withoutGates(t)+"gates:\n  max_cov: 0.2   # a reason\n")
	require.NoError(t, err)
	want := whole.Gates
	want.MaxCoV = 0.2
	assert.Equal(t, want, h.Gates)
	roundTrip(t, "h.yaml", h, parseHypothesis)
}

func TestGatesBesideFaults(t *testing.T) {
	for name, c := range map[string]struct {
		edits []string // of gates.yaml
		own   string   // the hypothesis's block
		want  []string
	}{
		"unknown":           {[]string{"max_cov: 0.1", "max_cow: 0.1"}, "", []string{"gates.yaml:1: gates.max_cov: required field is missing", "gates.yaml:7: gates.max_cow: unknown field; did you mean max_cov?"}},
		"twice":             {[]string{"max_cov: 0.1", "max_cov: 0.1\nmax_cov: 0.2"}, "", []string{"gates.yaml:8: gates.max_cov: stands twice, first on line 7"}},
		"missing":           {[]string{"max_cov: 0.1\n", ""}, "", []string{"gates.yaml:1: gates.max_cov: required field is missing"}},
		"senseless":         {[]string{"max_cov: 0.1", "max_cov: 10"}, "", []string{"gates.yaml:7: gates.max_cov: is a share from 0 to 1, not 10; 5 % is written 0.05"}},
		"block in the file": {[]string{"min_coverage: 0.95", "gates: {min_coverage: 0.95}"}, "", []string{"gates.yaml:1: gates.gates: unknown field", "gates.yaml:1: gates.min_coverage: required field is missing"}},
		"both files": {[]string{"max_cov: 0.1", "max_cov: x"}, "gates: {min_samples: 0, max_send_lack: 1ms}\n", []string{
			"hypotheses/h.yaml:23: gates.min_samples: is zero, which would mean that it is not set",
			"hypotheses/h.yaml:23: gates.max_send_lack: unknown field; did you mean max_send_lag?",
			`gates.yaml:7: gates.max_cov: must be a number, not the text "x"`,
		}},
		"of the hypothesis":  {nil, "gates: {max_cov: 10}\n", []string{"hypotheses/h.yaml:23: gates.max_cov: is a share from 0 to 1, not 10; 5 % is written 0.05"}},
		"taken away":         {nil, "gates: {max_cov: null}\n", []string{"hypotheses/h.yaml:23: gates.max_cov: has no value"}},
		"all taken away":     {nil, "gates:\n", []string{"hypotheses/h.yaml:23: gates: has no value"}},
		"a mapping's place":  {nil, "gates: [max_cov]\n", []string{"hypotheses/h.yaml:23: gates: must be a mapping, not a list"}},
		"broken gates.yaml":  {[]string{"max_cov: 0.1", "max_cov: @"}, "", []string{"gates.yaml:7: is not YAML: found character that cannot start any token"}},
		"field of the whole": {nil, "max_cov: 0.1\n", []string{"hypotheses/h.yaml:23: max_cov: unknown field"}},
	} {
		t.Run(name, func(t *testing.T) {
			text := gates
			for i := 0; i < len(c.edits); i += 2 {
				text = edit(t, text, c.edits[i], c.edits[i+1])
			}
			dir, _, err := hypothesisBeside(t, text, withoutGates(t)+c.own)
			for i := range c.want {
				c.want[i] = filepath.Join(dir, c.want[i])
			}
			require.EqualError(t, err, strings.Join(c.want, "\n"))
		})
	}

	dir, _, err := hypothesisBeside(t, "", withoutGates(t))
	require.EqualError(t, err, "there is no file "+filepath.Join(dir, "gates.yaml")+", which holds the gates of all hypotheses: "+
		"take that of configs/, or name the folder that has one in configs.yaml beside it (base: ../configs)")
}

// A folder of one's own may change a gate for all hypotheses.
func TestGatesOverlay(t *testing.T) {
	below, _ := folderOf(t, files{"gates.yaml": gates, "stackA.yaml": "", "worlds/w1.yaml": "", "hypotheses/h.yaml": withoutGates(t)})
	_, folder := folderOf(t, files{"configs.yaml": "base: " + below + "\n", "gates.yaml": "base: " + filepath.Join(below, "gates.yaml") + "\nmin_samples: 100\n"})
	h, err := LoadHypothesis(folder, folder.Path("hypotheses/h.yaml"))
	require.NoError(t, err)
	assert.Equal(t, 100, h.Gates.MinSamples)
	assert.Equal(t, 0.95, h.Gates.MinCoverage)
}

// The gates of all twelve hypotheses, and of the comparison of drives, are these.
func TestCommittedGates(t *testing.T) {
	folder, err := OpenFolder(configs)
	require.NoError(t, err)
	n := 0
	committed(t, "hypotheses/*.yaml", func(path string) {
		h, err := LoadHypothesis(folder, path)
		require.NoError(t, err)
		n++
		assert.Equal(t, Gates{
			MinCoverage: 0.95, MaxSendLag: Duration(time.Millisecond), MaxSendLagShare: 0.01, PromptTolerance: 0.05, MaxErrorRate: 0.01,
			MinSamples: 299, MaxCoV: 0.10, SteadyAlpha: 0.01, SteadyMaxDrift: 0.25, SteadyTailAlpha: 0.03, SteadyMaxTailDrift: 0.5, ReproducedWithin: 0.05, MaxBaselineRPS: 50,
			CadenceTolerance: 0.05, MinFioPresence: 0.95, MaxForeignReads: 0.01, MaxCarryOver: 0.2,
			MaxBaselineFactor: 3, BaselineNoiseRPS: 10, MinTold: 0.95, MaxClockDifference: 0.03, MaxAgain: 2, MaxAgainShare: 0.2,
		}, h.Gates, path)
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.NotContains(t, string(data), "\ngates:", "%s: a gate that differs is named in this test", path)
	})
	assert.Equal(t, 13, n)
}

// A run of a version that held some gates in its program is judged by what they were there; one that has its own, by those.
func TestGatesOfEarlierVersions(t *testing.T) {
	for name, c := range map[string]struct {
		own  string
		want Gates
	}{
		"none": {"", Gates{CadenceTolerance: 0.05, MinFioPresence: 0.95, MaxForeignReads: 0.01, MaxCarryOver: 0.2}},
		"saved": {", gates: {max_foreign_reads: 0.1, max_carry_over: 0.3, min_fio_presence: 0.6, cadence_tolerance: 0.2}",
			Gates{CadenceTolerance: 0.2, MinFioPresence: 0.6, MaxForeignReads: 0.1, MaxCarryOver: 0.3}},
	} {
		e, err := ReadExperiment(saved(t, " null", c.own))
		require.NoError(t, err)
		assert.Equal(t, c.want, e.Hypothesis.Gates, name)
		assert.Zero(t, e.Hypothesis.Gates.SteadyTailAlpha, "%s: there was no test of the tail", name)
	}
}

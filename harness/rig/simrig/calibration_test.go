package simrig

import (
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/config"
)

const (
	readme     = root + "/harness/sim/README.md"
	tableBegin = "<!-- calibration: begin -->\n"
	tableEnd   = "<!-- calibration: end -->\n"
)

// targets are the errors that were aimed at, by region.
var targets = map[string]float64{regionOne: 0.1, regionStreams: 0.1, regionPrefill: 0.2}

// answer is a row beside what the machine makes of it.
type answer struct {
	row
	left, all float64 // with the row's source left out of the fit, and with all sources in it
}

// off is the relative error of a simulated value.
func (a answer) off(simulated float64) float64 { return simulated/a.Value - 1 }

// ofFile says that the rates of the row's model file decide, and no engine's costs.
func (a answer) ofFile() bool { return len(a.model.Rates) > 0 }

// calibrate fits engines to all rows, and for each source to the others, and runs each row with both.
func calibrate(t *testing.T) (fittedCosts, []answer) {
	t.Helper()
	rows := published(t)
	all, err := fitAll(rows)
	require.NoError(t, err)
	b := newBench(t)
	out := make([]answer, len(rows))
	for _, name := range sourcesOf(rows) {
		left, err := fitAll(slices.DeleteFunc(slices.Clone(rows), func(r row) bool { return r.source == name }))
		require.NoError(t, err)
		for i, r := range rows {
			if r.source == name {
				out[i] = answer{r, b.simulated(r, left.of(r.engine)), b.simulated(r, all.of(r.engine))}
			}
		}
	}
	return all, out
}

// enginesOf are the engines of answers that rest on costs, in order of their first.
func enginesOf(answers []answer) []string {
	var out []string
	for _, a := range answers {
		if !a.ofFile() && !slices.Contains(out, a.engine) {
			out = append(out, a.engine)
		}
	}
	return out
}

// offs are the sizes of the errors of an engine's rows of a region, sorted.
func offs(answers []answer, engine, region string, of func(answer) float64) []float64 {
	var out []float64
	for _, a := range answers {
		if !a.ofFile() && a.engine == engine && a.region() == region {
			out = append(out, math.Abs(a.off(of(a))))
		}
	}
	slices.Sort(out)
	return out
}

func leftOut(a answer) float64 { return a.left }
func allIn(a answer) float64   { return a.all }

// middle is the median of sorted values.
func middle(x []float64) float64 { return (x[(len(x)-1)/2] + x[len(x)/2]) / 2 }

// table is what stands in the README.
func table(answers []answer) string {
	var b strings.Builder
	b.WriteString("\n| engine | region | rows | left out: median, largest error | within the target | all in: median, largest error |\n" +
		"|---|---|---|---|---|---|\n")
	for _, engine := range enginesOf(answers) {
		for _, region := range regions {
			left, all := offs(answers, engine, region, leftOut), offs(answers, engine, region, allIn)
			if len(left) == 0 {
				fmt.Fprintf(&b, "| %s | %s | 0 | | no rows | |\n", engine, region)
				continue
			}
			in := 0
			for _, x := range left {
				if x <= targets[region] {
					in++
				}
			}
			fmt.Fprintf(&b, "| %s | %s | %d | %.1f %%, %.1f %% | %d of %d | %.1f %%, %.1f %% |\n", engine, region, len(left),
				100*middle(left), 100*left[len(left)-1], in, len(left), 100*middle(all), 100*all[len(all)-1])
		}
	}
	b.WriteString("\n| source | engine | model | streams x prompt @ depth | row | published | left out | error | all in | error |\n" +
		"|---|---|---|---|---|---|---|---|---|---|\n")
	for _, a := range answers {
		at := fmt.Sprintf("%d x %d", a.Streams, a.Prompt)
		if a.Depth > 0 {
			at += fmt.Sprintf(" @ %d", a.Depth)
		}
		what := a.Quantity
		if !a.fitted() && !a.ofFile() {
			what += ", not fitted"
		}
		left, off := digits(a.left), fmt.Sprintf("%+.1f %%", 100*a.off(a.left))
		if a.ofFile() {
			left, off = "model file", ""
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s | %s | %s | %+.1f %% |\n", a.source, a.engine, a.model.Model, at, what,
			strconv.FormatFloat(a.Value, 'f', -1, 64), left, off, digits(a.all), 100*a.off(a.all))
	}
	return b.String()
}

// digits are four of a number, or all before the point.
func digits(x float64) string {
	return strconv.FormatFloat(x, 'f', max(0, 3-int(math.Floor(math.Log10(x)))), 64)
}

// The README's table and the engines' files are what the fit and the machine make of the published rows. Rewrite the table
// with UPDATE=1; the files are corrected by hand.
func TestCalibration(t *testing.T) {
	if testing.Short() {
		t.Skip("runs some 200 machines")
	}
	all, answers := calibrate(t)
	t.Run("table", func(t *testing.T) {
		b, err := os.ReadFile(readme)
		require.NoError(t, err)
		before, rest, begins := strings.Cut(string(b), tableBegin)
		now, after, ends := strings.Cut(rest, tableEnd)
		require.True(t, begins && ends, "the README has no place for the table")
		want := table(answers) + "\n"
		if os.Getenv("UPDATE") != "" {
			require.NoError(t, os.WriteFile(readme, []byte(before+tableBegin+want+tableEnd+after), 0o644))
			now = want
		}
		assert.Equal(t, want, now)
	})
	folder, err := config.OpenFolder(configs)
	require.NoError(t, err)
	for _, name := range enginesOf(answers) {
		if name == engineUnknown {
			continue
		}
		t.Run(name, func(t *testing.T) {
			_, e, err := config.LoadModel(folder, "Q7B", name)
			require.NoError(t, err)
			c := all.of(name)
			assert.Equal(t, gigabytes(c.weight), e.Costs.WeightRead.Value.String())
			if name == "tensorrt-llm" { // none of its rows tells, and the default world's steps rest on it
				assert.Equal(t, []string{"216GB/s", config.BasisTransferred}, []string{e.Costs.KVRead.Value.String(), e.Costs.KVRead.Basis})
			} else {
				assert.Equal(t, gigabytes(c.kv), e.Costs.KVRead.Value.String())
			}
			assert.Equal(t, fmt.Sprintf("%.1f", c.sequence*1e6), fmt.Sprintf("%.1f", e.Costs.SequencePerBillion.Value))
			for q, f := range e.Costs.PromptTFLOPS {
				if f.Basis == config.BasisFitted && q != "MXFP4" { // of a mixture of experts
					assert.Equal(t, fmt.Sprintf("%.1f", 1/c.promptOf(q)), fmt.Sprintf("%.1f", f.Value), q)
				}
			}
			request := config.Duration(0)
			if e.Costs.Request != nil {
				request = e.Costs.Request.Value
			}
			assert.Equal(t, fmt.Sprintf("%.0f", c.request*1e3), fmt.Sprintf("%.0f", float64(request)/1e6), "ms a request")
			assert.Equal(t, errorsOf(answers, name), e.Errors)
		})
	}
}

// gigabytes is a rate in GB/s with a digit behind the point, as a file has it.
func gigabytes(perByte float64) string {
	r := config.Rate(math.Round(1e-9/perByte*10) * 1e8)
	return r.String()
}

// errorsOf is the block of an engine's file.
func errorsOf(answers []answer, engine string) *config.Errors {
	out := &config.Errors{Source: "harness/sim/README.md"}
	for region, to := range map[string]**config.Error{regionOne: &out.DecodeOne, regionStreams: &out.DecodeStreams, regionPrefill: &out.Prefill} {
		if x := offs(answers, engine, region, leftOut); len(x) > 0 {
			*to = &config.Error{Median: rounded(middle(x)), Largest: rounded(x[len(x)-1]), Rows: len(x)}
		}
	}
	return out
}

func rounded(x float64) float64 { return math.Round(x*1000) / 1000 }

package sheet

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/config"
	"sparkharness/harness/record"
)

// pair is a recorded run as if its drive had been real, and as it is. slower makes fetches and first tokens of Stack B that many times
// as long on the real drive.
func pair(t *testing.T, slower float64) (real, simulated *Run) {
	t.Helper()
	real, simulated = read(t, recorded+"/h2b"), read(t, recorded+"/h2b")
	real.Evidence.Plan.Facts.Rig = realRig
	for _, c := range real.Evidence.Cells {
		if c.KV == nil {
			continue
		}
		for i := range c.KV.Fetches {
			c.KV.Fetches[i].V *= slower
		}
		for i := range c.Requests {
			c.Requests[i].TTFT *= slower
		}
		if len(c.KV.Fetches) > 0 {
			c.Info.Storage = &record.StorageUse{Idle: []record.IdleReads{{P50US: 130}, {P50US: 150}}}
		}
	}
	return real, simulated
}

func beside(t *testing.T, real, simulated *Run) string {
	t.Helper()
	var b strings.Builder
	require.NoError(t, real.Beside(&b, simulated))
	return b.String()
}

// Each cell has its figures of both runs and their ratio; what is within a fifth is not marked, and what is not is.
func TestBeside(t *testing.T) {
	for _, tc := range []struct {
		slower float64
		ratio  string
		mark   string
	}{{1, "1.00", ""}, {1.2, "0.833", ""}, {1.3, "0.769", "<>"}, {0.82, "1.22", "<>"}, {0.85, "1.18", ""}} {
		real, simulated := pair(t, tc.slower)
		text := beside(t, real, simulated)
		var seen []string
		for _, row := range rows(section(t, text, "Latencies")) {
			require.Len(t, row, 6)
			switch {
			case row[0] == "stack=B/ctx=4096/conc=32":
				seen = append(seen, row[1])
				assert.Equal(t, []string{tc.ratio, tc.mark}, []string{strings.Replace(row[4], "1.000", "1.00", 1), row[5]}, "%v times: %s", tc.slower, row[1])
			case strings.HasPrefix(row[0], "stack=A/"):
				assert.Contains(t, []string{"TTFT p50, ms", "TTFT p99, ms"}, row[1], "it fetches nothing")
				assert.Empty(t, row[5])
			}
		}
		assert.Equal(t, []string{"tier-2 fetch p50, ms", "tier-2 fetch p95, ms", "TTFT p50, ms", "TTFT p99, ms"}, seen)
	}
	real, simulated := pair(t, 1)
	for _, a := range real.Arms {
		if m := &a.Measure; m.FetchMove != nil {
			m.DeviceRead.ms *= 2
			*m.FetchMove *= 1.5
		}
	}
	text := beside(t, real, simulated)
	assert.Contains(t, text, "| cell | figure | real | simulated | simulated / real, ratio | apart |")
	assert.Contains(t, text, "drive pm9e1-4tb, PCIe-5.0-x4")
	assert.Contains(t, text, "TTFT p99, ms | 10050 [3125, open] | 10050 [3125, open] | 1.00 |")
	// What a read takes beside its software follows from the transfers, 2931 ms for 1270 MiB; here the drive was as slow by its counters.
	parts := map[string][]string{}
	for _, row := range rows(section(t, text, "What a fetch is made of")) {
		require.Equal(t, "stack=B/ctx=4096/conc=32", row[0])
		parts[row[1]] = row[2:]
	}
	assert.Equal(t, []string{"0.213", "0.0685", "0.322", "<>"}, parts["of it a read beside its software, ms"])
	assert.Equal(t, []string{"0.137", "0.0685", "0.500", "<>"}, parts["r_await of the drive, ms"])
	assert.Equal(t, []string{"0.140", "-", "-", ""}, parts["read of 128 KiB on the idle drive, ms"])
	assert.Equal(t, []string{"4397", "2931", "0.667", "<>"}, parts["transfer, ms"])
	assert.Equal(t, []string{"39", "39", "1.00", ""}, parts["fetches, count"])
}

// Of several simulated runs the mean is compared, and what they scatter between is told. They have one drive.
func TestBesideSeveral(t *testing.T) {
	real, one := pair(t, 1)
	_, other := pair(t, 1)
	for _, c := range other.Evidence.Cells {
		for i := range c.Requests {
			c.Requests[i].TTFT *= 1.6
		}
	}
	var b strings.Builder
	require.NoError(t, real.Beside(&b, one, other))
	assert.Contains(t, b.String(), "TTFT p99, ms | 10050 [3125, open] | 13065 [10050, 16079] | 1.30 | <> |")
	assert.Contains(t, b.String(), "fetches, count | 39 | 39 [39, 39] | 1.00 |")
	assert.NotContains(t, b.String(), "Left out")

	other.Evidence.Exp.Twin.Drive = &config.Drive{Drive: "mine", Interface: "virtual"}
	require.ErrorContains(t, real.Beside(&b, one, other), "are of other drives, pm9e1-4tb, PCIe-5.0-x4 and mine, virtual: compare them one after the other")
	require.EqualError(t, real.Beside(&b), "no simulated run to compare with")
}

// Runs that differ by more than the drive are no pair, and the line says by what.
func TestBesideRefuses(t *testing.T) {
	for want, change := range map[string]func(real, sim *Run){
		"the first was measured by -rig sim, and has to be one of -rig disk":  func(r, _ *Run) { r.Evidence.Plan.Facts.Rig = modelRig },
		"the second was measured by -rig disk, and has to be one of -rig sim": func(_, s *Run) { s.Evidence.Plan.Facts.Rig = realRig },
		"the real one (-rig disk) comes first: exchange them": func(r, s *Run) {
			r.Evidence.Plan.Facts.Rig, s.Evidence.Plan.Facts.Rig = modelRig, realRig
		},
		"their hypotheses differ, H2B and H4B":                                        func(_, s *Run) { s.Evidence.Exp.Hypothesis.Hypothesis = "H4B" },
		"their plans (-profile) differ, quick and none: measure the one as the other": func(r, _ *Run) { r.Evidence.Exp.Plan = &config.UsedPlan{Plan: "quick"} },
		"their models differ, ":                                                       func(_, s *Run) { s.Evidence.Exp.Hypothesis.Model = "L8B" },
		"their loads differ: run both with the same configuration, and for":           func(_, s *Run) { s.Evidence.Exp.Hypothesis.Load.Nonce = "other" },
		"their sweeps differ: ":                                                       func(_, s *Run) { s.Evidence.Exp.Hypothesis.Sweep.Conc = []int{5} },
		"their stacks differ: ":                                                       func(_, s *Run) { s.Evidence.Exp.Stacks["B"].Dynamo.Tiers.Tier1.CapacityBytes++ },
		"their fio profiles differ: ":                                                 func(_, s *Run) { s.Evidence.Exp.Fio = map[string]string{"heavy": "x"} },
		"their simulated machines differ: ":                                           func(_, s *Run) { s.Evidence.Exp.World.Mechanisms.UnlimitedSlots = true },
		"have no cell in common: ":                                                    func(_, s *Run) { s.Arms = nil },
	} {
		real, simulated := pair(t, 1)
		change(real, simulated)
		var b strings.Builder
		err := real.Beside(&b, simulated)
		require.ErrorContains(t, err, want)
		assert.NotContains(t, err.Error(), "\n")
		assert.Empty(t, b.String())
	}
	// Another drive, another world's name and other times to ask are what may differ.
	real, simulated := pair(t, 1)
	exp := simulated.Evidence.Exp
	exp.World.World, exp.World.Drive, exp.World.Note = "mine", "mine", "mine"
	exp.Twin.Drive = &config.Drive{Drive: "mine", Interface: "virtual", Note: "measured | here"}
	exp.Hypothesis.Run.Seed, exp.Hypothesis.Run.Reps = 7, 9
	exp.Hypothesis.Thresholds = nil
	simulated.Evidence.Cells, simulated.Arms = simulated.Evidence.Cells[:1], simulated.Arms[:1]
	text := beside(t, real, simulated)
	for _, want := range []string{"1 cells. Of that drive: measured \\| here.",
		"Note: their seeds differ, 1 and 7: users ask at other times.",
		"repetitions of at least", "Note: of the simulated one 1 of ", "Left out: stack=B/ctx=4096/conc=32, which a simulated run lacks.", "Simulated, drive mine, virtual: h2b-"} {
		assert.Contains(t, text, want)
	}
}

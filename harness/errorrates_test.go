package harness

import (
	"io"
	"math"
	"os"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/rates"
	"sparkharness/harness/record"
	"sparkharness/harness/verdict"
)

func TestParseSeeds(t *testing.T) {
	for _, tc := range []struct {
		text string
		want []uint64
	}{
		{"", nil},
		{"1", []uint64{1}},
		{"7", []uint64{7}},
		{"1-3", []uint64{1, 2, 3}},
		{"5-5", []uint64{5}},
		{"0040-0042", []uint64{40, 41, 42}},
		{"18446744073709551614-18446744073709551615", []uint64{math.MaxUint64 - 1, math.MaxUint64}},
	} {
		got, err := parseSeeds(tc.text)
		require.NoError(t, err, tc.text)
		assert.Equal(t, tc.want, got, tc.text)
	}
	most, err := parseSeeds("2-10001")
	require.NoError(t, err)
	assert.Len(t, most, 10_000)
	for _, bad := range []string{"0", "0-3", "3-1", "1-", "-3", "-", "1-2-3", "a", "1-b", "1,2", " 1", "1 - 3", "+1", "1.5", "1e3", "1-10001", "1-99999999999999999999", "18446744073709551615-1"} {
		got, err := parseSeeds(bad)
		require.ErrorContains(t, err, "-seeds "+bad+": give a range such as 1-40, from 1 on", bad)
		assert.Nil(t, got, bad)
	}
}

// An id that no hypothesis has would else run nothing, and pass.
func TestOnlyThose(t *testing.T) {
	all := []Hypothesis{{ID: "H0"}, {ID: "H4A"}, {ID: "H4B"}}
	for _, tc := range []struct {
		ids  string
		want []string
		err  string
	}{
		{"", []string{"H0", "H4A", "H4B"}, ""},
		{"H4A", []string{"H4A"}, ""},
		{"h4b,H0", []string{"H0", "H4B"}, ""},
		{"H4A, H4B", []string{"H4A", "H4B"}, ""},
		{"H4A,H4A", []string{"H4A"}, ""},
		{"H4", nil, `-only H4: there is no hypothesis "H4"; there are H0, H4A, H4B`},
		{"H0,H9,H10", nil, `-only H0,H9,H10: there is no hypothesis "H10"; there are H0, H4A, H4B`},
		{"H0,", nil, `-only H0,: there is no hypothesis ""; there are H0, H4A, H4B`},
	} {
		got, err := onlyThose(all, tc.ids)
		if tc.err != "" {
			require.EqualError(t, err, tc.err)
			continue
		}
		require.NoError(t, err)
		var ids []string
		for _, h := range got {
			ids = append(ids, h.ID)
		}
		assert.Equal(t, tc.want, ids, tc.ids)
	}
}

// withSession gives the options to what reads the session's.
func withSession(t *testing.T, o *Options) {
	t.Helper()
	options, out, asked := session.options, session.out, session.interrupt
	session.options, session.out, session.interrupt = o, io.Discard, newInterrupt()
	t.Cleanup(func() { session.options, session.out, session.interrupt = options, out, asked })
}

// A run among many prints nothing, goes into a folder of its own, and is not taken up; the options of the session stay.
func TestOneOfMany(t *testing.T) {
	withSession(t, &Options{Rig: defaultRig, World: "default", Root: "..", Configs: "configurations", Results: "results", Resume: true,
		PlanOnly: true, Reps: 3})
	before := *session.options
	o := oneOfMany(rates.Run{Hypothesis: smallH2A, World: "swap_to_nvme", Seed: 7}, "own")
	assert.Equal(t, &Options{Rig: defaultRig, World: "swap_to_nvme", Root: "..", Configs: "configurations", Results: "own", Quiet: true,
		Reps: 3, Seed: 7}, o)
	assert.Equal(t, before, *session.options)
}

// A machine is seen in the first block alone, in whatever folder.
func TestFirstBlockOfACount(t *testing.T) {
	o := testOptions(t)
	withSession(t, o)
	print := func(world string) string {
		t.Helper()
		ev, err := doorOf(t).FirstBlock(rates.Run{Hypothesis: smallH2A, World: world, Seed: 1}, t.TempDir())
		require.NoError(t, err)
		assert.Len(t, ev.Cells, 2)
		text, err := ev.Fingerprint()
		require.NoError(t, err)
		return text
	}
	assert.Equal(t, print("default"), print("default"))
	assert.NotEqual(t, print("default"), print("swap_to_nvme"))
}

// A count that has been made is not made again; under other rules it is judged from what was kept, without a run, and with another
// design it is run.
func TestErrorRatesJudgeAgain(t *testing.T) {
	o := testOptions(t)
	o.Config = changed(t, o, "gates: {min_samples: 10}\ncontrols: {swap_to_nvme: c}")
	withSession(t, o)
	elsewhere := o.Results
	dir := t.TempDir()
	var ran atomic.Int32
	count := func(h Hypothesis, judges string) (supported, refuted int) {
		t.Helper()
		c := &rates.Count{Dir: dir, Root: dir, Program: record.Program{Judges: judges}, Door: doorOf(t)}
		c.Door.Rules = func(string) (string, error) { return judges, nil }
		execute := c.Door.Execute
		c.Door.Execute = func(r rates.Run, results string) (*verdict.Judgement, string) {
			ran.Add(1)
			return execute(r, results)
		}
		ran.Store(0)
		counted, _, err := c.Rates([]Hypothesis{h}, []uint64{3, 4})
		require.NoError(t, err)
		require.Zero(t, counted.Missing)
		for _, row := range counted.Rates {
			supported, refuted = supported+row.Supported, refuted+row.Refuted
		}
		return supported, refuted
	}
	of := func(a, b int) []int { return []int{a, b} }
	assert.Equal(t, []int{4, 0}, of(count(always(verdict.Holds), "rules")))
	assert.EqualValues(t, 4, ran.Load())
	assert.Equal(t, []int{4, 0}, of(count(always(verdict.Holds), "rules")))
	assert.Zero(t, ran.Load(), "counted before")
	assert.Equal(t, []int{0, 4}, of(count(always(verdict.Contradicted), "other rules")))
	assert.Zero(t, ran.Load(), "judged again")
	o.Duration = 61e9
	assert.Equal(t, []int{0, 4}, of(count(always(verdict.Contradicted), "other rules")))
	assert.EqualValues(t, 4, ran.Load(), "another design")
	left, err := os.ReadDir(elsewhere)
	require.NoError(t, err)
	assert.Empty(t, left, "no run is among the results")
}

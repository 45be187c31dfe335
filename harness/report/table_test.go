package report

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/gate"
	"sparkharness/harness/verdict"
)

func tableOf(t *testing.T, r *verdict.Judgement) string {
	t.Helper()
	var b strings.Builder
	require.NoError(t, Table(&b, r))
	return b.String()
}

func TestTableGolden(t *testing.T) {
	golden(t, "h2b.table.txt", []byte(tableOf(t, sampleH2B())))
	golden(t, "h0.table.txt", []byte(tableOf(t, sampleH0())))
}

func TestWriteTableHasTheSameBytes(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, WriteTable(dir, sampleH2B()))
	got, err := os.ReadFile(filepath.Join(dir, "table.txt"))
	require.NoError(t, err)
	assert.Equal(t, tableOf(t, sampleH2B()), string(got))
}

func TestTableFitsATerminal(t *testing.T) {
	r := sampleH2B()
	r.Rows[0].Cell = "stack=B/ctx=4096/sessions=128/turns=8/reuse=0.75/policy=segmented"
	r.Verdict.Gates[0].Detail = strings.Repeat("word ", 80)
	for line := range strings.SplitSeq(tableOf(t, r), "\n") {
		assert.LessOrEqual(t, len([]rune(line)), 160, line)
		assert.Equal(t, strings.TrimRight(line, " "), line)
	}
}

func TestTableLeavesEmptyColumnsOut(t *testing.T) {
	full := tableOf(t, sampleH2B())
	for _, head := range []string{"r_await", "tier-2", "fetch", "cens/", "(idle)", "busy"} {
		assert.Contains(t, full, head)
	}
	a := sampleH2B()
	a.Rows, a.Sizing = a.Rows[:5], nil // stack A
	for i := range a.Rows {
		a.Rows[i].NVMeIdleRPS = nil
	}
	latency, _, _ := strings.Cut(tableOf(t, a), "\nverdict")
	for _, head := range []string{"r_await", "tier-2", "fetch", "cens/"} {
		assert.NotContains(t, latency, head)
	}
	assert.Contains(t, latency, "11.8 (-)", "a value without its baseline")
}

func TestTableSaysWhatIsMissing(t *testing.T) {
	r := sampleH2B()
	r.Rows, r.Interrupted, r.CellsMeasured = nil, true, 0
	r.Verdict = verdict.Settle([]gate.Gate{gate.Fail("treatment", verdict.Invalid, "treatment", "policy read back as LRU")}, nil, nil, 0.025)
	s := tableOf(t, r)
	assert.Contains(t, s, "no cell was measured")
	assert.Contains(t, s, "cells 0/30")
	assert.Contains(t, s, "INTERRUPTED")
	assert.Contains(t, s, "verdict       Invalid  gate treatment failed: policy read back as LRU")
	assert.Contains(t, s, "treatment  FAILED  policy read back as LRU")
}

// Cells that were measured again are counted in the first line, where there are any.
func TestTableCountsWhatWasMeasuredAgain(t *testing.T) {
	r := sampleH2B()
	assert.NotContains(t, tableOf(t, r), "measured again")
	r.CellsAgain = 3
	first, _, _ := strings.Cut(tableOf(t, r), "\n")
	assert.Contains(t, first, "  measured again 3")
}

func TestTableKeepsReasonsThatNoCheckRepeats(t *testing.T) {
	r := sampleH0()
	r.Verdict.Reasons = append(r.Verdict.Reasons, "rule and saturation disagree by 64 users")
	s := tableOf(t, r)
	assert.Contains(t, s, "rule and saturation disagree by 64 users")
	assert.Equal(t, 1, strings.Count(s, "the rule finds a knee at 192 users"))
}

func TestTableCannotMoveTheCursor(t *testing.T) {
	s := tableOf(t, hostile("\x1b]0;x\a\x1b[2J\r\n"))
	assert.NotContains(t, s, "\x1b")
	assert.NotContains(t, s, "\r")
}

func TestClosingGolden(t *testing.T) {
	var b strings.Builder
	require.NoError(t, Closing(&b, []Line{
		{Report: sampleH0(), Path: "results/20260301T090000Z-h0-sim-default-s1/report.json", Expected: []verdict.Outcome{verdict.Supported}},
		{Report: sampleH2B(), Path: "results/20260301T101500Z-h2b-sim-default-s1/report.json", Expected: []verdict.Outcome{verdict.Supported}},
		{Path: "results/h4b", Expected: []verdict.Outcome{verdict.Supported}, Err: "the rig did not start: port 9000 is taken; stop the other server or set frontend.port"},
	}))
	golden(t, "closing.txt", []byte(b.String()))
}

// One of several outcomes may pass, or any; a profile is named with the rig.
func TestClosingOfAProfile(t *testing.T) {
	r := sampleH2B()
	r.Profile = "hour"
	for _, tc := range []struct {
		expected []verdict.Outcome
		shows    string
		passes   bool
	}{
		{nil, `(?m)^H2B +A, B +Supported +- `, true},
		{[]verdict.Outcome{verdict.Supported, verdict.Inconclusive}, `(?m)^H2B +A, B +Supported +Supported or .*\n +Inconclusive `, true},
		{[]verdict.Outcome{verdict.Refuted, verdict.Inconclusive}, `(?m)^H2B +A, B +Supported \* +Refuted or .*\n +Inconclusive `, false},
	} {
		line := Line{Report: r, Expected: tc.expected}
		assert.Equal(t, tc.passes, line.Passes())
		var b strings.Builder
		require.NoError(t, Closing(&b, []Line{line}))
		assert.Regexp(t, tc.shows, b.String())
		assert.Equal(t, !tc.passes, strings.Contains(b.String(), "* not the expected verdict"))
		assert.Contains(t, b.String(), "rig=sim clock=virtual world=default profile=hour: ")
	}
}

func TestClosingNamesEachRigIfTheyDiffer(t *testing.T) {
	spark := sampleH0()
	spark.Rig, spark.Clock, spark.World = "spark", "real", ""
	spark.Origin, spark.Simulated = "measured on hardware", false
	var b strings.Builder
	require.NoError(t, Closing(&b, []Line{{Report: sampleH2B()}, {Report: spark}}))
	assert.Contains(t, b.String(), "rig=sim clock=virtual world=default: simulated, not measured on hardware")
	assert.Contains(t, b.String(), "rig=spark clock=real: measured on hardware")
	assert.NotContains(t, b.String(), "* not the expected")
}

package evidence

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/record"
	"sparkharness/harness/stats"
)

func TestE2EReps(t *testing.T) {
	ev := repetitions()
	ev.Cells[0].Requests = []Request{
		{At: 1, E2E: 900, HasE2E: true, RC: record.RCOK},
		{At: 2, E2E: 60000, HasE2E: true, RC: record.RCTimeout}, // after its first token, so that its TTFT is known
		{At: 3, RC: record.RCCut},
	}
	ev.Cells[1].Requests = nil
	got := ev.Groups()[0].E2E()
	require.Len(t, got, 3, "a repetition without an answer is still one")
	assert.Equal(t, stats.Rep{{T: 1, V: 900}, {T: 2, V: 60000, Censored: true}}, got[0])
	assert.Empty(t, got[1])
	assert.Len(t, got[2], 110)
}

// An answer counts in the ten seconds in which it was complete, not in those in which it was sent; what was
// not answered in full, or after the last whole bin, counts nowhere.
func TestCompletionReps(t *testing.T) {
	ev := repetitions()
	ev.Cells = ev.Cells[:2]
	ev.Cells[0].Info.Load.MeasureEnd = ptr(137.0) // 37 s: three bins and a rest
	ev.Cells[0].Requests = []Request{
		{At: 1, E2E: 500, HasE2E: true, RC: record.RCOK},
		{At: 9, E2E: 999, HasE2E: true, RC: record.RCOK},
		{At: 9, E2E: 1000, HasE2E: true, RC: record.RCOK}, // at 10 s
		{At: 2, E2E: 27900, HasE2E: true, RC: record.RCOK},
		{At: 29, E2E: 1000, HasE2E: true, RC: record.RCOK},   // in the rest
		{At: 29, E2E: 900000, HasE2E: true, RC: record.RCOK}, // after the end
		{At: 3, E2E: 1000, HasE2E: true, RC: record.RCTimeout, Censored: true},
		{At: 3, RC: record.RCCut},
		{At: 3, RC: record.RCOK},
	}
	got := ev.Groups()[0].CompletionReps()
	require.Len(t, got, 2)
	require.Len(t, got[0], 3)
	for i, want := range []float64{0.2, 0.1, 0.1} {
		assert.InDelta(t, 10*i, got[0][i].T, 1e-9)
		assert.InDelta(t, want, got[0][i].V, 1e-9, "bin %d", i)
	}
	require.Len(t, got[1], 30)
	total := 0.0
	for _, p := range got[1] {
		total += 10 * p.V
	}
	assert.InDelta(t, 110, total, 1e-9, "every request was answered within the 300 s")
}

// A measure phase of 300 s has thirty bins whenever it began: 556.3 - 256.3 is a little less than 300.
func TestCompletionRepsHaveEveryBin(t *testing.T) {
	ev := repetitions()
	for _, c := range ev.Cells {
		c.Info.Load.MeasureStart, c.Info.Load.MeasureEnd = ptr(256.3), ptr(556.3)
	}
	for _, rep := range ev.Groups()[0].CompletionReps() {
		assert.Len(t, rep, 30)
	}
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

package verdict

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/evidence"
	"sparkharness/harness/record"
)

// What was not measured, or not expected, is in no sum.
func TestCosts(t *testing.T) {
	cell := func(seconds, written *float64, price *record.Price) *evidence.Cell {
		c := &evidence.Cell{Info: record.CellInfo{Seconds: seconds}}
		c.Price, c.Sys.WrittenBytes = price, written
		return c
	}
	expected := &record.Price{Seconds: 3600, WrittenBytes: 2e12}
	found := costs([]*evidence.Cell{
		cell(new(5400.0), new(1e12), expected), cell(new(5400.0), nil, expected), cell(nil, new(1e12), expected), cell(new(1.0), new(1.0), nil),
	})
	require.Len(t, found, 2)
	assert.Equal(t, []any{"machine hours", 3.0, "h", "expected 2; measured / expected 1.50, over 2 cells"},
		[]any{found[0].Name, *found[0].Value, found[0].Unit, found[0].Detail})
	assert.Equal(t, []any{"terabytes written", 2.0, "TB", "expected 4; measured / expected 0.50, over 2 cells"},
		[]any{found[1].Name, *found[1].Value, found[1].Unit, found[1].Detail})
	assert.Empty(t, costs([]*evidence.Cell{cell(nil, nil, expected), cell(new(1.0), new(1.0), nil)}))
}

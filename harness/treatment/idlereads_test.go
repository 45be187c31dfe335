package treatment

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/rig"
)

// The idle drive is read for a second or so, of the file that is there once; a context that has ended, and a file that is gone, are errors.
func TestIdleReads(t *testing.T) {
	tr, _, told := treating(t, nil)
	require.NoError(t, tr.Prepare(t.Context(), nil, true))
	begun := time.Now()
	got, err := tr.IdleReads(t.Context())
	require.NoError(t, err)
	assert.GreaterOrEqual(t, time.Since(begun), idleLead+idleSpan)
	assert.Less(t, time.Since(begun), idleMost+5*time.Second)
	assert.Greater(t, got.N, idleLeast-1)
	assert.InDelta(t, rig.ProbeBytes, got.Bytes, 0)
	assert.Greater(t, got.P50US, 1.0)
	whole := 1e6 * (time.Since(begun) - idleLead).Seconds()
	assert.Less(t, got.P50US*float64(got.N), whole*2, "half of the reads took as long or longer, one after another")
	assert.Greater(t, got.MeanUS*float64(got.N), whole/2, "they were one after another, with next to nothing between them")
	assert.Less(t, got.MeanUS*float64(got.N), whole*1.2, "those of the lead do not count")
	wrote := told.String()

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = tr.IdleReads(ended)
	require.ErrorIs(t, err, context.Canceled)
	require.NoError(t, os.Remove(tr.path(probeName)))
	_, err = tr.IdleReads(t.Context())
	require.ErrorIs(t, err, os.ErrNotExist)
	assert.Equal(t, wrote, told.String(), "nothing is written for it again")
}

package telemetry

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What this process burns is counted, and no more than its threads can have had.
func TestSelf(t *testing.T) {
	end := Self("/proc")
	for until := time.Now().Add(200 * time.Millisecond); time.Now().Before(until); {
		_ = ranges([]uint64{1, 2, 3})
	}
	use, err := end()
	require.NoError(t, err)
	assert.GreaterOrEqual(t, use.Seconds, 0.2)
	assert.Positive(t, use.CPUSeconds)
	require.NotNil(t, use.RSSBytes)
	assert.Greater(t, *use.RSSBytes, float64(1<<20))
	assert.NotEmpty(t, use.CPUs)

	use, err = Self(t.TempDir())()
	require.NoError(t, err)
	assert.Nil(t, use.RSSBytes, "not told is null")
	assert.Empty(t, use.CPUs)
}

func TestRanges(t *testing.T) {
	assert.Empty(t, ranges(nil))
	assert.Equal(t, "0", ranges([]uint64{0}))
	assert.Equal(t, "0-3,8,10-11", ranges([]uint64{0, 1, 2, 3, 8, 10, 11}))
}

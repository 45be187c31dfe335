package verdict

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/record"
)

// A report counts cells that were measured again, each once, and gives every reason.
func TestMeasuredAgainIsAFinding(t *testing.T) {
	assert.Empty(t, measuredAgain(nil))
	aside := []record.Quarantined{{Cell: "rep=1", Why: "dead source"}, {Cell: "rep=2", Why: "swap"}, {Cell: "rep=1", Why: "throttled"}}
	found := measuredAgain(aside)
	require.Len(t, found, 1)
	require.NotNil(t, found[0].Value)
	assert.InDelta(t, 2, *found[0].Value, 0)
	assert.Equal(t, "3 measurements were put aside by gates that look at nothing of the outcome; they are kept in quarantine, and nothing is "+
		"concluded from them: rep=1: dead source; rep=2: swap; rep=1: throttled", found[0].Detail)
}

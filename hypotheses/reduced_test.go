package hypotheses

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness"
	"sparkharness/harness/evidence"
	"sparkharness/harness/verdict"
)

// Reduced evidence is judged as the run was from which it was made: every number of the report is the same.
func TestReducedEvidenceIsJudgedAlike(t *testing.T) {
	for _, h := range all {
		t.Run(h.ID, func(t *testing.T) {
			ev, err := evidence.Load(filepath.Join(harness.Root(), "fixtures", "runs", strings.ToLower(h.ID)), nil)
			require.NoError(t, err)
			packed, err := ev.Reduce()
			require.NoError(t, err)
			again, err := evidence.Expand(h.ID, packed)
			require.NoError(t, err)

			want, _ := verdict.Judge(h, ev)
			got, _ := verdict.Judge(h, again)
			assert.Equal(t, want, got)
			before, err := ev.Fingerprint()
			require.NoError(t, err)
			after, err := again.Fingerprint()
			require.NoError(t, err)
			assert.Equal(t, before, after)
		})
	}
}

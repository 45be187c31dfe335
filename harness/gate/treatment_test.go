package gate_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/gate"
	"sparkharness/harness/record"
)

// Of a server that was asked for neither pool nor blocks only the model is held to what was asked, and the gate says so; one that
// was asked and does not tell is Invalid, and so is one of which nothing is known.
func TestTreatmentOfWhatWasNotAsked(t *testing.T) {
	free := record.Settings{Model: "tiny", WantModel: "tiny"}
	for _, tc := range []struct {
		settings record.Settings
		code     string
	}{
		{free, ""},
		{record.Settings{Model: "other", WantModel: "tiny"}, "model"},
		{record.Settings{Model: "tiny", WantModel: "tiny", WantKVPool: 1e9}, "not_read_back"},
		{record.Settings{Model: "tiny", WantModel: "tiny", WantBlockTokens: 32}, "not_read_back"},
		{record.Settings{}, "not_read_back"},
	} {
		ev := goodEvidence()
		for _, c := range ev.Cells {
			c.Info.Settings = tc.settings
		}
		g := gateOf(t, ev, gate.Claim{}, "treatment")
		assert.Equal(t, tc.code, g.Code, "%+v", tc.settings)
		assert.Equal(t, tc.code == "", g.Passed)
	}
	ev := goodEvidence()
	ev.Cells[0].Info.Settings = free
	g := gateOf(t, ev, gate.Claim{}, "treatment")
	require.True(t, g.Passed)
	assert.Contains(t, g.Detail, "KV pool and block size were asked of no server or not of all")
	assert.NotContains(t, g.Detail, "KV pool, block size read back")
}

package record

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What no proof leaves is a damaged file; a cell of an earlier version has none.
func TestProofThatCannotBe(t *testing.T) {
	const asked = `{"start":1,"counters_proof":{"asked_read_bytes":1048576,"asked_write_bytes":1048576,"read_bytes":`
	c, err := parseCellInfo("cell.json", []byte(asked+`null,"write_bytes":1048576}}`))
	require.NoError(t, err)
	assert.Nil(t, c.Counters.ReadBytes)
	assert.Nil(t, c.Device)
	for _, bytes := range []string{"-1", "1e19"} {
		_, err := parseCellInfo("cell.json", []byte(asked+bytes+`,"write_bytes":1048576}}`))
		require.ErrorContains(t, err, "the proof of the counters has")
	}
	c, err = parseCellInfo("cell.json", []byte(`{"start":1}`))
	require.NoError(t, err)
	assert.Nil(t, c.Counters)
}

func TestShown(t *testing.T) {
	asked := CountersProof{AskedReadBytes: 1 << 20, AskedWriteBytes: 1 << 20}
	with := func(read, written *float64, lacking string) CountersProof {
		p := asked
		p.ReadBytes, p.WriteBytes, p.Lacking = read, written, lacking
		return p
	}
	for name, tc := range map[string]struct {
		p            CountersProof
		shown, known bool
	}{
		"both":            {with(new(1048576.0), new(1048576.0), ""), true, true},
		"and others' I/O": {with(new(5e6), new(5e6), ""), true, true},
		"no read":         {with(new(0.0), new(1048576.0), ""), false, true},
		"no write":        {with(new(1048576.0), new(0.0), ""), false, true},
		"a part":          {with(new(1048576.0), new(1048064.0), ""), false, true},
		"read unknown":    {with(nil, new(1048576.0), ""), false, false},
		"write unknown":   {with(new(1048576.0), nil, ""), false, false},
		"lacking":         {with(new(1048576.0), new(1048576.0), "no device"), false, false},
		"nothing":         {CountersProof{}, false, false},
	} {
		shown, known := tc.p.Shown()
		assert.Equal(t, []bool{tc.shown, tc.known}, []bool{shown, known}, name)
	}
}

package telemetry

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/record"
)

func TestProbe(t *testing.T) {
	var p Probe
	assert.Equal(t, "probe", p.Name())
	sample := func() (record.SysSample, error) {
		var s record.SysSample
		err := p.Sample(t.Context(), &s)
		return s, err
	}
	s, err := sample()
	require.NoError(t, err)
	assert.Equal(t, record.SysSample{}, s, "nobody reads")

	var took []time.Duration
	var broken error
	p.Watch(func(context.Context) ([]time.Duration, error) { return took, broken })
	s, err = sample()
	require.NoError(t, err)
	assert.Equal(t, &record.Probe{}, s.Probe, "no read has ended")

	took = []time.Duration{300 * time.Microsecond, 100 * time.Microsecond, 200*time.Microsecond + 100}
	s, err = sample()
	require.NoError(t, err)
	assert.Equal(t, &record.Probe{N: 3, MeanUS: new(200.033), P50US: new(200.1), P99US: new(298.002)}, s.Probe)
	took = []time.Duration{70 * time.Microsecond}
	s, err = sample()
	require.NoError(t, err)
	assert.Equal(t, &record.Probe{N: 1, MeanUS: new(70.0), P50US: new(70.0), P99US: new(70.0)}, s.Probe)

	broken = errors.New("no such file")
	s, err = sample()
	require.EqualError(t, err, "the probe's reads: no such file")
	assert.Nil(t, s.Probe)
	p.Forget()
	_, err = sample()
	require.NoError(t, err)
}

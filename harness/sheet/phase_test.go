package sheet

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/record"
)

func TestAmong(t *testing.T) {
	for _, tc := range []struct {
		q    float64
		most int // that cannot show it
	}{{0.5, 1}, {0.95, 19}, {0.99, 99}, {0.999, 999}, {0.9999, 9999}} {
		assert.False(t, among(tc.most, tc.q), "%v", tc.q)
		assert.True(t, among(tc.most+1, tc.q), "%v", tc.q)
	}
	values := make([]float64, 100)
	for i := range values {
		values[i] = float64(100 - i)
	}
	qs := quantiles(values)
	assert.InDelta(t, 50.5, *qs[0], 1e-9)
	assert.InDelta(t, 99.01, *qs[2], 1e-9)
	assert.Nil(t, qs[3])
	assert.Nil(t, quantiles(nil)[0])
}

func TestQuantileOfSamples(t *testing.T) {
	of := []weighted{{ms: 9, n: 1}, {ms: 1, n: 98}, {ms: 5, n: 1}}
	assert.InDelta(t, 1, *quantile(of, 0.5), 0)
	assert.InDelta(t, 1, *quantile(of, 0.98), 0)
	assert.InDelta(t, 5, *quantile(of, 0.99), 0)
	assert.InDelta(t, 9, *quantile(of, 1), 0)
	assert.Nil(t, quantile(nil, 0.5))
}

// What no sample tells is nil, what a sample counts as none is 0, and a mean that rounding decides is in no quantile.
func TestPhaseOfSamples(t *testing.T) {
	var p Phase
	p.addSys(&record.SysSample{DtMS: 500}, nil)
	assert.Zero(t, p)
	p.addSys(&record.SysSample{DtMS: 500, NVMe: &record.NVMe{Reads: 19, ReadMS: 19, ReadBytes: 100, Writes: 2, WriteBytes: 7, WriteMS: 3, WeightedMS: 22, IOms: 11},
		Server: &record.ServerIO{}, Fio: &record.Fio{ReadBytes: 5}, Probe: &record.Probe{N: 4, MeanUS: new(250.0)}}, &record.ProbeRun{Bytes: 10})
	p.addSys(&record.SysSample{DtMS: 500, NVMe: &record.NVMe{Reads: 10, ReadMS: 20, ReadBytes: 50}, Probe: &record.Probe{}}, &record.ProbeRun{Bytes: 10})
	assert.InDelta(t, 1, p.DeviceSeconds, 1e-12)
	assert.Equal(t, side{150, 29, 39}, p.DeviceRead)
	assert.Equal(t, side{7, 2, 3}, p.DeviceWrite)
	assert.Equal(t, []weighted{{2, 10}}, p.ReadAwaits, "of 19 ms one is the kernel's rounding")
	assert.Zero(t, *p.AppRead)
	assert.InDelta(t, 0.5, p.AppSeconds, 0)
	assert.InDelta(t, 5, *p.FioRead, 0)
	assert.InDelta(t, 1, p.ProbeMS, 1e-12)
	assert.InDelta(t, 40, *p.ProbeBytes, 0)
	assert.InDelta(t, 1, p.ProbeSeconds, 0)
}

func TestGrown(t *testing.T) {
	at := func(v *float64, born ...string) *record.KVSample {
		return &record.KVSample{Tier2: record.KVTier{BytesOut: v}, Born: born}
	}
	const name = "tier2.bytes_out"
	assert.InDelta(t, 3, *grown(at(new(4.0)), at(new(7.0)), name), 0)
	assert.Zero(t, *grown(at(new(4.0)), at(new(4.0)), name), "nothing moved, which is known")
	assert.Nil(t, grown(at(nil), at(new(7.0)), name))
	assert.Nil(t, grown(at(new(4.0)), at(nil), name))
	assert.Nil(t, grown(at(new(4.0)), at(new(1.0)), name), "its server began anew")
	assert.InDelta(t, 7, *grown(at(nil), at(new(7.0), name), name), 0, "it was born after the line before")

	var p Phase
	p.addKV(&record.KVSample{TS: 1}, &record.KVSample{TS: 3})
	require.Nil(t, p.KVRead)
	assert.InDelta(t, 2, p.KVSeconds, 0)
}

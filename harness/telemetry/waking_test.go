package telemetry

import (
	"context"
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/record"
)

// phases is a cell's phase by the time since its start, in ms.
type phases []struct {
	until int
	phase string
}

func (p phases) at(start time.Time) func() string {
	return func() string {
		for _, x := range p {
			if time.Since(start) < time.Duration(x.until)*time.Millisecond {
				return x.phase
			}
		}
		return record.PhaseDrain
	}
}

// isSparse marks the warm-up and the drain sparse.
func isSparse(phase string) bool { return phase == record.PhaseWarmup || phase == record.PhaseDrain }

// taken is what these tests look at in a sample: its slot, interval and label.
type taken struct {
	slot  int
	dtMS  float64
	phase string
}

func (got *sampled) taken() []taken {
	var out []taken
	for _, s := range got.sys {
		out = append(out, taken{int((s.TS-epoch-0.003)/0.2 + 0.5), s.DtMS, s.Phase})
	}
	return out
}

func TestSamplerSparsePhases(t *testing.T) {
	const base, warm, measure, drain = record.PhaseBaseline, record.PhaseWarmup, record.PhaseMeasure, record.PhaseDrain
	// hang makes a call of the source last over the two slots after its own.
	hang := func(call int) func(context.Context, int) error {
		return func(_ context.Context, c int) error {
			if c == call {
				time.Sleep(500 * time.Millisecond)
			}
			return nil
		}
	}
	tests := map[string]struct {
		phases phases
		until  int // ms
		do     func(context.Context, int) error
		want   []taken
		slots  int
	}{
		// Slots are at 3, 203, 403 ms ...
		"sparse, dense, sparse": {phases{{1450, warm}, {2050, measure}}, 3500, nil, []taken{
			{5, 1000, warm}, {8, 600, warm}, // 5 by its number, 8 because it ends the warm-up
			{9, 200, measure}, {10, 200, measure},
			{11, 200, drain}, {15, 800, drain},
		}, 6},
		"change at a due slot": {phases{{1000, warm}, {1400, measure}}, 2500, nil, []taken{
			{5, 1000, warm}, {6, 200, measure}, {7, 200, drain}, {10, 600, drain},
		}, 4},
		"dense first": {phases{{300, base}, {1250, warm}}, 1500, nil, []taken{
			{1, 200, base}, {2, 200, warm}, {5, 600, warm},
		}, 3},
		"sparse phase of one slot": {phases{{300, base}, {450, warm}, {900, measure}}, 900, nil, []taken{
			{1, 200, base}, {2, 200, warm}, {3, 200, warm}, {4, 200, measure},
		}, 4},
		"from one sparse phase to the next": {phases{{700, warm}, {1600, drain}}, 2100, nil, []taken{
			{5, 1000, drain}, {10, 1000, drain},
		}, 2},
		"dense phases change as they always did": {phases{{300, base}, {2000, measure}}, 700, nil, []taken{
			{1, 200, base}, {2, 200, measure}, {3, 200, measure},
		}, 3},
		"a sparse slot is missed": {phases{{5000, warm}}, 2100, func(_ context.Context, c int) error {
			if c == 0 {
				time.Sleep(1100 * time.Millisecond)
			}
			return nil
		}, []taken{{10, 2000, warm}}, 2},
		"slots that are not due are not missed": {phases{{5000, warm}}, 2100, hang(0), []taken{
			{5, 1000, warm}, {10, 1000, warm},
		}, 2},
		"change inside a tick": {phases{{1250, warm}, {5000, measure}}, 1900, hang(1), []taken{
			{5, 1000, warm}, {8, 600, warm}, {9, 200, measure}, // 6 and 7 may have been dense
		}, 5},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var got sampled
				s := got.sampler()
				s.Phase, s.Sparse, s.SparseEvery = tt.phases.at(s.Start), isSparse, 5
				s.Sys, s.KV = []SysSource{&scripted{name: "a", do: tt.do}}, &scripted{name: "kv"}
				cov, err := runFor(t, s, time.Duration(tt.until)*time.Millisecond)
				require.NoError(t, err)
				assert.Equal(t, tt.want, got.taken())
				require.Len(t, got.kv, len(got.sys)+1)
				for i, line := range got.sys {
					assert.Equal(t, line.TS, got.kv[i+1].TS)
					assert.Equal(t, line.Phase, got.kv[i+1].Phase)
				}
				n := len(tt.want)
				assert.Equal(t, record.Coverage{Slots: tt.slots, Sources: []record.SourceCoverage{{Name: "a", Samples: n}, {Name: "kv", Samples: n}}}, cov)
			})
		})
	}
}

// A Sampler that starts late takes its first reading at once and then keeps to the numbers of the slots.
func TestSamplerSparseStartsLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got sampled
		s := got.sampler()
		s.Sparse, s.SparseEvery = func(string) bool { return true }, 5
		s.Sys, s.KV = []SysSource{&scripted{name: "a"}}, &scripted{name: "kv"}
		time.Sleep(450 * time.Millisecond)
		cov, err := runFor(t, s, 2*time.Second)
		require.NoError(t, err)
		assert.Equal(t, []taken{{5, 400, record.PhaseMeasure}, {10, 1000, record.PhaseMeasure}}, got.taken())
		assert.Equal(t, epoch+0.603, got.kv[0].TS)
		assert.Equal(t, 2, cov.Slots)
	})
}

func TestSamplerSparseIsDeterministic(t *testing.T) {
	var first []byte
	for range 20 {
		synctest.Test(t, func(t *testing.T) {
			var got sampled
			s := got.sampler()
			s.Phase = phases{{60_000, record.PhaseWarmup}, {90_000, record.PhaseMeasure}}.at(s.Start)
			s.Sparse, s.SparseEvery = isSparse, 10
			s.Sys, s.KV = []SysSource{&scripted{name: "a"}}, &scripted{name: "kv"}
			cov, err := runFor(t, s, 2*time.Minute)
			require.NoError(t, err)
			assert.Equal(t, 30+149+15, cov.Slots)
			b, err := json.Marshal([]any{got.sys, got.kv, cov})
			require.NoError(t, err)
			if first == nil {
				first = b
			}
			assert.Equal(t, string(first), string(b))
		})
	}
}

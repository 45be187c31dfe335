package hypotheses

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/evidence"
	"sparkharness/harness/record"
)

// A cell of stack A, its group of 56 requests, and a bound that lies beyond every TTFT of it, ms.
const (
	reducedCell  = "ctx=256/conc=4/rep=1"
	reducedGroup = "ctx=256/conc=4"
	beyond       = 600000.0
)

// rowOf is a group's row in a replay.
func rowOf(r *recording, group string) evidence.Row {
	r.t.Helper()
	rows := r.replay().Rows
	i := slices.IndexFunc(rows, func(row evidence.Row) bool { return row.Cell == group })
	require.NotEqual(r.t, -1, i, group)
	return rows[i]
}

// oneRequest is the group's row after an edit of one request, the fastest of its cell.
func oneRequest(t *testing.T, edit func(q object)) evidence.Row {
	r := passingH2A(t)
	fastest, least := 0, beyond
	cellRequests(r, reducedCell, func(i int, q object) {
		if v := q["lat_ttft_ms"].(float64); v < least {
			fastest, least = i, v
		}
	})
	cellRequests(r, reducedCell, func(i int, q object) {
		if i == fastest {
			edit(q)
		}
	})
	return rowOf(r, reducedGroup)
}

func fields(of object) func(q object) {
	return func(q object) {
		for k, v := range of {
			q[k] = v
		}
	}
}

// A time-out stays in the percentiles, at least as late as it was given up.
func TestTimeoutsAreCensored(t *testing.T) {
	t.Parallel()
	whole := oneRequest(t, fields(nil))
	require.Equal(t, 56, whole.Samples)
	require.False(t, whole.TTFT.P99.AtLeast)
	for name, q := range map[string]object{
		"without a first token":   {"rc": record.RCTimeout, "censored": true, "lat_ttft_ms": nil, "lat_e2e_ms": beyond},
		"with a bound of its own": {"rc": record.RCTimeout, "censored": true, "lat_ttft_ms": beyond, "lat_e2e_ms": nil},
	} {
		t.Run(name, func(t *testing.T) {
			row := oneRequest(t, fields(q))
			assert.Equal(t, 56, row.Samples)
			assert.Equal(t, 1, row.Censored)
			assert.Zero(t, row.Failed)
			assert.Greater(t, *row.TTFT.P99.Value, 0.45*beyond, "p99 of 56 values lies 0.45 of the way to the last")
			assert.True(t, row.TTFT.P99.AtLeast)
			assert.GreaterOrEqual(t, *row.TTFT.P50.Value, *whole.TTFT.P50.Value)
			assert.False(t, row.TTFT.P50.AtLeast, "the median is what it is however long that one would have taken")
			assert.InDelta(t, whole.RPS*55/56, row.RPS, 1e-9, "it was not completed")
		})
	}
	early := oneRequest(t, fields(object{"rc": record.RCTimeout, "censored": true, "lat_ttft_ms": nil, "lat_e2e_ms": 1}))
	assert.True(t, early.TTFT.P50.AtLeast, "what was given up early may belong anywhere")

	late := oneRequest(t, fields(object{"rc": record.RCTimeout, "censored": true, "lat_e2e_ms": beyond}))
	assert.Equal(t, 1, late.Censored)
	assert.Equal(t, whole.TTFT, late.TTFT, "its first token came, and when is known")
	assert.Greater(t, *late.E2E.P99.Value, 0.45*beyond)
	assert.True(t, late.E2E.P99.AtLeast)
	assert.False(t, late.E2E.P50.AtLeast)
}

// A failed or refused request is counted, and says nothing about latency, even where a first token came.
func TestFailedRequestsHaveNoLatency(t *testing.T) {
	t.Parallel()
	absent := oneRequest(t, fields(object{"phase": record.PhaseWarmup}))
	require.Equal(t, 55, absent.Samples)
	for _, rc := range []string{record.RCRejected, record.RCHTTP, record.RCRefused, record.RCCut, record.RCServer,
		record.RCMalformed, record.RCShort, record.RCCancelled} {
		row := oneRequest(t, fields(object{"rc": rc, "lat_ttft_ms": beyond, "lat_e2e_ms": beyond}))
		assert.Equal(t, absent.TTFT, row.TTFT, rc)
		assert.Equal(t, absent.E2E, row.E2E, rc)
		assert.InDelta(t, absent.RPS, row.RPS, 1e-9, rc)
		assert.InDelta(t, absent.TokS, row.TokS, 1e-9, rc)
		assert.Equal(t, 56, row.Samples, rc)
		assert.Zero(t, row.Censored, rc)
		assert.Equal(t, 1, row.Failed+row.Rejected, rc)
		assert.Equal(t, rc == record.RCRejected, row.Rejected == 1, rc)
	}
}

// An answer moves the percentiles, and only one that was due inside the measure phase.
func TestOneAnswerMovesP99(t *testing.T) {
	whole := oneRequest(t, fields(nil))
	slow := oneRequest(t, fields(object{"lat_ttft_ms": beyond, "lat_e2e_ms": 2 * beyond}))
	assert.Greater(t, *slow.TTFT.P99.Value, 0.45*beyond)
	assert.False(t, slow.TTFT.P99.AtLeast)
	assert.Greater(t, *slow.E2E.P99.Value, 0.9*beyond)
	assert.Greater(t, *slow.CoV, *whole.CoV)

	r := passingH2A(t)
	cellLines(r, reducedCell, "metrics.jsonl", record.PhaseWarmup,
		func(_ int, q object) { q["lat_ttft_ms"], q["send_lag_ms"] = beyond, beyond })
	assert.Equal(t, whole, rowOf(r, reducedGroup))
}

// Each reading of a row follows the samples of its own phase by what they are worth: 118 s were measured in the two
// repetitions, in samples of a second.
func TestRowsFollowTheSamples(t *testing.T) {
	t.Parallel()
	const seconds = 118.0
	whole := oneRequest(t, fields(nil))
	edited := func(phase string, edit func(s object)) evidence.Row {
		r := passingH2A(t)
		cellSamples(r, reducedCell, phase, func(i int, s object) {
			if i == 1 {
				edit(s)
			}
		})
		return rowOf(r, reducedGroup)
	}
	more := func(source, field string, v float64) func(object) {
		return func(s object) { s[source].(object)[field] = s[source].(object)[field].(float64) + v }
	}
	for _, tc := range []struct {
		name  string
		edit  func(object)
		moved func(evidence.Row) *float64
		by    float64
	}{
		{"GPU busy", more("gpu", "util", 59), func(r evidence.Row) *float64 { return r.GPUBusyPct }, 59 / seconds},
		{"queue: waiting", more("engine", "waiting", 59), func(r evidence.Row) *float64 { return r.QueueDepth }, 59 / seconds},
		{"queue: prompt not done", more("engine", "context", 59), func(r evidence.Row) *float64 { return r.QueueDepth }, 59 / seconds},
		{"iowait", more("cpu", "iowait", 59), func(r evidence.Row) *float64 { return r.IOWaitPct }, 59 / seconds},
		{"reads", more("nvme", "reads", 1180), func(r evidence.Row) *float64 { return r.NVMeRPS }, 1180 / seconds},
		{"bytes read", more("nvme", "read_bytes", 118e6), func(r evidence.Row) *float64 { return r.NVMeReadMBs }, 118 / seconds},
	} {
		was, is := tc.moved(whole), tc.moved(edited(record.PhaseMeasure, tc.edit))
		require.True(t, was != nil && is != nil, tc.name)
		assert.InDelta(t, *was+tc.by, *is, 1e-9, tc.name)
		for _, phase := range []string{record.PhaseBaseline, record.PhaseWarmup} {
			row := edited(phase, tc.edit)
			row.NVMeIdleRPS, row.NVMeIdleReadMBs, row.NVMeIdleReadBurst = whole.NVMeIdleRPS, whole.NVMeIdleReadMBs, whole.NVMeIdleReadBurst
			assert.Equal(t, whole, row, "%s in %s", tc.name, phase)
		}
	}
	idle := edited(record.PhaseBaseline, more("nvme", "reads", 180))
	assert.InDelta(t, *whole.NVMeIdleRPS+10, *idle.NVMeIdleRPS, 1e-9, "two baselines of nine seconds")
	assert.Equal(t, whole.NVMeRPS, idle.NVMeRPS)

	// r_await is the time of all reads over their number, not a mean of means.
	reads := *whole.NVMeRPS * seconds
	slower := edited(record.PhaseMeasure, more("nvme", "read_ms", 50))
	assert.InDelta(t, *whole.RAwaitMS+50/reads, *slower.RAwaitMS, 1e-9)
}

// What a sample does not tell is left out of a rate with its time: it is not 0.
func TestUnknownIsNotZero(t *testing.T) {
	whole := oneRequest(t, fields(nil))
	r := passingH2A(t)
	lost := 0.0
	cellSamples(r, reducedCell, record.PhaseMeasure, func(i int, s object) {
		if i >= 10 && i < 40 {
			lost += s["nvme"].(object)["reads"].(float64)
			s["nvme"], s["gpu"], s["engine"], s["cpu"] = nil, nil, nil, nil
		}
	})
	row := rowOf(r, reducedGroup)
	assert.InDelta(t, (*whole.NVMeRPS*118-lost)/88, *row.NVMeRPS, 1e-9)
	assert.InDelta(t, *whole.GPUBusyPct, *row.GPUBusyPct, 10)

	for _, cell := range []string{reducedCell, "ctx=256/conc=4/rep=2"} {
		cellSamples(r, cell, record.PhaseMeasure, func(_ int, s object) { s["nvme"], s["gpu"], s["engine"], s["cpu"] = nil, nil, nil, nil })
	}
	row = rowOf(r, reducedGroup)
	for name, v := range map[string]*float64{"reads": row.NVMeRPS, "r_await": row.RAwaitMS, "GPU": row.GPUBusyPct,
		"queue": row.QueueDepth, "iowait": row.IOWaitPct} {
		assert.Nil(t, v, name)
	}
}

// The lag of the client is a percentile over all requests of a group.
func TestSendLagIsReduced(t *testing.T) {
	row := oneRequest(t, fields(object{"send_lag_ms": 100}))
	assert.InDelta(t, 45, *row.SendLagP99, 1e-9, "p99 of 56 values lies 0.45 of the way to the last")
	r := passingH2A(t)
	setFirst(r, reducedCell, 2, "send_lag_ms", 100)
	assert.InDelta(t, 100, *rowOf(r, reducedGroup).SendLagP99, 1e-9)
}

// A counter of the KV manager is worth its growth over the measure phase, and a lookup each whole block of a prompt.
func TestRowsFollowTheKVCounters(t *testing.T) {
	t.Parallel()
	const cell, of = "fio=none/ctx=4096/conc=16/rep=1", "fio=none/ctx=4096/conc=16"
	const lookups = 21 * 4096 / 32 // both repetitions
	from := 50
	after := func(edit func(s object), phases ...string) evidence.Row {
		r := passingH4B(t)
		for _, phase := range phases {
			cellLines(r, cell, "dynkv.jsonl", phase, func(i int, s object) {
				if phase != record.PhaseMeasure || i >= from {
					edit(s)
				}
			})
		}
		return rowOf(r, of)
	}
	more := func(tier, counter string, v float64) func(object) {
		return func(s object) { s[tier].(object)[counter] = s[tier].(object)[counter].(float64) + v }
	}
	whole := after(nil)
	require.Equal(t, 21, whole.Samples)
	for _, tc := range []struct {
		name  string
		edit  func(object)
		moved func(evidence.Row) *float64
		by    float64
	}{
		{"tier 1", more("tier1", "hits", 268.8), func(r evidence.Row) *float64 { return r.Tier1Hit }, 268.8 / lookups},
		{"tier 2", more("tier2", "hits", 268.8), func(r evidence.Row) *float64 { return r.Tier2Hit }, 268.8 / lookups},
		{"tier 2 bytes", more("tier2", "bytes_out", 5e9), func(r evidence.Row) *float64 { return r.Tier2ReadMB }, 5000},
	} {
		assert.InDelta(t, *tc.moved(whole)+tc.by, *tc.moved(after(tc.edit, record.PhaseMeasure, record.PhaseDrain)), 1e-9, tc.name)
		always := after(tc.edit, record.PhaseDrain)
		assert.InDelta(t, *tc.moved(whole), *tc.moved(always), 1e-9, "%s after the phase", tc.name)
	}
	from = 0
	shifted := after(func(s object) {
		for _, counter := range []string{"hits", "bytes_in", "bytes_out", "fetch_count", "fetch_queue_ms_sum", "fetch_transfer_ms_sum"} {
			more("tier2", counter, 5000)(s)
		}
		more("tier1", "hits", 5000)(s)
	}, record.PhaseTreat, record.PhaseWarmup, record.PhaseMeasure, record.PhaseDrain)
	assert.Equal(t, whole, shifted, "what was counted before the phase")
	from = 50
	fetched := after(func(s object) {
		more("tier2", "fetch_count", 1)(s)
		more("tier2", "fetch_transfer_ms_sum", 50000)(s)
	}, record.PhaseMeasure, record.PhaseDrain)
	assert.Greater(t, *fetched.FetchP95MS, *whole.FetchP95MS)
	unknown := after(func(s object) { s["tier2"].(object)["hits"] = nil }, record.PhaseMeasure, record.PhaseDrain)
	assert.Nil(t, unknown.Tier2Hit, "a counter that is not told is not 0")
	assert.NotNil(t, unknown.Tier1Hit)
}

// A window in which a request timed out has a p99 that is only bounded, and is left out.
func TestTimeoutTakesItsWindow(t *testing.T) {
	whole := recorded(t, h4b).check("p99_tracks_fetch")
	require.NotContains(t, whole.Detail, "time-out")
	r := recorded(t, h4b)
	cellRequests(r, "fio=none/ctx=4096/conc=16/rep=2", func(i int, q object) {
		if i == 4 {
			// It is given up when its first token came, in the same window.
			q["rc"], q["censored"], q["lat_e2e_ms"], q["lat_ttft_ms"] = record.RCTimeout, true, q["lat_ttft_ms"], nil
		}
	})
	c := r.check("p99_tracks_fetch")
	assert.Contains(t, c.Detail, "1 with a time-out")
	assert.Equal(t, whole.N-1, c.N)
}

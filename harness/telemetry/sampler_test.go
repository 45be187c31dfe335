package telemetry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/memnet"
	"sparkharness/harness/outgoing"
	"sparkharness/harness/record"
)

// scripted is a source whose n-th call (from 0) does what the script says.
type scripted struct {
	name  string
	calls int
	do    func(ctx context.Context, call int) error
}

func (f *scripted) Name() string { return f.name }

func (f *scripted) run(ctx context.Context) error {
	call := f.calls
	f.calls++
	if f.do == nil {
		return nil
	}
	return f.do(ctx, call)
}

func (f *scripted) Sample(ctx context.Context, s *record.SysSample) error {
	if err := f.run(ctx); err != nil {
		return err
	}
	s.Mem = &record.Mem{Available: new(float64(f.calls))}
	return nil
}

func (f *scripted) SampleKV(ctx context.Context, s *record.KVSample) error {
	if err := f.run(ctx); err != nil {
		return err
	}
	s.MatchedTokens = new(float64(f.calls))
	return nil
}

// sampled is what a Sampler hands out.
type sampled struct {
	sys []record.SysSample
	kv  []record.KVSample
}

// sampler is complete but for its sources, with 200 ms cadence and 3 ms offset, from now on.
func (got *sampled) sampler() *Sampler {
	return &Sampler{
		Cadence: 200 * time.Millisecond, Offset: 3 * time.Millisecond, Start: time.Now(),
		Phase: func() string { return record.PhaseMeasure },
		OnSys: func(s *record.SysSample) error { got.sys = append(got.sys, *s); return nil },
		OnKV:  func(s *record.KVSample) error { got.kv = append(got.kv, *s); return nil },
	}
}

func (got *sampled) times() []float64 {
	var ts []float64
	for _, s := range got.sys {
		ts = append(ts, s.TS)
	}
	return ts
}

// runFor runs s for a time of the bubble's clock.
func runFor(t *testing.T, s *Sampler, d time.Duration) (record.Coverage, error) {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	return s.Run(ctx)
}

// The clock of a bubble starts at 2000-01-01T00:00:00Z.
const epoch = 946684800

func TestSamplerCadence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got sampled
		s := got.sampler()
		s.Sys = []SysSource{&scripted{name: "a", do: func(context.Context, int) error {
			time.Sleep(37 * time.Millisecond) // a slow source does not push the later slots
			return nil
		}}, &scripted{name: "b"}}
		s.KV = &scripted{name: "kv"}
		phase := record.PhaseWarmup
		s.Phase = func() string { defer func() { phase = record.PhaseMeasure }(); return phase }
		cov, err := runFor(t, s, time.Second)
		require.NoError(t, err)

		assert.Equal(t, []float64{epoch + 0.203, epoch + 0.403, epoch + 0.603, epoch + 0.803}, got.times())
		for i, line := range got.sys {
			assert.Equal(t, 200., line.DtMS)
			assert.Equal(t, record.PhaseMeasure, line.Phase)
			assert.Equal(t, float64(i+2), *line.Mem.Available, "the first call of a source gives no line")
		}
		require.Len(t, got.kv, 5)
		assert.Equal(t, record.KVSample{TS: epoch + 0.003, Phase: record.PhaseWarmup, MatchedTokens: new(1.)}, got.kv[0])
		assert.Equal(t, got.sys[3].TS, got.kv[4].TS, "the lines of a tick have its time")
		assert.Equal(t, record.Coverage{Slots: 4, Sources: []record.SourceCoverage{
			{Name: "a", Samples: 4}, {Name: "b", Samples: 4}, {Name: "kv", Samples: 4},
		}}, cov)
	})
}

// Half a million ticks of a gate must not accumulate an error.
func TestSamplerDoesNotDrift(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got sampled
		s := got.sampler()
		s.Sys = []SysSource{&scripted{name: "a"}}
		cov, err := runFor(t, s, time.Hour)
		require.NoError(t, err)
		assert.Equal(t, 17999, cov.Slots)
		require.Len(t, got.sys, 17999)
		assert.Equal(t, epoch+3599.803, got.sys[17998].TS)
	})
}

func TestSamplerMissedSlots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got sampled
		s := got.sampler()
		s.Sys = []SysSource{&scripted{name: "a", do: func(_ context.Context, call int) error {
			if call == 2 {
				time.Sleep(500 * time.Millisecond) // of slot 2: 3 and 4 pass meanwhile
			}
			return nil
		}}}
		cov, err := runFor(t, s, 1500*time.Millisecond)
		require.NoError(t, err)
		assert.Equal(t, []float64{epoch + 0.203, epoch + 0.403, epoch + 1.003, epoch + 1.203, epoch + 1.403}, got.times())
		assert.Equal(t, 600., got.sys[2].DtMS)
		assert.Equal(t, record.Coverage{Slots: 7, Sources: []record.SourceCoverage{{Name: "a", Samples: 5}}}, cov)
	})
}

// A bubble's timers are never late, those of a busy machine are.
func TestSlotOfLateTimer(t *testing.T) {
	for late, want := range map[time.Duration]int{0: 3, 199: 3, 200: 4, 399: 4, 1000: 8} {
		assert.Equal(t, want, slotAt(3, (600+late)*time.Millisecond, 200*time.Millisecond), "%d ms late", late)
	}
	assert.Equal(t, 3, slotAt(3, 599*time.Millisecond, 200*time.Millisecond), "early by the clock's resolution")
}

func TestSamplerFailingSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got sampled
		s := got.sampler()
		s.Sys = []SysSource{
			&scripted{name: "bad", do: func(_ context.Context, call int) error {
				if call%2 == 1 {
					return errors.Join(fmt.Errorf("call %d", call), errors.New("and more"))
				}
				return nil
			}},
			&scripted{name: "hangs", do: func(ctx context.Context, _ int) error { <-ctx.Done(); return ctx.Err() }},
		}
		s.KV = &scripted{name: "kv", do: func(_ context.Context, call int) error {
			if call < 3 {
				return errors.New("not up yet")
			}
			return nil
		}}
		cov, err := runFor(t, s, time.Second)
		require.NoError(t, err)
		require.Len(t, got.sys, 4, "no slot is lost to a source that hangs")
		assert.Nil(t, got.sys[0].Mem)
		assert.NotNil(t, got.sys[1].Mem)
		require.Len(t, got.kv, 5)
		assert.Equal(t, "not up yet", *got.kv[2].Failed)
		assert.Nil(t, got.kv[3].Failed)
		assert.Equal(t, record.Coverage{Slots: 4, Sources: []record.SourceCoverage{
			{Name: "bad", Samples: 2, LastError: "call 3; and more"},
			{Name: "hangs", LastError: "context deadline exceeded"},
			{Name: "kv", Samples: 2, LastError: "not up yet"},
		}}, cov)
	})
}

// What a machine does not tell is no missing sample, and the reason is kept.
func TestSamplerUntoldSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got sampled
		s := got.sampler()
		s.Sys = []SysSource{&scripted{name: "server", do: func(context.Context, int) error { return fmt.Errorf("for root: %w", ErrUntold) }}}
		cov, err := runFor(t, s, time.Second)
		require.NoError(t, err)
		require.Len(t, got.sys, 4)
		assert.Nil(t, got.sys[1].Server)
		assert.Equal(t, record.Coverage{Slots: 4, Sources: []record.SourceCoverage{{Name: "server", Samples: 4, LastError: "for root: not told here"}}}, cov)
	})
}

func TestSamplerDropsTickAtEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got sampled
		s := got.sampler()
		s.Sys = []SysSource{&scripted{name: "a", do: func(context.Context, int) error { time.Sleep(50 * time.Millisecond); return nil }}}
		cov, err := runFor(t, s, 420*time.Millisecond)
		require.NoError(t, err)
		assert.Len(t, got.sys, 1)
		assert.Equal(t, record.Coverage{Slots: 1, Sources: []record.SourceCoverage{{Name: "a", Samples: 1}}}, cov)
	})
}

func TestSamplerStartsLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got sampled
		s := got.sampler()
		s.Sys = []SysSource{&scripted{name: "a"}}
		time.Sleep(450 * time.Millisecond)
		cov, err := runFor(t, s, 500*time.Millisecond)
		require.NoError(t, err)
		assert.Equal(t, []float64{epoch + 0.803}, got.times(), "slot 3 takes the first reading")
		assert.Equal(t, 1, cov.Slots)
	})
}

func TestSamplerStopsWhenLinesAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		full := errors.New("no space left on device")
		var got sampled
		s := got.sampler()
		s.Sys, s.KV = []SysSource{&scripted{name: "a"}}, &scripted{name: "kv"}
		s.OnSys = func(*record.SysSample) error { return full }
		cov, err := runFor(t, s, time.Second)
		require.ErrorIs(t, err, full)
		assert.Equal(t, 1, cov.Slots)

		s = got.sampler()
		s.KV = &scripted{name: "kv"}
		s.OnKV = func(*record.KVSample) error { return full }
		_, err = runFor(t, s, time.Second)
		require.ErrorIs(t, err, full)
	})
}

func TestSamplerRefusesIncomplete(t *testing.T) {
	for name, tt := range map[string]struct {
		spoil func(*Sampler)
		want  string
	}{
		"no cadence":       {func(s *Sampler) { s.Cadence = 0 }, "cadence 0s"},
		"negative offset":  {func(s *Sampler) { s.Offset = -1 }, "offset -1ns"},
		"no start":         {func(s *Sampler) { s.Start = time.Time{} }, "no start time"},
		"no phase":         {func(s *Sampler) { s.Phase = nil }, "no phase"},
		"no source":        {func(s *Sampler) { s.Sys, s.KV = nil, nil }, "no source"},
		"nobody takes sys": {func(s *Sampler) { s.OnSys = nil }, "takes their samples"},
		"no sparse step":   {func(s *Sampler) { s.Sparse = func(string) bool { return true } }, "each 0-th slot"},
		"nobody takes KV":  {func(s *Sampler) { s.OnKV = nil }, "takes their samples"},
	} {
		t.Run(name, func(t *testing.T) {
			var got sampled
			s := got.sampler()
			s.Sys, s.KV = []SysSource{&scripted{name: "a"}}, &scripted{name: "kv"}
			tt.spoil(s)
			_, err := s.Run(t.Context())
			require.ErrorContains(t, err, tt.want)
		})
	}
}

// All of the real sources run on virtual time over an in-memory network.
func TestSamplerInBubble(t *testing.T) {
	tr := newTree(t)
	synctest.Test(t, func(t *testing.T) {
		network := &memnet.Network{}
		serveAt := func(addr, page string) {
			l, err := network.Listen(addr)
			require.NoError(t, err)
			body := fixture(t, page)
			srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) })}
			done := make(chan error, 1)
			go func() { done <- srv.Serve(l) }()
			t.Cleanup(func() {
				assert.NoError(t, srv.Close())
				assert.ErrorIs(t, <-done, http.ErrServerClosed)
			})
		}
		serveAt("kvbm:6880", "kvbm_histograms.prom")
		serveAt("engine:8355", "trtllm_engine.prom")
		client := outgoing.New(outgoing.Options{Remote: true, Dial: network.DialContext})
		defer client.CloseIdleConnections()
		block, err := NewBlock(tr.proc, tr.sys, "nvme0n1")
		require.NoError(t, err)

		var got sampled
		s := got.sampler()
		s.Sys = []SysSource{newProc(t, tr), block, NewEngine(client, "http://engine:8355/prometheus/metrics")}
		s.KV = newKVBM(t, client)
		cov, err := runFor(t, s, time.Minute)
		require.NoError(t, err)
		require.Len(t, got.sys, 299)
		assert.Equal(t, 819., *got.sys[298].Engine.KVMaxBlocks)
		assert.NotNil(t, got.sys[298].NVMe)
		assert.Equal(t, 58., *got.kv[299].Tier2.Hits)
		assert.Equal(t, 299, cov.Sources[3].Samples)
		assert.Contains(t, cov.Sources[0].LastError, "did not advance")
	})
}

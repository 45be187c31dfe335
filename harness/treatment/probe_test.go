package treatment

import (
	"errors"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/record"
	"sparkharness/harness/rig"
)

// The times that reads are meant for do not depend on how long reads take; of those that passed meanwhile the last is kept.
func TestProbeIsAnOpenLoop(t *testing.T) {
	p := &prober{}
	at := time.Unix(0, 0)
	gap := func() time.Duration { return 50 * time.Millisecond }
	ms := func(d time.Duration) time.Time { return at.Add(d * time.Millisecond) }
	assert.Equal(t, ms(50), p.next(at, ms(1), gap), "quick")
	assert.Equal(t, ms(50), p.next(at, ms(70), gap), "late")
	assert.Zero(t, p.kept.Missed)
	assert.Equal(t, ms(200), p.next(at, ms(230), gap), "50, 100 and 150 are missed")
	assert.EqualValues(t, 3, p.kept.Missed)
}

// A slow drive makes reads late, and a fault of one ends the probe and is told.
func TestProbeOfASlowDrive(t *testing.T) {
	f, err := os.Open(os.DevNull)
	require.NoError(t, err)
	defer f.Close()
	p := &prober{f: f, rng: rand.New(rand.NewPCG(1, 2)), stop: make(chan struct{}), done: make(chan struct{})}
	reads := 0
	p.loop(2*time.Millisecond, func() error { // until the fault
		if reads++; reads > 5 {
			return errors.New("bad sector")
		}
		time.Sleep(20 * time.Millisecond)
		return nil
	})
	assert.EqualValues(t, 5, p.kept.Reads)
	assert.Greater(t, p.kept.Missed, 4*20/3.0-4, "some nine in each but the first")
	took, err := p.reads(t.Context())
	require.ErrorContains(t, err, "the probe read /dev/null: bad sector")
	require.Len(t, took, 5)
	for _, d := range took {
		assert.GreaterOrEqual(t, d, 20*time.Millisecond, "as long as the read took")
	}
}

// Gaps differ, on both sides of their mean: nothing can lock on to them.
func TestProbeGaps(t *testing.T) {
	p := &prober{rng: rand.New(rand.NewPCG(1, 2))}
	var sum, least, most time.Duration = 0, time.Hour, 0
	for range 10_000 {
		g := p.gap(50 * time.Millisecond)
		sum, least, most = sum+g, min(least, g), max(most, g)
	}
	assert.InDelta(t, 50e6, float64(sum)/10_000, 0.5e6)
	assert.InDelta(t, 25e6, float64(least), 0.1e6)
	assert.InDelta(t, 75e6, float64(most), 0.1e6)
}

// A probe whose file goes bad fails the treatment.
func TestProbeFault(t *testing.T) {
	tr, _, _ := treating(t, nil)
	done, err := tr.Apply(t.Context(), rig.Treatment{Kind: rig.Probe})
	require.NoError(t, err)
	require.NoError(t, os.Truncate(tr.path(probeName), 0))
	require.Eventually(t, func() bool {
		var s record.SysSample
		return tr.probe.Sample(t.Context(), &s) != nil
	}, 10*time.Second, 10*time.Millisecond)
	require.ErrorContains(t, done.Undo(t.Context()), "the probe read ")
}

package simrig

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/config"
	"sparkharness/harness/evidence"
	"sparkharness/harness/gate"
	"sparkharness/harness/record"
)

// freeze has everybody who opens the machine's files from now on see those of this instant for ever.
func freeze(t *testing.T, s *Machine) {
	t.Helper()
	require.NoError(t, s.machine.Render(t.Context(), s.files))
	frozen := filepath.Join(t.TempDir(), "proc")
	require.NoError(t, os.CopyFS(frozen, os.DirFS(s.files.Proc)))
	s.files.Proc = frozen
}

// What is read and written shows in the counters of a drive that counts, and in frozen ones it does not; the gate says so.
func TestProveCounters(t *testing.T) {
	for name, tc := range map[string]struct {
		prepare func(t *testing.T, s *Machine)
		code    string
	}{
		"counting": {func(*testing.T, *Machine) {}, ""},
		"frozen":   {freeze, "counters_still"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := open(t, options(t, "A"))
				tc.prepare(t, s)
				proof, err := s.ProveCounters(t.Context())
				require.NoError(t, err)
				assert.Equal(t, []float64{1 << 20, 1 << 20}, []float64{proof.AskedReadBytes, proof.AskedWriteBytes})
				require.NotNil(t, proof.ReadBytes)
				require.NotNil(t, proof.WriteBytes)
				if tc.code == "" {
					assert.InDelta(t, 1<<20, *proof.ReadBytes, 512<<10, "and the operating system's own")
					assert.InDelta(t, 1<<20, *proof.WriteBytes, 512<<10)
				} else {
					assert.Equal(t, []float64{0, 0}, []float64{*proof.ReadBytes, *proof.WriteBytes})
				}
				c := &evidence.Cell{Sys: evidence.Machine{AliveAtStart: true, AliveAtEnd: true}}
				c.Info.Counters, c.Info.Device = &proof, s.Sources().Device
				g := gate.Counters(&evidence.Evidence{Cells: []*evidence.Cell{c}}, gate.Claim{})
				assert.Equal(t, tc.code, g.Code, g.Detail)
				assert.Equal(t, tc.code == "", g.Passed)
			})
		})
	}
}

// Counters that cannot be read stop no cell, and prove nothing.
func TestProofOfNoDevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := options(t, "A")
		o.Stack.Telemetry.Device = "nosuch0"
		s := open(t, o)
		proof, err := s.ProveCounters(t.Context())
		require.NoError(t, err)
		assert.Contains(t, proof.Lacking, `block device "nosuch0" is no whole disk of this machine`)
		assert.Nil(t, proof.ReadBytes)
		assert.Equal(t, time.Second, time.Since(s.began))
	})
}

// The proof takes whole samples of time, so that what comes after is as far from the machine's own instants as without it.
func TestProofTakesWholeSamples(t *testing.T) {
	for cadence, want := range map[time.Duration]time.Duration{200 * time.Millisecond: time.Second, 300 * time.Millisecond: 1200 * time.Millisecond,
		time.Second: time.Second, 3 * time.Second: 3 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			o := options(t, "B")
			o.Stack.Telemetry.Cadence = config.Duration(cadence)
			s := open(t, o)
			_, err := s.ProveCounters(t.Context())
			require.NoError(t, err)
			assert.Equal(t, want, time.Since(s.began), cadence)
			_, err = s.ProveCounters(t.Context())
			require.NoError(t, err)
			assert.Equal(t, 2*want, time.Since(s.began), "again")
		})
	}
}

func TestProofIsInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, options(t, "A"))
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		_, err := s.ProveCounters(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

// Sources tell the server's own I/O from its first sample on, a restarted server's, too, and the device's facts.
func TestServerIsWatched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, options(t, "B"))
		tel := s.Sources()
		assert.Equal(t, &record.Device{Name: "nvme0n1", Counted: new(true), Number: "259:0"}, tel.Device)
		sample := func() (out record.SysSample) {
			time.Sleep(200 * time.Millisecond)
			require.NoError(t, tel.Refresh(t.Context()))
			for _, src := range tel.Sys {
				if src.Name() == "server" || src.Name() == "block" {
					require.NoError(t, errors.Join(src.Sample(t.Context(), &out)))
				}
			}
			return out
		}
		quiet := &record.ServerIO{CancelledWriteBytes: new(0.0)}
		assert.Nil(t, sample().Server, "the first only takes a reading")
		assert.Equal(t, quiet, sample().Server, "an idle server is told, and quiet")
		require.NoError(t, s.restart(t.Context()))
		assert.Nil(t, sample().Server)
		assert.Equal(t, quiet, sample().Server)
	})
}

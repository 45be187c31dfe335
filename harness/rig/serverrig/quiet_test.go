package serverrig

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

	layout "sparkharness/harness/experiment"
	"sparkharness/harness/record"
	"sparkharness/harness/rig"
)

// readings is a drive that tells of so many bytes, one reading after another and then the last; -1 is none.
type readings []float64

func (r *readings) Name() string { return "block" }

func (r *readings) Sample(_ context.Context, s *record.SysSample) error {
	v := (*r)[0]
	if len(*r) > 1 {
		*r = (*r)[1:]
	}
	if v < -1 {
		return errors.New("no counters")
	}
	if v >= 0 {
		s.NVMe = &record.NVMe{ReadBytes: v}
	}
	return nil
}

// A drive is waited for until it is hardly read, and no longer than its time.
func TestQuiet(t *testing.T) {
	for _, tc := range []struct {
		name  string
		drive readings
		bytes float64
		took  time.Duration
		fails bool
	}{
		{"at once", readings{-1, 5e5}, 0, 2 * time.Second, false},
		{"after a while", readings{-1, 9e7, 6e5, 0}, 0, 6 * time.Second, false},
		{"never", readings{-1, 9e7, 6e5}, 6e5, 62 * time.Second, false},
		{"without counters", readings{-1, -2}, 0, 2 * time.Second, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				bytes, err := afterDrop.wait(t.Context(), &tc.drive)
				assert.Equal(t, tc.fails, err != nil)
				assert.InDelta(t, tc.bytes, bytes, 0)
				assert.Equal(t, tc.took, time.Since(began))
			})
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := afterDrop.wait(ctx, &readings{-1})
	require.ErrorIs(t, err, context.Canceled)
}

// The page cache is emptied again while no server runs: what the one before had mapped stayed in it.
func TestCacheIsEmptiedAgainAtARestart(t *testing.T) {
	_, on := onDrive(t)
	proc := t.TempDir()
	drop := filepath.Join(proc, "sys", "vm", "drop_caches")
	require.NoError(t, os.MkdirAll(filepath.Dir(drop), 0o755))
	require.NoError(t, os.MkdirAll(filepath.Join(proc, "pressure"), 0o755))
	for _, name := range []string{"meminfo", "stat"} {
		text, err := os.ReadFile("/proc/" + name)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(proc, name), text, 0o644))
	}
	forget := func() { require.NoError(t, os.WriteFile(drop, nil, 0o644)) }
	asked := func() string {
		text, err := os.ReadFile(drop)
		require.NoError(t, err)
		return string(text)
	}
	r, _ := launching(t, overlay(t, nil), simulatedKinds, "L8B", on, func(_ *layout.Choices, o *LaunchOptions) { o.Treatment.Proc = proc })
	delete(r.treating.cannot, rig.DropCaches)
	r.quiet = quiet{span: 1200 * time.Millisecond, bytes: -1} // a drive is never that quiet
	a := begun(t, r, "stack", "A")
	forget()
	_, err := a.Apply(t.Context(), rig.Treatment{Kind: rig.Restart})
	require.NoError(t, err)
	assert.Empty(t, asked(), "nothing was to be cold")
	_, err = a.Apply(t.Context(), rig.Treatment{Kind: rig.DropCaches})
	require.NoError(t, err)
	assert.Equal(t, "3\n", asked())
	forget()
	done, err := a.Apply(t.Context(), rig.Treatment{Kind: rig.Restart})
	require.NoError(t, err)
	assert.Equal(t, "3\n", asked())
	assert.Less(t, *done.Seen.After, 1.0, "the wait for the drive is no part of what is read back")
	require.NoError(t, a.Close())
}

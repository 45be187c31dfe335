package disk

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// signed writes a lock file that an owner has left.
func signed(t *testing.T, o Owner) string {
	t.Helper()
	b, err := o.text()
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), ".lock")
	require.NoError(t, os.WriteFile(path, b, 0o644))
	return path
}

// lockless stands for a file system without locks.
func lockless(*os.File) (bool, error) { return false, fmt.Errorf("flock: %w", errors.ErrUnsupported) }

func TestLockIsHeldOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), ".lock")
	l, err := Take(path)
	require.NoError(t, err)
	require.NoError(t, Held(filepath.Join(filepath.Dir(path), "none")))
	require.ErrorContains(t, Held(path), fmt.Sprintf("held by process %d on host ", os.Getpid()))
	_, err = Take(path)
	var held *HeldError
	require.ErrorAs(t, err, &held)
	require.NotNil(t, held.By)
	assert.Equal(t, os.Getpid(), held.By.PID)
	assert.Contains(t, err.Error(), fmt.Sprintf("held by process %d on host ", os.Getpid()))
	require.NoError(t, l.Release())
	assert.NoFileExists(t, path)
	l, err = Take(path)
	require.NoError(t, err)
	require.NoError(t, l.Release())
}

// However a process ends, its lock goes with it; until then nobody has it.
func TestLockGoesWithItsProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), ".lock")
	pid, _, kill := holder(t, "lock", path)
	_, err := Take(path)
	var held *HeldError
	require.ErrorAs(t, err, &held)
	require.NotNil(t, held.By)
	assert.Equal(t, pid, held.By.PID)
	SweepLocks(filepath.Dir(path), ".*lock")
	assert.FileExists(t, path, "another process's")

	require.Error(t, Held(path))
	kill()
	require.NoError(t, Held(path))
	assert.FileExists(t, path, "who looks takes nothing away")
	SweepLocks(filepath.Dir(path), "*.other")
	assert.FileExists(t, path, "not asked for")
	SweepLocks(filepath.Dir(path), ".*lock")
	assert.NoFileExists(t, path)

	_, _, kill = holder(t, "lock", path)
	kill()
	l, err := Take(path)
	require.NoError(t, err)
	require.NoError(t, l.Release())
}

// A lock on a file that was removed meanwhile keeps nobody out. Many take and release one lock: never do two have it.
func TestLockOfARemovedFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), ".lock")
	var holders, most atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for done := 0; done < 50; {
				l, err := Take(path)
				if held := (*HeldError)(nil); errors.As(err, &held) {
					continue
				}
				if !assert.NoError(t, err) {
					return
				}
				most.Store(max(most.Load(), holders.Add(1)))
				time.Sleep(10 * time.Microsecond)
				holders.Add(-1)
				assert.NoError(t, l.Release())
				done++
			}
		})
	}
	wg.Wait()
	assert.EqualValues(t, 1, most.Load())
}

// Whom a lock file of another life or another host belongs to, and what may be done with it.
func TestLockOfAnother(t *testing.T) {
	here := self()
	require.NotZero(t, here.Start)
	require.NotEmpty(t, here.Boot)
	with := func(change func(*Owner)) Owner {
		o := here
		change(&o)
		return o
	}
	for _, tc := range []struct {
		name           string
		owner          Owner
		locked, blind  bool // with flock(2): refused, and whether because nothing can be told
		refused, hides bool // without
	}{
		{"this process", here, false, false, true, false},
		{"a number that came round again", with(func(o *Owner) { o.Start-- }), false, false, false, false},
		{"a number that nobody has", with(func(o *Owner) { o.PID = 1 << 30 }), false, false, false, false},
		{"before the machine was restarted", with(func(o *Owner) { o.Boot = "before" }), false, false, false, false},
		{"another host", with(func(o *Owner) { o.Boot, o.Host = "there", "elsewhere" }), true, true, true, true},
		{"a container of this machine", with(func(o *Owner) { o.Host = "elsewhere" }), false, false, true, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for _, fs := range []struct {
				flock          func(*os.File) (bool, error)
				refused, blind bool
			}{{flock, tc.locked, tc.blind}, {lockless, tc.refused, tc.hides}} {
				path := signed(t, tc.owner)
				l, err := take(path, fs.flock)
				if !fs.refused {
					require.NoError(t, err)
					require.NoError(t, l.Release())
					continue
				}
				var held *HeldError
				require.ErrorAs(t, err, &held)
				assert.Equal(t, fs.blind, held.Blind)
				assert.FileExists(t, path)
				if fs.blind {
					assert.Contains(t, err.Error(), "cannot be seen from here: if it has, remove "+path)
				}
			}
		})
	}
}

// A lock of another host is not swept either.
func TestSweepLeavesAnotherHost(t *testing.T) {
	path := signed(t, Owner{PID: 7, Start: 7, Boot: "there", Host: "elsewhere"})
	SweepLocks(filepath.Dir(path), "*")
	assert.FileExists(t, path)
}

func TestTakeWithinWaits(t *testing.T) {
	path := filepath.Join(t.TempDir(), ".lock")
	first, err := Take(path)
	require.NoError(t, err)
	_, err = TakeWithin(path, time.Millisecond, nil)
	var held *HeldError
	require.ErrorAs(t, err, &held)
	released := make(chan error, 1)
	time.AfterFunc(50*time.Millisecond, func() { released <- first.Release() })
	second, err := TakeWithin(path, time.Hour, nil)
	require.NoError(t, err)
	require.NoError(t, <-released)
	require.NoError(t, second.Release())
}

// A wait ends when the end is wished for; what is free is taken even then.
func TestTakeWithinStops(t *testing.T) {
	path := filepath.Join(t.TempDir(), ".lock")
	first, err := Take(path)
	require.NoError(t, err)
	stop := make(chan struct{})
	time.AfterFunc(50*time.Millisecond, func() { close(stop) })
	began := time.Now()
	_, err = TakeWithin(path, 10*time.Second, stop)
	var held *HeldError
	require.ErrorAs(t, err, &held)
	assert.Less(t, time.Since(began), 10*time.Second)
	require.NoError(t, first.Release())
	second, err := TakeWithin(path, time.Hour, stop)
	require.NoError(t, err)
	require.NoError(t, second.Release())
}

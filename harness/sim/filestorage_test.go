package sim_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sparkharness/harness/sim"
)

// fileStorage is a storage of real files in real time: a file for each area with slots, read and written at
// offsets by Depth goroutines an I/O. It fills each block that is written with bytes that occur once, and reads
// only what it has written.
type fileStorage struct {
	block int64
	areas [2]*os.File   // AreaKV, AreaSwap
	cost  time.Duration // of each I/O of the device, beside what the files take
	fault func(io sim.IO) error

	wg      sync.WaitGroup
	mu      sync.Mutex
	open    map[int64]*fileIO
	written map[ledgerSlot]fileBlock
	random  *rand.ChaCha8

	advances                               atomic.Int64
	reads, writes, bytesRead, bytesWritten atomic.Int64
	inFlight                               atomic.Int64
}

// fileIO is an I/O under way.
type fileIO struct {
	cancel context.CancelFunc
	done   chan struct{}
}

// fileBlock is what was written into a slot.
type fileBlock struct {
	key uint64
	sum [sha256.Size]byte
}

func newFileStorage(t *testing.T, block int64) *fileStorage {
	t.Helper()
	f := &fileStorage{block: block, open: map[int64]*fileIO{}, written: map[ledgerSlot]fileBlock{}, random: rand.NewChaCha8([32]byte{1})}
	for area, name := range []string{"kv", "swap"} {
		var err error
		f.areas[area], err = os.Create(filepath.Join(t.TempDir(), name))
		require.NoError(t, err)
	}
	return f
}

// Close waits for the I/Os under way; the machine must have been closed.
func (f *fileStorage) Close() error {
	f.wg.Wait()
	return errors.Join(f.areas[0].Close(), f.areas[1].Close())
}

func (f *fileStorage) Submit(_ int64, io sim.IO) {
	ctx, cancel := context.WithCancel(context.Background())
	u := &fileIO{cancel: cancel, done: make(chan struct{})}
	f.mu.Lock()
	f.open[io.ID] = u
	f.mu.Unlock()
	f.inFlight.Add(1)
	f.wg.Go(func() {
		err := f.move(ctx, io)
		cancel()
		f.mu.Lock()
		delete(f.open, io.ID)
		f.mu.Unlock()
		f.inFlight.Add(-1)
		close(u.done)
		io.Complete(err)
	})
}

// Cancel begins no further I/O of the device and waits for those under way.
func (f *fileStorage) Cancel(_, id int64) {
	f.mu.Lock()
	u := f.open[id]
	f.mu.Unlock()
	if u != nil {
		u.cancel()
		<-u.done
	}
}

func (f *fileStorage) Advance(int64) int64 {
	f.advances.Add(1)
	return sim.Never
}

func (f *fileStorage) Counters(now int64) sim.StorageCounters {
	return sim.StorageCounters{AtNS: now, Stalls: make([]sim.Stall, 1)}
}

// Diskstats counts what went through this storage, which is what a device of its own would show.
func (f *fileStorage) Diskstats(int64) ([]sim.NVMeCounters, error) {
	return []sim.NVMeCounters{{
		ReadsCompleted: uint64(f.reads.Load()), SectorsRead: uint64(f.bytesRead.Load() / 512),
		WritesCompleted: uint64(f.writes.Load()), SectorsWritten: uint64(f.bytesWritten.Load() / 512),
		InFlight: uint64(f.inFlight.Load()),
	}}, nil
}

// move reads or writes the blocks of an I/O, Depth at a time.
func (f *fileStorage) move(ctx context.Context, io sim.IO) error {
	if f.fault != nil {
		if err := f.fault(io); err != nil {
			return err
		}
	}
	if io.Area != sim.AreaKV && io.Area != sim.AreaSwap {
		return fmt.Errorf("area %d has no file", io.Area)
	}
	blocks := make(chan sim.StoredBlock)
	errs := make(chan error, io.Stream.Depth)
	ctx, failed := context.WithCancelCause(ctx)
	for range io.Stream.Depth {
		go func() {
			var err error
			for b := range blocks {
				if err = f.moveBlock(io, b); err != nil {
					failed(err)
					break
				}
			}
			errs <- err
		}()
	}
	for _, b := range io.Blocks {
		select {
		case blocks <- b:
			continue
		case <-ctx.Done():
		}
		break
	}
	close(blocks)
	var all []error
	for range io.Stream.Depth {
		all = append(all, <-errs)
	}
	failed(nil)
	return errors.Join(all...)
}

// moveBlock moves one block, IOBytes at a time. A block that is read must hold what was last written there, under
// the same key.
func (f *fileStorage) moveBlock(io sim.IO, b sim.StoredBlock) error {
	at := ledgerSlot{io.Area, b.Slot}
	buf := make([]byte, f.block)
	f.mu.Lock()
	was, known := f.written[at]
	if io.Write() {
		_, _ = f.random.Read(buf) // never fails
		f.written[at] = fileBlock{key: b.Key, sum: sha256.Sum256(buf)}
	}
	f.mu.Unlock()
	if !io.Write() && (!known || was.key != b.Key) {
		return fmt.Errorf("slot %d holds block %x, not block %x", b.Slot, was.key, b.Key)
	}
	for from := int64(0); from < f.block; from += io.Stream.IOBytes {
		part := buf[from:min(f.block, from+io.Stream.IOBytes)]
		move, count, bytes := f.areas[io.Area].ReadAt, &f.reads, &f.bytesRead
		if io.Write() {
			move, count, bytes = f.areas[io.Area].WriteAt, &f.writes, &f.bytesWritten
		}
		if _, err := move(part, int64(b.Slot)*f.block+from); err != nil {
			return err
		}
		time.Sleep(f.cost)
		count.Add(1)
		bytes.Add(int64(len(part)))
	}
	if !io.Write() && sha256.Sum256(buf) != was.sum {
		return fmt.Errorf("slot %d does not hold what was written there", b.Slot)
	}
	return nil
}

package diskrig

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"sync"
	"sync/atomic"

	"sparkharness/harness/sim"
)

// slotFile is an area of slots in one file.
type slotFile struct {
	f      *os.File
	stride int64
	room   *room

	mu  sync.Mutex
	end int64 // of the space that is the file's
}

// extend takes space for a slot that is going to be written, if it has none.
func (a *slotFile) extend(slot int32) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	end := (int64(slot) + 1) * a.stride
	if end <= a.end {
		return nil
	}
	if !a.room.take(end - a.end) {
		return fmt.Errorf("%w: slot %d is beyond the share of the free space that may be taken: blocks are queued faster than the drive "+
			"writes them; make tier 2 smaller, or allow a larger share", errNoRoom, slot)
	}
	a.end = end
	return nil
}

// errNoRoom says that the share of the free space is used up.
var errNoRoom = errors.New("no room")

// stream is a file that is read or written from some place on.
type stream struct {
	f    *os.File
	size int64 // whole pages
	id   identity

	written atomic.Int64 // bytes, of one that is written round and round
}

// lay makes the files and writes what is there before the machine starts.
func (s *Storage) lay(ctx context.Context) error {
	free, err := freeBytes(s.Drive.Dir)
	if err != nil {
		return err
	}
	left, err := s.o.room(s.Drive.Dir, free)
	if err != nil {
		return err
	}
	stride := s.o.stride()
	switch {
	case s.o.KVBlocks == 0:
	case s.o.ChunkBlocks > 0:
		if s.chunks, err = s.newChunkFiles(); err != nil {
			return err
		}
	default:
		s.kv = &slotFile{stride: stride, room: left, end: int64(s.o.KVBlocks) * stride}
		if s.kv.f, err = s.write(ctx, "kv", s.kv.end, identity{area: uint32(sim.AreaKV), key: neverWritten}); err != nil {
			return err
		}
	}
	if s.o.Swaps {
		s.swap = &slotFile{stride: stride, room: left}
		if s.swap.f, err = s.create("swap"); err != nil {
			return err
		}
	}
	for _, one := range []struct {
		to    **stream
		area  sim.Area
		name  string
		bytes int64
	}{{&s.weights, sim.AreaWeights, "weights", s.o.WeightsBytes}, {&s.other, sim.AreaOther, "other", s.o.OtherBytes},
		{&s.spill, sim.AreaSpill, "spill", s.o.SpillBytes}} {
		if one.bytes == 0 {
			continue
		}
		if *one.to, err = s.newStream(ctx, one.area, one.name, one.bytes); err != nil {
			return err
		}
	}
	for _, a := range s.o.Adapters {
		if s.adapters[a.Name], err = s.newStream(ctx, sim.AreaAdapters, "adapter-"+a.Name, a.Bytes); err != nil {
			return err
		}
	}
	return nil
}

// newStream makes a file of so many bytes.
func (s *Storage) newStream(ctx context.Context, area sim.Area, name string, bytes int64) (*stream, error) {
	h := fnv.New64a()
	h.Write([]byte(name))
	st := &stream{size: whole(bytes), id: identity{area: uint32(area), key: h.Sum64()}}
	var err error
	st.f, err = s.write(ctx, name, st.size, st.id)
	return st, err
}

// create makes an empty file for direct I/O.
func (s *Storage) create(name string) (*os.File, error) {
	f, err := openDirect(s.folder.root, name, os.O_RDWR|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return nil, fmt.Errorf("make %s in %s: %w", name, s.folder.path, err)
	}
	if err := aligned(f); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", s.folder.path, err), f.Close())
	}
	return f, nil
}

// What is there before the machine starts is written in pieces of so many bytes, so many at a time.
const (
	writeBytes = 1 << 20
	writers    = 4
)

// write makes a file, finds its space and writes it once, all pages those of an identity. The drive has it all when it
// returns, so that nothing of it is written during the first load.
func (s *Storage) write(ctx context.Context, name string, size int64, id identity) (_ *os.File, err error) {
	f, err := s.create(name)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close())
		}
	}()
	const gib = 1 << 30
	if size >= gib {
		s.o.Tell(fmt.Sprintf("writing %s once, %.1f GiB", f.Name(), float64(size)/gib))
	}
	if err := allocate(f, size); err != nil {
		return nil, located(err, true, f, 0)
	}
	if err := s.writeOnce(ctx, f, size, id); err != nil {
		return nil, err
	}
	if err := f.Sync(); err != nil {
		return nil, fmt.Errorf("sync %s: %w", f.Name(), err)
	}
	return f, nil
}

// writeOnce writes all pages of a file.
func (s *Storage) writeOnce(ctx context.Context, f *os.File, size int64, id identity) error {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	var next atomic.Int64
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			buf, err := s.buffers.take(writeBytes, true, s.content)
			if err != nil {
				fail(err)
				return
			}
			defer s.buffers.put(buf, true)
			for ctx.Err() == nil {
				at := (next.Add(1) - 1) * writeBytes
				if at >= size {
					return
				}
				part, pages := buf[:min(writeBytes, size-at)], id
				pages.first = uint32(at / page)
				s.content.stamp(part, pages)
				if _, err := f.WriteAt(part, at); err != nil {
					fail(located(err, true, f, at))
				}
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

// closeFiles closes what lay has opened.
func (s *Storage) closeFiles() error {
	var errs []error
	for _, a := range []*slotFile{s.kv, s.swap} {
		if a != nil && a.f != nil {
			errs = append(errs, a.f.Close())
		}
	}
	streams := []*stream{s.weights, s.other, s.spill}
	for _, st := range s.adapters {
		streams = append(streams, st)
	}
	for _, st := range streams {
		if st != nil && st.f != nil {
			errs = append(errs, st.f.Close())
		}
	}
	return errors.Join(errs...)
}

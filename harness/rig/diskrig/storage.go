package diskrig

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"sparkharness/harness/drive"
	"sparkharness/harness/sim"
)

// Storage is a sim.Storage of real files. Close must be called, after the machine's.
type Storage struct {
	Drive *drive.Drive // that holds the directory

	o       Options
	folder  *folder
	content *content
	buffers buffers
	figures figures
	blocked blocked
	traffic traffic
	stalls  [1]sim.Stall // of Counters

	devices []string // whose counters are read

	kv       *slotFile
	chunks   *chunkFiles
	swap     *slotFile
	spill    *stream
	weights  *stream
	other    *stream
	adapters map[string]*stream

	ctx  context.Context // of all I/Os
	stop context.CancelFunc
	wg   sync.WaitGroup
	mu   sync.Mutex
	open map[int64]*transfer // by the I/O's id
}

var (
	_ sim.Storage = (*Storage)(nil)
	_ sim.Account = (*Storage)(nil)
)

// Open makes the files of a storage in a directory of a local drive, in a folder of its own, and writes those that are there
// before the machine starts; the context ends that. It refuses a directory on no local drive, one that another storage uses,
// and one without the space. What a killed process has left there is thrown away.
func Open(ctx context.Context, dir string, o Options) (*Storage, error) {
	d, err := drive.Of(dir, drive.Here())
	if err != nil {
		return nil, err
	}
	return open(ctx, d, o)
}

func open(ctx context.Context, d *drive.Drive, o Options) (*Storage, error) {
	if o.Tell == nil {
		o.Tell = func(string) {}
	}
	switch {
	case o.BlockBytes <= 0:
		return nil, fmt.Errorf("a storage of blocks of %d bytes: give the size of a KV block", o.BlockBytes)
	case o.Noise == nil:
		return nil, errors.New("a storage without noise: give what pages are filled with")
	}
	s := &Storage{Drive: d, o: o, open: map[int64]*transfer{}, adapters: map[string]*stream{}}
	var err error
	if s.devices, err = d.Watched(nil); err != nil {
		return nil, err
	}
	if s.content, err = newContent(o.Noise); err != nil {
		return nil, err
	}
	if s.folder, err = claim(d.Dir, o.Tell); err != nil {
		return nil, err
	}
	s.ctx, s.stop = context.WithCancel(context.Background())
	if err := s.lay(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.wg.Go(s.watch)
	return s, nil
}

// Path is the folder that all files are in.
func (s *Storage) Path() string { return s.folder.path }

// Close ends what is under way, waits for it, and removes everything that Open has made.
func (s *Storage) Close() error {
	s.stop()
	s.wg.Wait()
	return errors.Join(s.closeFiles(), s.buffers.free(), s.folder.close())
}

// Anew makes the storage that of another machine, when the one before it has been closed: what that one had under way is given
// up, and figures begin at 0. What lies in the files stays there, and the new machine knows of none of it.
func (s *Storage) Anew() error {
	if s.chunks != nil {
		return errors.New("a storage of a file a chunk has files of the machine before: open another one")
	}
	s.mu.Lock()
	left := slices.Collect(maps.Values(s.open))
	s.mu.Unlock()
	for _, t := range left {
		t.cancel()
		<-t.done
	}
	s.figures.reset()
	s.blocked.reset()
	return nil
}

// Prove compares the counters of the drive with bytes that are written to it and read from it. Those that have moved are
// from then on what Diskstats shows, so it comes before the machine's start.
func (s *Storage) Prove(ctx context.Context) (drive.Proof, error) {
	p, err := s.Drive.Prove(ctx, drive.SmallProof, s.o.Noise)
	if err == nil && p.Within() {
		s.mu.Lock()
		s.devices = p.Counters
		s.mu.Unlock()
	}
	return p, err
}

// Submit begins an I/O.
func (s *Storage) Submit(_ int64, io sim.IO) { s.begin(io, io.Complete) }

// begin is Submit for whoever is told of the end.
func (s *Storage) begin(io sim.IO, complete func(error)) {
	ctx, cancel := context.WithCancel(s.ctx)
	t := &transfer{s: s, io: io, cancel: cancel, done: make(chan struct{})}
	s.mu.Lock()
	s.open[io.ID] = t
	s.mu.Unlock()
	s.wg.Go(func() {
		err := t.run(ctx)
		cancel()
		s.mu.Lock()
		delete(s.open, io.ID)
		s.mu.Unlock()
		close(t.done)
		complete(err)
	})
}

// Cancel begins no further I/O of the drive and waits for those under way.
func (s *Storage) Cancel(_, id int64) {
	s.mu.Lock()
	t := s.open[id]
	s.mu.Unlock()
	if t != nil {
		t.cancel()
		<-t.done
	}
}

// Advance knows of no completion beforehand.
func (s *Storage) Advance(int64) int64 { return sim.Never }

// String says where and how the KV tier lies.
func (s *Storage) String() string {
	names := make([]string, 0, len(s.Drive.Leaves))
	for _, l := range s.Drive.Leaves {
		names = append(names, l.Name)
	}
	how := "no KV tier"
	const mib = 1 << 20
	switch {
	case s.chunks != nil:
		chunk := int64(s.o.ChunkBlocks) * s.o.stride()
		how = fmt.Sprintf("at most %d files of a chunk each, %.3g MiB", s.o.KVBlocks/s.o.ChunkBlocks, float64(chunk)/mib)
	case s.kv != nil:
		how = fmt.Sprintf("one file of %d blocks of %.3g MiB, written once", s.o.KVBlocks, float64(s.o.stride())/mib)
	}
	return fmt.Sprintf("%s on %s, %s: %s", s.folder.path, s.Drive.FileSystem, strings.Join(names, ", "), how)
}

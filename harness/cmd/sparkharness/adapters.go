package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"sparkharness/harness/lora"
	"sparkharness/harness/regular"
	"sparkharness/harness/rig/simrig"
	"sparkharness/harness/sim"
)

// adapterFiles are real LoRA adapters in the place of modelled ones, by name; nil: there are none.
type adapterFiles map[string]lora.Adapter

// findAdapters finds the adapters in a folder: all folders in it that have an adapter's configuration.
func findAdapters(dir string) (adapterFiles, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	found, err := filepath.Glob(filepath.Join(escaped(dir), "*", "adapter_config.json"))
	if err != nil {
		return nil, err
	}
	var names []string
	for _, path := range found {
		names = append(names, filepath.Base(filepath.Dir(path)))
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("%s: no folder there is a LoRA adapter's, with its adapter_config.json: name the folder that holds theirs", dir)
	}
	return lora.Look(os.DirFS("/"), lora.Wanted{Dir: dir, Names: names})
}

// escaped is a path that no pattern is made of.
func escaped(path string) string {
	var out []rune
	for _, c := range path {
		if slices.Contains([]rune(`*?[\`), c) {
			out = append(out, '\\')
		}
		out = append(out, c)
	}
	return string(out)
}

// servedBy says whether a stack's server can serve them, in a dialect: Dynamo's cannot.
func (a adapterFiles) servedBy(o *simrig.Options, dialect string) bool {
	return len(a) > 0 && cmp.Or(dialect, simrig.Dialect(o.Stack)) != sim.DialectDynamo
}

// into has a machine serve the adapters.
func (a adapterFiles) into(o *simrig.Options) {
	o.AdapterBytes = map[string]int64{}
	for name, found := range a {
		o.Adapters = append(o.Adapters, name)
		o.AdapterBytes[name] = found.Bytes
	}
	slices.Sort(o.Adapters)
}

// adapterReads is a storage whose adapters are real files, read as a server reads them: to their end and through this machine's
// page cache. The rest is the storage's own.
type adapterReads struct {
	sim.Storage
	of adapterFiles

	mu   sync.Mutex
	open map[int64]*adapterRead
}

// adapterRead is one under way.
type adapterRead struct {
	cancel context.CancelFunc
	done   chan struct{}
}

// behind puts the files before a storage.
func (a adapterFiles) behind(s sim.Storage) sim.Storage {
	return &adapterReads{Storage: s, of: a, open: map[int64]*adapterRead{}}
}

// Submit begins an I/O.
func (s *adapterReads) Submit(now int64, io sim.IO) {
	if io.Area != sim.AreaAdapters {
		s.Storage.Submit(now, io)
		return
	}
	s.begin(io, io.Complete)
}

// begin is Submit of an adapter for whoever is told of the end.
func (s *adapterReads) begin(io sim.IO, complete func(error)) {
	ctx, cancel := context.WithCancel(context.Background())
	r := &adapterRead{cancel: cancel, done: make(chan struct{})}
	s.mu.Lock()
	s.open[io.ID] = r
	s.mu.Unlock()
	go func() {
		defer cancel()
		err := readThrough(ctx, s.of[io.Name].Files, io.Stream.IOBytes)
		s.mu.Lock()
		delete(s.open, io.ID)
		s.mu.Unlock()
		close(r.done)
		complete(err)
	}()
}

// Cancel gives an I/O up.
func (s *adapterReads) Cancel(now, id int64) {
	s.mu.Lock()
	r := s.open[id]
	s.mu.Unlock()
	if r == nil {
		s.Storage.Cancel(now, id)
		return
	}
	r.cancel()
	<-r.done
}

// readThrough reads files one after another, so many bytes at a time.
func readThrough(ctx context.Context, paths []string, step int64) error {
	buf := make([]byte, max(step, 1))
	for _, path := range paths {
		if err := readOne(ctx, path, buf); err != nil {
			return fmt.Errorf("read a LoRA adapter: %w", err)
		}
	}
	return nil
}

func readOne(ctx context.Context, path string, buf []byte) (err error) {
	f, err := regular.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	for ctx.Err() == nil {
		switch _, err := f.Read(buf); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return &fs.PathError{Op: "read", Path: path, Err: err}
		}
	}
	return ctx.Err()
}

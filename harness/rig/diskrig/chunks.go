package diskrig

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"sparkharness/harness/sim"
)

// chunkFiles is the KV tier of the manager fs: a file a chunk, under the key of its last block. A chunk is written under
// another name, which it loses when it is whole; nothing is synced, as vLLM does it (vllm/v1/kv_offload/tiering/fs).
type chunkFiles struct {
	s      *Storage
	blocks int
}

const chunkFolder = "chunks"

func (s *Storage) newChunkFiles() (*chunkFiles, error) {
	// A folder of a hundred thousand files is slow to open files in on some file systems.
	for i := range 256 {
		if err := s.folder.root.MkdirAll(filepath.Join(chunkFolder, fmt.Sprintf("%02x", i)), 0o700); err != nil {
			return nil, fmt.Errorf("make a folder in %s: %w", s.folder.path, err)
		}
	}
	// Whether files can be had for direct I/O is better known now.
	f, err := s.create("probe")
	if err != nil {
		return nil, err
	}
	return &chunkFiles{s: s, blocks: s.o.ChunkBlocks}, errors.Join(f.Close(), s.folder.root.Remove("probe"))
}

func chunkName(key uint64) string {
	return filepath.Join(chunkFolder, fmt.Sprintf("%02x", key>>56), fmt.Sprintf("%016x", key))
}

// lay makes each chunk of the transfer a unit. What is not completed is removed.
func (c *chunkFiles) lay(t *transfer) error {
	if len(t.io.Blocks)%c.blocks != 0 {
		return fmt.Errorf("a transfer of %d blocks is no whole number of chunks of %d: open the storage with the options of this machine",
			len(t.io.Blocks), c.blocks)
	}
	size := int64(c.blocks) * c.s.o.stride()
	t.step = min(t.step, size)
	t.units = len(t.io.Blocks) / c.blocks
	var mu sync.Mutex
	var written []string
	t.move = func(w *worker, unit int) error {
		key := t.io.Blocks[(unit+1)*c.blocks-1].Key
		if !t.io.Write() {
			return c.read(w, key, size)
		}
		err := c.write(w, key, size)
		if err == nil {
			mu.Lock()
			written = append(written, chunkName(key))
			mu.Unlock()
		}
		return err
	}
	if t.io.Write() {
		t.undo = func() error {
			var errs []error
			for _, name := range written {
				errs = append(errs, c.s.folder.root.Remove(name))
			}
			return errors.Join(errs...)
		}
	}
	return nil
}

func (c *chunkFiles) read(w *worker, key uint64, size int64) error {
	f, err := openDirect(c.s.folder.root, chunkName(key), os.O_RDONLY)
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%w: the file of chunk %016x in %s has gone", ErrCorruption, key, c.s.folder.path)
	} else if err != nil {
		return err
	}
	return errors.Join(c.move(w, f, key, size), f.Close())
}

func (c *chunkFiles) write(w *worker, key uint64, size int64) error {
	root, name := c.s.folder.root, chunkName(key)
	unfinished := fmt.Sprintf("%s.%d.tmp", name, w.io.ID)
	f, err := openDirect(root, unfinished, os.O_WRONLY|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return err
	}
	err = errors.Join(c.move(w, f, key, size), f.Close())
	if err == nil {
		err = root.Rename(unfinished, name)
	}
	if err != nil {
		return errors.Join(err, root.Remove(unfinished))
	}
	return nil
}

// move reads or writes the whole file.
func (c *chunkFiles) move(w *worker, f *os.File, key uint64, size int64) error {
	for at := int64(0); at < size; at += w.step {
		id := identity{area: uint32(sim.AreaKV), key: key, first: uint32(at / page)}
		if err := w.one(f, at, min(w.step, size-at), id); err != nil {
			return err
		}
	}
	return nil
}

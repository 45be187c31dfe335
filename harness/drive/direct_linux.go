package drive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// leftover names files of a proof between their making and the loss of their name, where a file cannot be made without.
const leftover = ".sparkharness-proof-*"

// directFile is a file without a name that is written and read past the page cache.
type directFile struct {
	f    *os.File
	dir  string
	data []byte // what stands in it
	buf  []byte // one chunk
}

// newDirectFile makes a file and writes it once, so that no later write waits for space to be found. Offsets and memory
// are aligned as statx(2) wants it, or to least where it does not say.
func newDirectFile(ctx context.Context, dir string, size, least int64, noise io.Reader) (_ *directFile, err error) {
	sweep(dir)
	f, err := openNameless(dir)
	if err != nil {
		return nil, err
	}
	d := &directFile{f: f, dir: dir}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.close())
		}
	}()
	if err := aligned(f, dir, least); err != nil {
		return nil, err
	}
	// Memory of its own is aligned to pages and stays where it is.
	for _, m := range []struct {
		to *[]byte
		n  int64
	}{{&d.data, size}, {&d.buf, chunk}} {
		if *m.to, err = unix.Mmap(-1, 0, int(m.n), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE); err != nil {
			return nil, fmt.Errorf("memory for %d bytes: %w", m.n, err)
		}
	}
	if _, err := io.ReadFull(noise, d.data); err != nil {
		return nil, fmt.Errorf("noise for %d bytes: %w", size, err)
	}
	if err := unix.Fallocate(int(f.Fd()), 0, 0, size); err != nil && !errors.Is(err, unix.EOPNOTSUPP) {
		return nil, d.roomless(err)
	}
	if err := d.write(ctx); err != nil {
		return nil, err
	}
	// What the first write changed of the file's extents must not be written during a later one.
	if err := f.Sync(); err != nil {
		return nil, fmt.Errorf("sync a file in %s: %w", dir, err)
	}
	return d, nil
}

// openNameless opens a new file for direct I/O that has lost its name already, or never had one.
func openNameless(dir string) (*os.File, error) {
	const flags = os.O_RDWR | unix.O_DIRECT
	f, err := os.OpenFile(dir, flags|unix.O_TMPFILE, 0o600)
	if err == nil {
		return f, nil
	}
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EISDIR) {
		return openUnnamed(dir, flags)
	}
	if errors.Is(err, unix.EINVAL) {
		return nil, fmt.Errorf("%s has no direct I/O (O_DIRECT): %w; %s", dir, err, remedy)
	}
	return nil, fmt.Errorf("make a file in %s: %w", dir, err)
}

// openUnnamed is for file systems that make no file without a name.
func openUnnamed(dir string, flags int) (*os.File, error) {
	named, err := os.CreateTemp(dir, leftover)
	if err != nil {
		return nil, fmt.Errorf("make a file in %s: %w", dir, err)
	}
	f, err := os.OpenFile(named.Name(), flags, 0)
	if removed := os.Remove(named.Name()); !errors.Is(removed, os.ErrNotExist) { // another proof may have swept it
		err = errors.Join(err, removed)
	}
	if err = errors.Join(err, named.Close()); err != nil {
		if f != nil {
			_ = f.Close() // nothing was written
		}
		return nil, fmt.Errorf("make a file in %s for direct I/O: %w", dir, err)
	}
	return f, nil
}

// sweep removes the files of killed proofs that still have their name. They are empty: what is written has none.
func sweep(dir string) {
	for _, name := range entries(dir) {
		if ok, _ := filepath.Match(leftover, name); !ok {
			continue
		}
		path := filepath.Join(dir, name)
		if st, err := os.Lstat(path); err == nil && st.Mode().IsRegular() && st.Size() == 0 {
			_ = os.Remove(path) // an empty file too many does no harm
		}
	}
}

// aligned refuses a file for which whole chunks in memory of whole pages are not aligned.
func aligned(f *os.File, dir string, least int64) error {
	var st unix.Statx_t
	memory, offset := least, least
	err := unix.Statx(int(f.Fd()), "", unix.AT_EMPTY_PATH, unix.STATX_DIOALIGN, &st)
	if err == nil && st.Mask&unix.STATX_DIOALIGN != 0 {
		memory, offset = int64(st.Dio_mem_align), int64(st.Dio_offset_align)
		if memory == 0 || offset == 0 {
			return fmt.Errorf("%s has no direct I/O (statx: alignment 0); %s", dir, remedy)
		}
	}
	if page := int64(os.Getpagesize()); page%memory != 0 || chunk%offset != 0 {
		return fmt.Errorf("%s wants direct I/O aligned to %d bytes of memory and %d of the file, and has %d and %d: %s",
			dir, memory, offset, page, chunk, remedy)
	}
	return nil
}

// write writes the whole file, and waits until the device has it.
func (d *directFile) write(ctx context.Context) error {
	for at := 0; at < len(d.data); at += chunk {
		if err := ctx.Err(); err != nil {
			return err
		}
		if _, err := d.f.WriteAt(d.data[at:at+chunk], int64(at)); err != nil {
			return d.roomless(err)
		}
	}
	if err := unix.Fdatasync(int(d.f.Fd())); err != nil {
		return fmt.Errorf("sync a file in %s: %w", d.dir, err)
	}
	return nil
}

// read reads as many bytes as the file has: its first half, twice. A cache would have to answer the second time.
func (d *directFile) read(ctx context.Context) error {
	for range 2 {
		for at := 0; at < len(d.data)/2; at += chunk {
			if err := ctx.Err(); err != nil {
				return err
			}
			if _, err := d.f.ReadAt(d.buf, int64(at)); err != nil {
				return fmt.Errorf("read a file in %s: %w", d.dir, err)
			}
			if !bytes.Equal(d.buf, d.data[at:at+chunk]) {
				return fmt.Errorf("read a file in %s: at %d stands something else than was written: the drive is not to be trusted", d.dir, at)
			}
		}
	}
	return nil
}

func (d *directFile) roomless(err error) error {
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
		return fmt.Errorf("write %d bytes in %s: %w: make room there", len(d.data), d.dir, err)
	}
	return fmt.Errorf("write %d bytes in %s: %w", len(d.data), d.dir, err)
}

// close gives file and memory back.
func (d *directFile) close() error {
	err := d.f.Close()
	for _, m := range [][]byte{d.data, d.buf} {
		if m != nil {
			err = errors.Join(err, unix.Munmap(m))
		}
	}
	d.data, d.buf = nil, nil
	return err
}

package treatment

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"sparkharness/harness/disk"
	"sparkharness/harness/fio"
	"sparkharness/harness/restore"
)

// laid is a file that has been written once from its beginning to its end, and is used by all cells of the run.
type laid struct {
	path  string
	bytes int64
}

const (
	gb = 1e9
	// chunk is one write of laying out, bytes.
	chunk = 1 << 20
	// mostOfFree is the share of the free space that the files may take: a drive that is nearly full writes at another rate.
	mostOfFree = 0.2
)

// layOut writes the files that are not there yet.
func (t *Treater) layOut(ctx context.Context, files []fio.File) error {
	var missing []fio.File
	var bytes int64
	for _, f := range files {
		if have := t.files[f.Name]; have == nil || have.bytes < f.Bytes {
			missing = append(missing, f)
			bytes += f.Bytes
		}
	}
	if len(missing) == 0 {
		return nil
	}
	if err := t.room(bytes); err != nil {
		return err
	}
	if t.dir == "" {
		dir, undo, err := t.o.Journal.Folder(t.o.Drive.Dir, "load", restore.Writer{})
		if err != nil {
			return err
		}
		t.dir, t.undo = dir, undo
	}
	begun := time.Now()
	for _, f := range missing {
		if err := writeOnce(ctx, t.path(f.Name), f.Bytes, t.o.Noise); err != nil {
			return err
		}
		t.files[f.Name] = &laid{path: t.path(f.Name), bytes: f.Bytes}
	}
	took := max(time.Since(begun), time.Millisecond).Seconds()
	fmt.Fprintf(t.o.Out, "wrote %.2f GB in %.0f s (%.2f GB/s)\n", float64(bytes)/gb, took, float64(bytes)/gb/took)
	return nil
}

// room tells the user what the files take, and refuses what is too much.
func (t *Treater) room(bytes int64) error {
	var fs unix.Statfs_t
	if err := unix.Statfs(t.o.Drive.Dir, &fs); err != nil {
		return fmt.Errorf("room in %s: %w", t.o.Drive.Dir, err)
	}
	free := float64(fs.Bavail) * float64(fs.Bsize)
	if float64(bytes) > mostOfFree*free {
		return fmt.Errorf("the files that fio and the probe read take %.2f GB in %s, and of %.2f GB that are free there they may take %.0f %%: make room, "+
			"name a folder on another drive, or lower size in the fio profile", float64(bytes)/gb, t.o.Drive.Dir, free/gb, mostOfFree*100)
	}
	fmt.Fprintf(t.o.Out, "fio and the probe use %.2f GB of their own in %s (%.2f GB are free), which are written once and removed at the end\n",
		float64(bytes)/gb, t.o.Drive.Dir, free/gb)
	return nil
}

// writeOnce makes a file anew and fills it past the page cache, up to a whole chunk: a hole, or what was only set aside, would
// be read without the drive.
func writeOnce(ctx context.Context, path string, size int64, noise io.Reader) (err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC|unix.O_DIRECT|unix.O_NOFOLLOW, 0o600)
	if errors.Is(err, unix.EINVAL) {
		return fmt.Errorf("%s has no direct I/O (O_DIRECT): choose a folder on a local drive: %w", path, err)
	} else if err != nil {
		return fmt.Errorf("lay out a file: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	buf, err := unix.Mmap(-1, 0, chunk, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE) // aligned to pages
	if err != nil {
		return fmt.Errorf("memory to lay out a file: %w", err)
	}
	defer func() { err = errors.Join(err, unix.Munmap(buf)) }()
	if err := unix.Fallocate(int(f.Fd()), 0, 0, size); err != nil && !errors.Is(err, unix.EOPNOTSUPP) {
		return roomless(path, size, err)
	}
	for at := int64(0); at < size; at += chunk {
		if err := ctx.Err(); err != nil {
			return err
		}
		if _, err := io.ReadFull(noise, buf); err != nil {
			return fmt.Errorf("noise for %s: %w", path, err)
		}
		if _, err := f.WriteAt(buf, at); err != nil {
			return roomless(path, size, err)
		}
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("sync %s: %w", path, err)
	}
	return disk.Sync(path)
}

func roomless(path string, size int64, err error) error {
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
		return fmt.Errorf("write %.2f GB to %s: %w: make room there", float64(size)/gb, path, err)
	}
	return fmt.Errorf("write %s: %w", path, err)
}

// needs are the files of profiles, each as large as the largest of its uses, and the engines of their jobs, sorted.
func (t *Treater) needs(profiles map[string]string) (files []fio.File, engines []string, err error) {
	sizes := map[string]int64{}
	for _, name := range slices.Sorted(maps.Keys(profiles)) {
		jobs, used, err := fio.Confined(name+".fio", []byte(profiles[name]))
		if err == nil {
			err = fio.Lasting(jobs)
		}
		if err != nil {
			return nil, nil, err
		}
		for _, j := range jobs {
			engines = append(engines, j.IOEngine)
		}
		for _, f := range used {
			if strings.EqualFold(f.Name, probeName) {
				return nil, nil, fmt.Errorf("%s.fio: filename: %s is the probe's file: choose another name", name, f.Name)
			}
			sizes[f.Name] = max(sizes[f.Name], f.Bytes)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(sizes)) {
		files = append(files, fio.File{Name: name, Bytes: sizes[name]})
	}
	slices.Sort(engines)
	return files, slices.Compact(engines), nil
}

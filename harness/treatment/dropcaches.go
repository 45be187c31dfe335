package treatment

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"sparkharness/harness/record"
	"sparkharness/harness/rig"
	"sparkharness/harness/telemetry"
)

// dropCaches empties the page cache and reads that back in /proc/meminfo. Who may not do that for the machine does it for the
// files that he may read, which proves nothing of others' pages: that is said in what was read.
func (t *Treater) dropCaches(ctx context.Context) (rig.Applied, error) {
	out := &record.Treated{Treatment: rig.DropCaches, Reading: "page cache, B"}
	var err error
	if out.Before, err = t.cached(ctx); err != nil {
		return rig.Applied{}, err
	}
	unix.Sync() // pages that are not written yet stay
	err = t.dropAll()
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, unix.EROFS) {
		out.Reading = "page cache, B (without root only of the files of fio, the probe and the configuration, by posix_fadvise)"
		err = t.dropOwn()
	}
	if err != nil {
		return rig.Applied{}, err
	}
	if out.After, err = t.cached(ctx); err != nil {
		return rig.Applied{}, err
	}
	return rig.Applied{Seen: out}, nil
}

// dropAll is for root: page cache, dentries and inodes (kernel Documentation/admin-guide/sysctl/vm.rst, drop_caches).
func (t *Treater) dropAll() error {
	f, err := os.OpenFile(filepath.Join(t.o.Proc, "sys/vm/drop_caches"), os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("empty the page cache: %w", err)
	}
	_, err = f.WriteString("3\n")
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("empty the page cache: %w", err)
	}
	return nil
}

// dropOwn has the kernel forget the pages of the files that it may be asked for (posix_fadvise(2), DONTNEED).
func (t *Treater) dropOwn() error {
	paths := slices.Clone(t.o.CacheFiles)
	for _, name := range slices.Sorted(maps.Keys(t.files)) {
		paths = append(paths, t.files[name].path)
	}
	for _, path := range paths {
		f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
		if err != nil {
			return fmt.Errorf("take a file out of the page cache: %w", err)
		}
		err = unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)
		if err = errors.Join(err, f.Close()); err != nil {
			return fmt.Errorf("take %s out of the page cache: %w", path, err)
		}
	}
	return nil
}

// cached is the page cache as /proc/meminfo has it, B.
func (t *Treater) cached(ctx context.Context) (*float64, error) {
	proc, err := telemetry.NewProc(t.o.Proc)
	if err != nil {
		return nil, err
	}
	defer proc.Close()
	var s record.SysSample
	if err := proc.Sample(ctx, &s); err != nil || s.Mem == nil {
		return nil, err
	}
	return s.Mem.Cached, nil
}

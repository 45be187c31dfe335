package mixedrig

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// share of the free space that all files together may take: a drive that is nearly full writes at another rate.
const share = 0.2

// room refuses a folder without the room for tier and load, bytes, of which the cell most takes most. Two folders on one drive share
// what is free there.
func (r *Rig) room(tier, load int64, most string) error {
	if r.o.SameDrive {
		tier *= int64(len(r.places))
	}
	for i, at := range r.places {
		switch { // fio and the probe have the first
		case i > 0 && r.o.SameDrive:
			load = 0
		case i > 0:
			load = r.o.ProbeFile // that is read while the drive is idle
		}
		if err := room(at.drive.Dir, tier, load, most); err != nil {
			return err
		}
	}
	return nil
}

// room refuses a folder that cannot be written, and files beyond the share of what is free there; those that a killed run has left,
// and that go before anything is written, count as free. tier and load are bytes.
func room(dir string, tier, load int64, cell string) error {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return fmt.Errorf("-dir %s: %w", dir, err)
	}
	if st.Flags&unix.ST_RDONLY != 0 {
		return fmt.Errorf("-dir %s: the file system is mounted read-only: choose another folder", dir)
	}
	if err := unix.Access(dir, unix.W_OK|unix.X_OK); err != nil {
		return fmt.Errorf("-dir %s: nothing can be written there (%w): choose a folder of yours", dir, err)
	}
	free := float64(st.Bavail)*float64(st.Bsize) + float64(left(dir))
	if most := share * free; float64(tier+load) > most {
		const gib = 1 << 30
		what := ""
		if cell != "" {
			what = " (cell " + cell + ")"
		}
		return fmt.Errorf("tier 2 takes %.2f GiB%s and the files of fio and the probe %.2f GiB, and of %.1f GiB that are free in %s at most a fifth is taken (%.2f GiB): "+
			"take a profile with a smaller tier2_bytes, make room, or name a folder on a larger drive", float64(tier)/gib, what, float64(load)/gib, free/gib, dir, most/gib)
	}
	return nil
}

// left is what lies in folders of this program in dir, bytes. What cannot be seen is not counted.
func left(dir string) (bytes int64) {
	found, _ := os.ReadDir(dir)
	for _, e := range found {
		path := filepath.Join(dir, e.Name())
		if !strings.HasPrefix(e.Name(), "sparkharness-") {
			continue
		}
		_ = filepath.WalkDir(path, func(_ string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return nil
			}
			if st, err := d.Info(); err == nil {
				bytes += st.Size()
			}
			return nil
		})
	}
	return bytes
}

package record

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"sparkharness/harness/disk"
	"sparkharness/harness/regular"
)

// CopyCell copies the folder of a complete cell to a place where there is nothing yet, cell.json last. The cell is looked
// over first, and its copy afterwards: what is damaged, or not complete, is an error. Everything is on the disk when
// it returns what the cell knows of itself.
func (r *Run) CopyCell(pc PlannedCell, to string) (*CellInfo, error) {
	info, err := r.Cell(pc)
	if err != nil {
		return nil, err
	}
	from := CellPath(r.Dir, pc.Cell)
	if info == nil {
		return nil, fmt.Errorf("%s is not complete", from)
	}
	if err := os.MkdirAll(to, 0o755); err != nil {
		return nil, err
	}
	names := []string{}
	for _, f := range info.Files {
		names = append(names, f.Name)
	}
	for _, name := range append(names, FileCell) {
		if err := copyFile(filepath.Join(from, name), filepath.Join(to, name)); err != nil {
			return nil, fmt.Errorf("copy a cell: %w", err)
		}
	}
	if _, sum, err := readCellInfo(to); err != nil || sum != r.sums[pc.Key] {
		return nil, errors.Join(damaged(filepath.Join(to, FileCell), "it is not what was copied"), err)
	}
	return info, errors.Join(info.checkFiles(to), disk.Sync(to))
}

func copyFile(from, to string) (err error) {
	in, err := regular.Open(from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Sync(), out.Close())
}

package record

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"sparkharness/harness/regular"
)

// CellInfo is cell.json: what a cell knows of itself besides its lines. A cell whose folder has one is complete.
type CellInfo struct {
	Cell     string      `json:"cell"`
	Start    float64     `json:"start"` // s, clock zero of the cell
	Load     LoadSummary `json:"load"`
	Coverage Coverage    `json:"coverage"`
	Settings Settings    `json:"settings"` // read back from the servers
	// Treatments are what was done to the machine before the load, with what it showed before and after.
	Treatments []Treated `json:"treatments,omitempty"`
	// Fio is what ran beside the load where fio is a factor, with what the drive and fio's process showed before
	// the load; its list of jobs is empty in the arm without.
	Fio   *FioRun `json:"fio,omitempty"`
	HasKV bool    `json:"has_kv"`
}

// Save writes cell.json into a cell's folder.
func (c *CellInfo) Save(folder string) error {
	b, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return fmt.Errorf("encode %s: %w", FileCell, err)
	}
	return os.WriteFile(filepath.Join(folder, FileCell), append(b, '\n'), 0o644)
}

// maxCellInfo is the most bytes of a cell.json, which does not grow with a cell's length.
const maxCellInfo = 16 << 20

// ReadCellInfo is the inverse of Save; nil without an error if the cell is not complete.
func ReadCellInfo(folder string) (*CellInfo, error) {
	path := filepath.Join(folder, FileCell)
	b, err := regular.Read(path, maxCellInfo)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var c CellInfo
	if err := json.Unmarshal(b, &c); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &c, nil
}

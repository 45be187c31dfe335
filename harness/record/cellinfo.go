package record

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"sparkharness/harness/disk"
	"sparkharness/harness/regular"
)

// CellInfo is cell.json: what a cell knows of itself besides its lines. A cell whose folder has one is complete.
type CellInfo struct {
	RunID  string `json:"run_id"`
	Digest string `json:"config_digest"`
	Cell   string `json:"cell"`
	// CellDigest is that of the planned cell; "" in cells of earlier versions.
	CellDigest string  `json:"cell_digest,omitempty"`
	Start      float64 `json:"start"` // s, clock zero of the cell
	// Seconds is the cell's whole time on its clock; null in cells of earlier versions.
	Seconds  *float64    `json:"seconds,omitempty"`
	Load     LoadSummary `json:"load"`
	Coverage Coverage    `json:"coverage"`
	Settings Settings    `json:"settings"` // read back from the servers
	// Device and Counters are about the block device that is watched; absent from cells of earlier versions, which asked
	// neither, and Device where a rig has none.
	Device   *Device        `json:"device,omitempty"`
	Counters *CountersProof `json:"counters_proof,omitempty"`
	// Drive is what holds the folder that was named on the drive of real servers; null where none was, in cells of earlier
	// versions, and on rigs that have their drive in Storage or a modelled one.
	Drive *Drive `json:"drive,omitempty"`
	// Treatments are what was done to the machine before the load, with what it showed before and after.
	Treatments []Treated `json:"treatments,omitempty"`
	// Fio is what ran beside the load where fio is a factor, with what the drive and fio's process showed before
	// the load; its list of jobs is empty in the arm without.
	Fio *FioRun `json:"fio,omitempty"`
	// Probe is what read the drive from the baseline to the cell's end, to see how long that takes; null where none did.
	Probe *ProbeRun `json:"probe,omitempty"`
	HasKV bool      `json:"has_kv"`
	// Server is the server that was measured where somebody else has started it; null elsewhere, and in cells of earlier versions.
	Server *ServerSeen `json:"server,omitempty"`
	// Storage is the real drive that a simulated machine stored on; null elsewhere.
	Storage *StorageUse `json:"storage,omitempty"`
	// Drives are those that are compared, in the order of their arms; absent where none are.
	Drives []ArmDrive `json:"drives,omitempty"`
	// Oracle is what the server said after the load when it was asked for what prompts of the load begin with; null where
	// nobody asked.
	Oracle *Oracle `json:"oracle,omitempty"`
	// Client is what the harness took of the machine, and Observed what watching it changed, once a run; null in simulated time, where
	// the harness takes nothing of the machine.
	Client   *ClientUse `json:"client,omitempty"`
	Observed *Observed  `json:"observed,omitempty"`
	// Health is the machine's state before the cell and after its load; null where it is not read.
	Health *Around `json:"health,omitempty"`
	// Again is how often the cell had been measured before: its machine's randomness is another each time.
	Again int `json:"again,omitempty"`
	// Files are the cell's other files as they were when it was complete, in the order of their names.
	Files []FileSum `json:"files"`
}

// Seal completes a cell's folder: cell.json with the sums of the other files is written last, and everything is
// on the disk when it returns. Nothing may be written into the folder afterwards.
func (c *CellInfo) Seal(folder string) error {
	names, err := filesOf(folder)
	if err != nil {
		return err
	}
	c.Files = []FileSum{}
	for _, name := range names {
		path := filepath.Join(folder, name)
		sum, err := SumFile(path)
		if err != nil {
			return fmt.Errorf("seal: %w", err)
		}
		if err := disk.Sync(path); err != nil {
			return fmt.Errorf("seal: %w", err)
		}
		c.Files = append(c.Files, sum)
	}
	b, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return fmt.Errorf("encode %s: %w", FileCell, err)
	}
	return disk.Replace(filepath.Join(folder, FileCell), append(b, '\n'))
}

// maxCellInfo is the most bytes of a cell.json, which does not grow with a cell's length.
const maxCellInfo = 16 << 20

// filesOf are the files of a cell's folder but cell.json, in order.
func filesOf(folder string) ([]string, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if e.Name() != FileCell {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names, nil
}

// readCellInfo reads cell.json and its sum; nil without an error if the cell is not complete.
func readCellInfo(folder string) (*CellInfo, string, error) {
	path := filepath.Join(folder, FileCell)
	b, err := regular.Read(path, maxCellInfo)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, "", nil
	}
	if err != nil {
		return nil, "", err
	}
	c, err := parseCellInfo(path, b)
	return c, sumBytes(b), err
}

func parseCellInfo(path string, b []byte) (*CellInfo, error) {
	var c CellInfo
	if err := json.Unmarshal(b, &c); err != nil {
		return nil, damaged(path, "it is not the JSON that was written: %v", err)
	}
	if err := c.check(); err != nil {
		return nil, damaged(path, "%v", err)
	}
	return &c, nil
}

// checkFiles compares the folder with what was sealed.
func (c *CellInfo) checkFiles(folder string) error {
	names, err := filesOf(folder)
	if err != nil {
		return err
	}
	var faults []error
	sealed := map[string]bool{}
	for _, want := range c.Files {
		sealed[want.Name] = true
		path := filepath.Join(folder, want.Name)
		if filepath.Base(want.Name) != want.Name {
			faults = append(faults, damaged(path, "a name that leaves the folder"))
			continue
		}
		switch got, err := sumUpTo(path, want.Bytes); {
		case errors.Is(err, fs.ErrNotExist):
			faults = append(faults, damaged(path, "it is gone; it held %d lines", want.Lines))
		case err != nil:
			faults = append(faults, damaged(path, "%v", err))
		case got != want:
			faults = append(faults, damaged(path, "it is not what was measured: %s", got.unlike(want)))
		}
	}
	for _, name := range names {
		if !sealed[name] {
			faults = append(faults, damaged(filepath.Join(folder, name), "it was not there when the cell was completed"))
		}
	}
	return errors.Join(faults...)
}

// unlike says in what a file differs from what was sealed.
func (s FileSum) unlike(want FileSum) string {
	switch {
	case s.SHA256 == "": // larger, and not read
		return fmt.Sprintf("%d bytes instead of %d", s.Bytes, want.Bytes)
	case s.Lines != want.Lines:
		return fmt.Sprintf("%d lines instead of %d", s.Lines, want.Lines)
	case s.Bytes != want.Bytes:
		return fmt.Sprintf("%d bytes instead of %d", s.Bytes, want.Bytes)
	}
	return fmt.Sprintf("as long, but with SHA-256 %.12s instead of %.12s", s.SHA256, want.SHA256)
}

// check refuses what no cell leaves.
func (c *CellInfo) check() error {
	l := &c.Load
	switch {
	case !(c.Start >= 0 && c.Start <= maxNumber):
		return fmt.Errorf("start is %v", c.Start)
	case c.Seconds != nil && !(*c.Seconds >= 0 && *c.Seconds <= maxNumber):
		return fmt.Errorf("it took %v s", *c.Seconds)
	case l.MeasureStart != nil && *l.MeasureStart < c.Start, l.MeasureEnd != nil && (l.MeasureStart == nil || *l.MeasureEnd < *l.MeasureStart):
		return errors.New("the load ended before it began")
	case l.MaxSendLag < 0, l.MeanThink != nil && *l.MeanThink < 0, l.DrainTimeouts < 0, c.Coverage.Slots < 0:
		return errors.New("a time or count is negative")
	}
	for _, counts := range l.Counts {
		for rc, n := range counts {
			if n < 0 {
				return fmt.Errorf("%d requests ended with %s", n, rc)
			}
		}
	}
	if err := c.Server.check(); err != nil {
		return err
	}
	if p := c.Counters; p != nil {
		for _, v := range []*float64{&p.AskedReadBytes, &p.AskedWriteBytes, p.ReadBytes, p.WriteBytes} {
			if v != nil && !(*v >= 0 && *v <= maxNumber) {
				return fmt.Errorf("the proof of the counters has %v bytes", *v)
			}
		}
	}
	for _, s := range c.Coverage.Sources {
		if s.Samples < 0 || s.Samples > c.Coverage.Slots {
			return fmt.Errorf("source %s gave %d samples in %d slots", s.Name, s.Samples, c.Coverage.Slots)
		}
	}
	return nil
}

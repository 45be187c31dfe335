package sheet

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"sparkharness/harness/config"
	"sparkharness/harness/evidence"
	"sparkharness/harness/record"
	"sparkharness/harness/regular"
	"sparkharness/harness/report"
)

// Run is a run's folder as a sheet needs it.
type Run struct {
	Evidence *evidence.Evidence
	Arms     []*Arm // in the order of the sweep
	// System is the manifest's system, kernel and architecture, and Version the program's commit; "" without a manifest.
	System, Version string
	// Verdict is the outcome in report.json with its first reason, or why it cannot be read; "" without a report.
	Verdict string
}

// Arm is a cell with its repetitions, and what moved in its phases.
type Arm struct {
	*evidence.Group
	Stack *config.Stack // as the arm treats it
	// Populate is from the first request to the measured load: the tiers fill. Measure is the measured load.
	Populate, Measure Phase
}

// Name is the arm as tables name it: its factors without the repetition.
func (a *Arm) Name() string { return a.Cell.String() }

// tiered says whether the arm's stack keeps KV below the device.
func (a *Arm) tiered() bool { return a.Stack.Dynamo != nil }

// Read reads a run's folder. Files that are not what was measured are an error that names them (record.DamageError), and so is
// a run of which no cell is complete.
func Read(dir string) (*Run, error) {
	ev, err := evidence.Load(dir, nil)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: no run there: give the folder of a run, which holds a %s: %w", dir, record.FilePlan, err)
	}
	if err != nil {
		return nil, fmt.Errorf("read the run %s: %w", dir, err)
	}
	if len(ev.Cells) == 0 {
		return nil, fmt.Errorf("%s: no cell of the run is complete: wait for its first one, or go on with it (-resume)", dir)
	}
	r := &Run{Evidence: ev}
	if r.System, r.Version, err = manifest(dir); err != nil {
		return nil, err
	}
	r.Verdict = outcome(dir)
	for _, g := range ev.InOrderOfSweep() {
		a := &Arm{Group: g, Stack: ev.Exp.StackOf(g.Cells[0].PlannedCell)}
		for _, c := range g.Cells {
			if err := a.load(record.CellPath(dir, c.Cell), c); err != nil {
				return nil, err
			}
		}
		r.Arms = append(r.Arms, a)
	}
	return r, nil
}

// load adds a cell's lines to the arm.
func (a *Arm) load(folder string, c *evidence.Cell) error {
	err := record.ReadComplete(filepath.Join(folder, record.FileSysmon), func(s *record.SysSample) error {
		if p := a.phase(s.Phase); p != nil {
			p.addSys(s, c.Info.Probe)
		}
		return nil
	})
	if err != nil || !c.Info.HasKV {
		return err
	}
	var prev *record.KVSample
	return record.ReadComplete(filepath.Join(folder, record.FileDynKV), func(s *record.KVSample) error {
		if s.Failed != nil {
			return nil
		}
		if p := a.phase(s.Phase); p != nil && prev != nil {
			p.addKV(prev, s)
		}
		prev = s
		return nil
	})
}

// phase is where samples of a phase count, nil for those that are in no table.
func (a *Arm) phase(name string) *Phase {
	switch name {
	case record.PhasePrepare, record.PhaseWarmup:
		return &a.Populate
	case record.PhaseMeasure:
		return &a.Measure
	}
	return nil
}

// mostManifest bounds a manifest.json, bytes.
const mostManifest = 1 << 20

// manifest is what a run's manifest says of the machine and the program; both "" without one.
func manifest(dir string) (system, version string, err error) {
	var m struct{ OS, Kernel, Arch, Commit string }
	path := record.Path(dir, record.FileManifest)
	b, err := regular.Read(path, mostManifest)
	if errors.Is(err, fs.ErrNotExist) {
		return "", "", nil
	}
	if err != nil {
		return "", "", err
	}
	if err := json.Unmarshal(b, &m); err != nil {
		return "", "", fmt.Errorf("%s: not the manifest of a run: %w", path, err)
	}
	words := slices.DeleteFunc([]string{m.OS, m.Kernel, m.Arch}, func(s string) bool { return s == "" })
	return strings.Join(words, " "), m.Commit, nil
}

// outcome is what a run's report says of it; "" without a report. A report that cannot be read, such as one of another version,
// keeps nobody from the rest.
func outcome(dir string) string {
	j, err := report.Read(record.Path(dir, report.FileName))
	if errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	if err != nil {
		return fmt.Sprintf("%s (%v)", untold, err)
	}
	out := string(j.Verdict.Outcome)
	if len(j.Verdict.Reasons) > 0 {
		out += ": " + j.Verdict.Reasons[0]
	}
	return out
}

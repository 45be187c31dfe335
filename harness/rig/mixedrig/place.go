package mixedrig

import (
	"fmt"
	"slices"
	"strings"

	"sparkharness/harness/config"
	"sparkharness/harness/drive"
	"sparkharness/harness/record"
	"sparkharness/harness/rig"
	"sparkharness/harness/treatment"
)

// place is a folder on a drive with what is kept there from cell to cell.
type place struct {
	arm   string // record.DriveA or DriveB; "" where one drive is measured
	named string // the folder as the user named it
	drive *drive.Drive

	// From Prepare on.
	proof   *drive.Proof
	treater *treatment.Treater // nil of a second folder on the same drive, which the first one's reads are of, too
	storage *kept              // of the cell before on this drive, if there was one that stores anything
	idle    idleDrive          // of the treater's last look
}

// placesOf are the folders of the options as the sweep wants them: one, or two on two drives, or two on one where the user says so. It
// writes nothing.
func placesOf(h *config.Hypothesis, o Options) ([]*place, error) {
	two := len(h.Sweep.Drive) > 0
	switch {
	case two && o.Second == "":
		return nil, &rig.UndecidableError{Why: h.Hypothesis + " compares two drives, and -dir names one folder: name one on each, as in -dir /mnt/a,/mnt/b"}
	case !two && o.Second != "":
		return nil, &rig.UndecidableError{Why: h.Hypothesis + " measures one drive, and -dir names two folders: name one, or run DRIVES, which compares them"}
	}
	out := []*place{{named: o.Dir}}
	if two {
		out = []*place{{arm: record.DriveA, named: o.Dir}, {arm: record.DriveB, named: o.Second}}
	}
	for _, at := range out {
		var err error
		if at.drive, err = drive.Of(at.named, drive.Here()); err != nil {
			return nil, fmt.Errorf("-dir: %w", err)
		}
	}
	if !two {
		return out, nil
	}
	a, b := out[0].drive, out[1].drive
	shared := slices.ContainsFunc(a.Leaves, func(l record.DriveLeaf) bool {
		return slices.ContainsFunc(b.Leaves, func(m record.DriveLeaf) bool { return l.Name == m.Name })
	})
	switch {
	case a.Dir == b.Dir:
		return nil, fmt.Errorf("-dir: %s and %s are one folder: name two, on two drives or, with -same-drive, on one", o.Dir, o.Second)
	case shared && !o.SameDrive:
		return nil, fmt.Errorf("-dir: %s and %s lie on one drive (%s): name a folder on another one, or give -same-drive for an A/A control, which must find no difference",
			o.Dir, o.Second, names(a))
	case !shared && o.SameDrive:
		return nil, fmt.Errorf("-same-drive: %s lies on %s and %s on %s: leave it out, or name two folders on one drive", o.Dir, names(a), o.Second, names(b))
	}
	return out, nil
}

// names are the devices of a drive.
func names(d *drive.Drive) string {
	var out []string
	for _, l := range d.Leaves {
		out = append(out, l.Name)
	}
	return strings.Join(out, ", ")
}

// told is the drive in words, with its arm.
func (p *place) told() string {
	var leaves []string
	for _, l := range p.drive.Leaves {
		leaves = append(leaves, strings.TrimSpace(l.Name+" "+l.Model))
	}
	out := strings.Join(leaves, ", ") + ", " + p.drive.FileSystem
	if p.arm != "" {
		out = p.arm + ": " + out
	}
	return out
}

// sharedEnds are devices on which all places lie in the end, "" for none: two loop devices may be files on one drive.
func sharedEnds(places []*place) string {
	var out []string
	for _, name := range places[0].drive.Ends() {
		if !slices.ContainsFunc(places, func(p *place) bool { return !slices.Contains(p.drive.Ends(), name) }) {
			out = append(out, name)
		}
	}
	return strings.Join(out, ", ")
}

// of is the place of a cell.
func (r *Rig) of(pc record.PlannedCell) *place {
	if i := slices.IndexFunc(r.places, func(p *place) bool { return p.arm == pc.Drive }); i >= 0 {
		return r.places[i]
	}
	return r.places[0]
}

// treater is what treats the machine: fio, the probe and the page cache are of the first place.
func (r *Rig) treater() *treatment.Treater { return r.places[0].treater }

// closeStorage removes the files of a place.
func (p *place) closeStorage() error {
	if p.storage == nil {
		return nil
	}
	s := p.storage
	p.storage = nil
	return s.Close()
}

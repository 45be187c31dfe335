package evidence

import "sparkharness/harness/stats"

// OneSided is the level of a check, one-sided, over all looks of a run together.
const OneSided = 0.025

// Look is one of the moments at which a run is judged, declared in its configuration.
type Look struct {
	At     int `json:"at"` // which one, from 1
	Of     int `json:"of"` // how many there are
	Blocks int `json:"blocks"`
	// Level is that of each check, one-sided: looks share OneSided, about alike (stats.Pocock), so that it holds over all.
	Level float64 `json:"level"`
	// Reached says that its blocks have been measured whole, and no cell beyond them.
	Reached bool `json:"reached"`
}

// Last says that no look comes after.
func (l Look) Last() bool { return l.At == l.Of }

// Look is where the run stands: the first look that has all blocks that were begun. One that was interrupted between two
// looks has not reached the next.
func (ev *Evidence) Look() Look {
	ats := ev.Exp.Hypothesis.Run.Looks()
	begun := 0
	for _, c := range ev.Cells {
		begun = max(begun, c.Rep)
	}
	at := 0
	for at < len(ats)-1 && ats[at] < begun {
		at++
	}
	shares, err := stats.Pocock.Increments(ats, OneSided)
	if err != nil {
		panic(err) // a configuration's looks ascend
	}
	l := Look{At: at + 1, Of: len(ats), Blocks: ats[at], Level: shares[at]}
	planned, measured := 0, 0
	for i := range ev.Plan.Cells {
		if block := ev.Plan.Cells[i].Rep; block > 0 && block <= l.Blocks {
			planned++
		}
	}
	for _, c := range ev.Cells {
		if c.Rep > 0 && c.Rep <= l.Blocks {
			measured++
		}
	}
	l.Reached = planned > 0 && measured == planned
	return l
}

// Deciding is the evidence of the cells that decide: not those of the block that has only found where to look. What was looked
// for in them cannot be confirmed by them.
func (ev *Evidence) Deciding() *Evidence {
	if !ev.Exp.Hypothesis.Run.Screening {
		return ev
	}
	out := &Evidence{Exp: ev.Exp, Plan: ev.Plan, Notes: ev.Notes, Quarantined: ev.Quarantined, permuted: ev.permuted}
	for _, c := range ev.Cells {
		if c.Rep > 0 {
			out.Cells = append(out.Cells, c)
		}
	}
	return out
}

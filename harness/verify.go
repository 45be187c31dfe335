package harness

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"sparkharness/harness/disk"
	"sparkharness/harness/evidence"
	"sparkharness/harness/record"
	"sparkharness/harness/report"
	"sparkharness/harness/verdict"
)

// Verified is what came of a run's folder that was looked over: an element of the list that -verify-results names.
type Verified struct {
	Dir        string   `json:"dir"`
	RunID      string   `json:"run_id"`
	Hypothesis string   `json:"hypothesis"`
	Outcome    string   `json:"outcome"` // as it follows from the lines now; "" if nothing does
	Measured   int      `json:"cells_measured"`
	Planned    int      `json:"cells_planned"`
	Faults     []string `json:"faults"` // what is not as the run left it, or does not follow from its lines
	Notes      []string `json:"notes"`
}

// Verify looks over the folders that -verify names: each file is what was measured, and the report in the folder is what
// follows from the lines. The rule is that of the hypothesis which the plan names.
func Verify(t *testing.T, all []Hypothesis) {
	o := session.options
	if len(o.Verify) == 0 {
		t.Skip("give -verify DIR, or run sparkharness verify")
	}
	list := []Verified{}
	for _, dir := range o.Verify {
		v := VerifyFolder(all, dir)
		list = append(list, v)
		for _, f := range v.Faults {
			t.Errorf("%s: %s", dir, f)
		}
	}
	if o.VerifyResults == "" {
		return
	}
	b, err := json.MarshalIndent(list, "", "  ")
	if err == nil {
		err = disk.Replace(o.VerifyResults, append(b, '\n'))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// VerifyFolder looks over one run's folder.
func VerifyFolder(all []Hypothesis, dir string) Verified {
	v := Verified{Dir: dir, Faults: []string{}, Notes: []string{}}
	refuse := func(err error) Verified {
		for line := range strings.SplitSeq(err.Error(), "\n") {
			v.Faults = append(v.Faults, line)
		}
		return v
	}
	p, err := record.ReadPlan(dir)
	if err != nil {
		return refuse(err)
	}
	v.RunID, v.Hypothesis, v.Planned = p.RunID, p.Hypothesis, len(p.Cells)
	var h Hypothesis
	for _, known := range all {
		if known.ID == p.Hypothesis {
			h = known
		}
	}
	if h.ID == "" {
		return refuse(fmt.Errorf("%s: no rule here judges a run of %q", record.Path(dir, record.FilePlan), p.Hypothesis))
	}
	ev, err := evidence.Load(dir, nil)
	if err != nil {
		return refuse(err)
	}
	rep, _ := verdict.Judge(h, ev)
	v.Outcome, v.Measured, v.Notes = string(rep.Verdict.Outcome), len(ev.Cells), append(v.Notes, ev.Notes...)
	other := p.Program.Judges != session.program.Judges
	switch same, err := report.Same(dir, rep); {
	case errors.Is(err, fs.ErrNotExist):
		v.Notes = append(v.Notes, "it has no "+report.FileName+": the run has not ended")
	case err != nil:
		return refuse(err)
	case !same && other:
		return v.otherRules(dir, rep)
	case !same:
		return refuse(fmt.Errorf("%s is not what follows from the lines", record.Path(dir, report.FileName)))
	}
	return v
}

// otherRules compares only what the reports conclude: the one in the folder was written by another program.
func (v Verified) otherRules(dir string, now *verdict.Judgement) Verified {
	then, err := report.Read(record.Path(dir, report.FileName))
	switch {
	case err != nil:
		v.Faults = append(v.Faults, err.Error())
	case then.Verdict.Outcome != now.Verdict.Outcome:
		v.Faults = append(v.Faults, fmt.Sprintf("%s says %s; the rules of now, which are others, say %s", record.Path(dir, report.FileName), then.Verdict.Outcome, now.Verdict.Outcome))
	default:
		v.Notes = append(v.Notes, fmt.Sprintf("%s was written with other rules or statistics; those of now come to the same verdict", report.FileName))
	}
	return v
}

package harness

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sparkharness/harness/disk"
	"sparkharness/harness/evidence"
	"sparkharness/harness/record"
	"sparkharness/harness/report"
	"sparkharness/harness/runner"
	"sparkharness/harness/sheet"
	"sparkharness/harness/verdict"
	"sparkharness/harness/vouch"
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
	acrossRuns(list)
	if o.VerifyResults == "" {
		return
	}
	b, err := json.MarshalIndent(list, "", "  ")
	if err == nil {
		err = disk.ReplaceOrWrite(o.VerifyResults, append(b, '\n'))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// acrossRuns notes pages and summaries beside the runs that do not follow from their reports, with the first run of each folder. It is
// no fault of a run: a run that ended since has changed them, too.
func acrossRuns(list []Verified) {
	seen := map[string]bool{}
	for i := range list {
		folder := filepath.Dir(list[i].Dir)
		if seen[folder] {
			continue
		}
		seen[folder] = true
		names, err := report.NotFollowing(folder)
		if err != nil {
			list[i].note("the files over all runs were not looked over: %v", err)
		}
		for _, name := range names {
			list[i].note("%s beside the runs does not follow from their reports: it was edited, another program rendered it, or runs came or went since. "+
				"Do not go by it", name)
		}
	}
}

// VerifyFolder looks over one run's folder.
func VerifyFolder(all []Hypothesis, dir string) Verified {
	v := Verified{Dir: dir, Faults: []string{}, Notes: []string{}}
	v.fault(runner.Catch(func() error { return v.lookOver(all) })) // one that breaks a rule hides no other
	return v
}

// fault takes what is wrong, an element for each line.
func (v *Verified) fault(err error) {
	if err != nil {
		v.Faults = append(v.Faults, strings.Split(err.Error(), "\n")...)
	}
}

func (v *Verified) note(format string, args ...any) {
	v.Notes = append(v.Notes, fmt.Sprintf(format, args...))
}

func (v *Verified) lookOver(all []Hypothesis) error {
	p, err := record.ReadPlan(v.Dir)
	if err != nil {
		return err
	}
	v.RunID, v.Hypothesis, v.Planned = p.RunID, p.Hypothesis, len(p.Cells)
	i := slices.IndexFunc(all, func(h Hypothesis) bool { return h.ID == p.Hypothesis })
	if i < 0 {
		return fmt.Errorf("%s: no rule here judges a run of %q", record.Path(v.Dir, record.FilePlan), p.Hypothesis)
	}
	notes, err := vouch.Strangers(v.Dir)
	v.Notes = append(v.Notes, notes...)
	v.fault(err)
	ev, err := evidence.Load(v.Dir, nil)
	if err != nil {
		return err
	}
	run, err := record.ReadRun(v.Dir)
	if err != nil {
		return err
	}
	v.fault(vouch.RightlyAside(v.Dir, ev))
	for _, why := range vouch.KeptVoid(ev) {
		v.note("%s; it was kept", why)
	}
	rep, found := verdict.Judge(all[i], ev)
	v.Outcome, v.Measured, v.Notes = string(rep.Verdict.Outcome), len(ev.Cells), append(v.Notes, ev.Notes...)
	v.Notes = append(v.Notes, vouch.Unfinished(v.Dir, ev)...)
	if name := runName(v.Dir); name != p.RunID {
		v.note("the folder of run %s is named %s: it is a copy, or was renamed", p.RunID, name)
	}
	v.fault(run.Manifest())
	same, err := report.Same(v.Dir, rep)
	gone := errors.Is(err, fs.ErrNotExist)
	v.fault(v.ending(run, rep, gone))
	switch {
	case gone:
		v.Notes = append(v.Notes, vouch.Unread(v.Dir, "there is no report that they follow from")...)
		return nil
	case err != nil:
		return err
	case p.Program.Judges != session.program.Judges && !same:
		return v.otherRules(rep)
	case !same:
		return fmt.Errorf("%s is not what follows from the lines", record.Path(v.Dir, report.FileName))
	case p.Program.Judges != session.program.Judges:
		v.Notes = append(v.Notes, vouch.Unread(v.Dir, otherProgram)...)
		return nil
	}
	return v.rendered(rep, found)
}

// otherProgram is why renderings are not compared: those of another program may differ from ours of the same report.
const otherProgram = "another program rendered them"

// runName is the id of the run that a folder is named after: those that were set aside have suffixes.
func runName(dir string) string {
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	return strings.TrimSuffix(strings.TrimSuffix(filepath.Base(dir), ".prev"), ".incomplete")
}

// ending holds what the log says of the end against the report, which stands or falls with it.
func (v *Verified) ending(run *record.Run, rep *verdict.Judgement, gone bool) error {
	if !run.Sealed() {
		if gone {
			v.note("it has no %s", report.FileName)
		}
		return nil
	}
	log := record.Path(v.Dir, record.FileAttempts)
	last, whole := run.Last()
	odd := ""
	switch {
	case !whole:
		odd = log + ": its last line is not whole"
	case last.Event != record.EventEnd:
		odd = log + " does not say how the last execution ended"
	case gone && last.Concluded():
		return fmt.Errorf("%s: it is gone; %s says that the run came to its end", record.Path(v.Dir, report.FileName), record.FileAttempts)
	case !gone && !rep.Interrupted && !run.Ended():
		odd = log + " says that no execution came to its end"
	}
	switch {
	case gone:
		v.note("it has no %s: the run has not ended", report.FileName)
	case odd != "":
		return fmt.Errorf("%s, and there is a %s (-resume brings a run that was killed to its end)", odd, report.FileName)
	}
	if odd != "" {
		v.note("%s", odd)
	}
	return nil
}

// rendered compares what people read with what follows from the lines.
func (v *Verified) rendered(rep *verdict.Judgement, found verdict.Conclusion) error {
	files, err := report.Renderings(rep)
	if err != nil {
		return err
	}
	uwork, err := verdict.EncodeUWork(found.UWork)
	if err != nil {
		return err
	}
	path := record.Path(v.Dir, verdict.FileUWork)
	if uwork != nil {
		files = append(files, report.Rendering{Name: verdict.FileUWork, Data: uwork})
	} else if _, err := os.Lstat(path); err == nil {
		v.fault(fmt.Errorf("%s does not follow from the lines, in which no usable concurrency was found", path))
	}
	if _, err := os.Lstat(record.Path(v.Dir, report.IOName)); err == nil { // earlier versions wrote none
		text, err := sheet.Text(v.Dir)
		if err != nil {
			return err
		}
		files = append(files, report.Rendering{Name: report.IOName, Data: text})
	}
	strays, err := report.Compare(v.Dir, files)
	for _, path := range strays {
		v.note("%s is no figure of this verdict; other rules may have drawn it", path)
	}
	return err
}

// otherRules compares only what the reports conclude: the one in the folder was written by another program.
func (v *Verified) otherRules(now *verdict.Judgement) error {
	path := record.Path(v.Dir, report.FileName)
	then, err := report.Read(path)
	if err != nil {
		return err
	}
	if then.Verdict.Outcome != now.Verdict.Outcome {
		return fmt.Errorf("%s says %s; the rules of now, which are others, say %s", path, then.Verdict.Outcome, now.Verdict.Outcome)
	}
	v.Notes = append(v.Notes, vouch.Unread(v.Dir, otherProgram)...)
	v.note("%s was written with other rules or statistics; those of now come to the same verdict", report.FileName)
	return nil
}

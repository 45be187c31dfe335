package serverrig

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"sparkharness/harness/doctor"
)

// unnamed are checks that ask for what nobody can name before the servers run, or that the program's own flags say.
var unnamed = []string{"go-test-timeout"}

// pageCache is the check by which a server may find too little free memory at its start.
const pageCache = "page-cache"

// lookOver refuses a machine that lacks what the hypothesis needs, with what to do about each; what cannot be told is a warning.
// Servers are looked at when they have been started.
func (r *Launching) lookOver(ctx context.Context) error {
	if r.o.SkipDoctor {
		return nil
	}
	n := doctor.Needs{Machine: r.o.Machine, Dir: r.dir(), Results: r.o.Results, Adapters: r.adapters.wanted}
	if id := r.exp.Hypothesis.Hypothesis; slices.Contains(doctor.AllHypotheses, id) {
		n.Hypotheses = []string{id}
	}
	fmt.Fprintf(r.out, "looking whether this machine has what %s needs\n", r.exp.Hypothesis.Hypothesis)
	var lacking []string
	for _, f := range doctor.Run(ctx, n) {
		text := fmt.Sprintf("%s: %s: %s", f.ID, f.Seen, f.Fix)
		switch {
		case f.Class == doctor.Server, slices.Contains(unnamed, f.ID):
		case f.Fatal():
			lacking = append(lacking, text)
		case f.ID == pageCache && f.Status == doctor.Warning: // the servers are started next
			fmt.Fprintf(r.out, "warning: %s\n", text)
		case f.Untold():
			fmt.Fprintf(r.out, "warning: not known: %s\n", text)
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(lacking) == 0 {
		return nil
	}
	return fmt.Errorf("this machine lacks what %s needs (-skip-doctor measures all the same):\n  %s", r.exp.Hypothesis.Hypothesis, strings.Join(lacking, "\n  "))
}

// dir is the folder on the drive that was named, "" where only the drive was.
func (r *Launching) dir() string {
	if r.device.drive == nil {
		return ""
	}
	return r.device.drive.Dir
}

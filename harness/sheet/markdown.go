package sheet

import (
	"fmt"
	"io"
	"strings"
)

// Text is the sheet of a run's folder, as the run keeps it in report.IOName: without notes, which are about the folder and where it
// lies today.
func Text(dir string) ([]byte, error) {
	r, err := Read(dir)
	if err != nil {
		return nil, err
	}
	r.Evidence.Notes = nil
	var b strings.Builder
	err = r.Markdown(&b, nil)
	return []byte(b.String()), err
}

// Markdown writes the sheet: configuration, I/O by phase, latencies, serving, endurance and the account of the drive's bytes.
// capacity is the drive's size in bytes where the run does not tell it; nil: nobody does.
func (r *Run) Markdown(w io.Writer, capacity *float64) error {
	var b strings.Builder
	plan := r.Evidence.Plan
	fmt.Fprintf(&b, "# Storage I/O of %s\n\n%s, %d of %d cells.", escaped(plan.RunID), escaped(plan.Hypothesis), len(r.Evidence.Cells), len(plan.Cells))
	if plan.Facts.Simulated {
		b.WriteString(" **Not all of it is measured on hardware:** " + escaped(plan.Facts.Origin) + ".")
	}
	if r.Verdict != "" {
		b.WriteString("\n\nVerdict of the run: " + escaped(r.Verdict))
	}
	fmt.Fprintf(&b, "\n\nA dash is not told; GiB are 2^30 bytes, GB 10^9.\n")
	for _, n := range r.Evidence.Notes {
		b.WriteString("\nNote: " + escaped(n) + "\n")
	}
	for _, s := range []struct {
		title string
		write func(*strings.Builder)
	}{
		{"Configuration", r.configuration},
		{"I/O by phase", func(b *strings.Builder) { r.traffic(b); r.fioLatencies(b) }},
		{"Latency of tier 2, measured load", func(b *strings.Builder) { r.latencies(b); r.split(b) }},
		{"Serving", r.serving},
		{"Endurance, measured load", func(b *strings.Builder) { r.endurance(b, capacity) }},
		{"Account of the drive's bytes", r.account},
	} {
		b.WriteString("\n## " + s.title + "\n\n")
		s.write(&b)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

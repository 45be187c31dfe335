package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
)

// print writes the table.
func (f *figures) print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	failed := 0
	var codes []string
	for _, rc := range slices.Sorted(maps.Keys(f.Failed)) {
		failed += f.Failed[rc]
		codes = append(codes, fmt.Sprintf("%d %s", f.Failed[rc], rc))
	}
	fmt.Fprintf(w, "\nrequests measured\t%d: %d ok, %d failed", f.Measured, f.OK, failed)
	if failed > 0 {
		fmt.Fprintf(w, " (%s)", strings.Join(codes, ", "))
	}
	if f.Cancelled > 0 {
		fmt.Fprintf(w, ", %d cancelled", f.Cancelled)
	}
	if f.Early > 0 {
		fmt.Fprintf(w, "; %d ended before --output", f.Early)
	}
	fmt.Fprintf(w, "\nmeasured for, s\t%s\n", figure(f.SpanS, "%.1f"))
	fmt.Fprintf(w, "requests answered, /s\t%s\n", figure(f.RPS, "%.4g"))
	fmt.Fprintf(w, "output tokens, /s\t%s\n", figure(f.OutputTokensPS, "%.4g"))
	fmt.Fprintf(w, "prompt tokens, mean\t%s\n", figure(f.PromptTokens, "%.1f"))
	fmt.Fprintf(w, "cached prompt tokens, %%\t%s\n", figure(scaled(f.CachedShare, 100), "%.1f"))
	if x := f.TokensPerChunk; x != nil && (*x < 0.995 || *x > 1.005) {
		fmt.Fprintf(w, "tokens a chunk\t%.2f\n", *x)
	}
	fmt.Fprint(w, "\nlatency, ms\tn\tp50\tp95\tp99\tmax\n")
	for _, row := range []struct {
		name string
		latency
		always bool
	}{
		{"TTFT", f.TTFT, true}, {"TPOT", f.TPOT, true}, {"ITL", f.ITL, false}, {"chunk gap", f.ChunkGap, false}, {"E2E", f.E2E, true},
	} {
		if row.always || row.N > 0 {
			row.print(w, row.name)
		}
	}
	fmt.Fprint(w, "\nthe client's own, ms\tn\tp50\tp95\tp99\tmax\n")
	f.SendLag.print(w, "send lag")
	f.ProcessorWait.print(w, "wait for a processor")
	if err := w.Flush(); err != nil {
		return err
	}
	f.remarks(out, failed)
	return nil
}

// mostZeroGaps is the share of gaps of 0 from which on percentiles of gaps need a remark: fewer leave the median and p95 where
// they are.
const mostZeroGaps = 0.02

// remarks say what the figures cannot be taken for; failed are the requests that did.
func (f *figures) remarks(out io.Writer, failed int) {
	if f.ClientLate {
		fmt.Fprintf(out, "\nWARNING: the client was the bottleneck, in part. Of its own delays no p99 may be above %.3g ms, the larger of 1 ms and 1 %% of p50 TTFT:\n",
			*f.ClientLateLimit)
		if above(f.SendLag.P99, *f.ClientLateLimit) {
			meant := "latencies count from when requests were due, and hold it"
			if f.Closed {
				meant = "users sent later than they were due, and less"
			}
			fmt.Fprintf(out, "  send lag %.3g ms: %s\n", *f.SendLag.P99, meant)
		}
		if above(f.ProcessorWait.P99, *f.ClientLateLimit) {
			fmt.Fprintf(out, "  wait for a processor %.3g ms: what came was seen that much later\n", *f.ProcessorWait.P99)
		}
		fmt.Fprintln(out, "Run it on an idle machine, with more processors, or with less load.")
	}
	if failed > 0 && f.OK > 0 && f.WhyFailed != nil {
		fmt.Fprintf(out, "\n%d of %d measured requests failed, the first: %s (--lines FILE has the others' reasons, --max-failed 0 makes it the exit status)\n",
			failed, f.Measured, *f.WhyFailed)
	}
	switch {
	case f.ZeroGaps != nil && *f.ZeroGaps == 1:
		fmt.Fprintf(out, "\nEvery answer came whole, in one read: TTFT is E2E, and neither TPOT nor ITL tells how fast tokens are made. "+
			"Look for what keeps the stream back, such as a proxy that buffers, or a server that does not stream.\n")
	case above(f.ZeroGaps, mostZeroGaps):
		fmt.Fprintf(out, "\n%.0f %% of the gaps between chunks are 0: so many came in one read with the chunk before. ITL and chunk gaps are of how chunks arrive; "+
			"how fast tokens are made is TPOT, which goes by the first chunk and the last.\n", 100**f.ZeroGaps)
	}
	if f.Answered != nil && *f.Answered == 0 && f.OK > 0 {
		fmt.Fprintf(out, "\nNo answer ended in the time that was measured, so that there are no rates: measure for longer than an answer takes (--duration).\n")
	}
	if n := f.TTFT.N; n > 0 && n < 100 {
		fmt.Fprintf(out, "\np99 of %d requests is nearly the largest: it takes some hundreds to tell (--duration, --requests).\n", n)
	}
}

func (l latency) print(w io.Writer, name string) {
	fmt.Fprintf(w, "%s\t%d", name, l.N)
	for _, q := range []struct {
		name string
		x    *float64
	}{{"p50", l.P50}, {"p95", l.P95}, {"p99", l.P99}, {"max", l.Max}} {
		text := figure(q.x, "%.2f")
		if slices.Contains(l.Bounds, q.name) {
			text = ">" + text
		}
		fmt.Fprintf(w, "\t%s", text)
	}
	fmt.Fprintln(w)
}

// figure is the number, or a dash for none.
func figure(x *float64, format string) string {
	if x == nil {
		return "-"
	}
	return fmt.Sprintf(format, *x)
}

func scaled(x *float64, by float64) *float64 {
	if x == nil {
		return nil
	}
	y := *x * by
	return &y
}

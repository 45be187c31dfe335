package main

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"text/tabwriter"

	"sparkharness/harness/record"
	"sparkharness/harness/stats"
	"sparkharness/harness/trace"
)

// tally sums a load up while it goes on. Safe for concurrent use.
type tally struct {
	mu      sync.Mutex
	asked   int            // requests of a trace that is replayed whole
	seen    map[int64]bool // blocks of the requests offered so far
	offered []int          // prompt tokens of each request that stand in a prefix that came before

	began                int // requests that were sent
	done, warmed         int // requests that ended, and those of them in the warm-up
	ok, failed, timeouts int // measured, as all below
	cancelled            int
	why                  string      // error of the first that failed
	ttft, e2e            []stats.Obs // ms
	from, to             float64     // the first due and the last end, Unix seconds
	output               int         // tokens of complete answers, as the server counted
	// Over the answers whose server reported cached tokens; reported is how many those are.
	reported, prompt, reusable, cached int
	loadTally
}

// offer notes what of a request's prompt came before; requests come in the order of the trace.
func (t *tally) offer(r trace.Request) {
	t.mu.Lock()
	defer t.mu.Unlock()
	tokens := 0
	for i, id := range r.Blocks {
		if !t.seen[id] {
			break
		}
		tokens += r.Tokens(i)
	}
	for _, id := range r.Blocks {
		t.seen[id] = true
	}
	t.offered = append(t.offered, tokens)
}

// add counts a request that has ended.
func (t *tally) add(r *record.Request) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.done++
	t.loadTally.end(r)
	if r.Phase != record.PhaseMeasure {
		t.warmed++
		return
	}
	t.loadTally.add(r)
	switch r.RC {
	case record.RCOK:
		t.ok++
		if r.OutputTokens != nil {
			t.output += *r.OutputTokens
		}
	case record.RCTimeout:
		t.timeouts++
	case record.RCCancelled:
		t.cancelled++
	default:
		t.failed++
	}
	if r.Error != nil && t.why == "" && r.RC != record.RCCancelled {
		t.why = *r.Error
	}
	if ms, censored, ok := r.Latency(); ok {
		t.ttft = append(t.ttft, stats.Obs{V: ms, Censored: censored})
	}
	if t.from == 0 || r.IntendedTS < t.from {
		t.from = r.IntendedTS
	}
	if r.E2Ems != nil {
		t.e2e = append(t.e2e, stats.Obs{V: *r.E2Ems, Censored: r.Censored})
		t.to = max(t.to, r.IntendedTS+*r.E2Ems/1e3)
	}
	if r.PromptTokens != nil && r.CachedTokens != nil {
		t.reported++
		t.prompt += *r.PromptTokens
		t.cached += *r.CachedTokens
		if r.User < len(t.offered) {
			t.reusable += t.offered[r.User]
		}
	}
}

// progress is how far the replay is.
func (t *tally) progress() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return fmt.Sprintf("%d of %d requests ended, %d failed, %d timed out", t.done, t.asked, t.failed, t.timeouts)
}

// judge is an error of type tooManyFailed if more than the share most of the measured requests failed; a time limit is
// a failure. nil stands for any share but all. lines is the file of the raw lines.
func (t *tally) judge(most *float64, lines string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	failed := t.failed + t.timeouts
	ended := t.ok + failed
	if most == nil && (t.ok > 0 || ended == 0) || most != nil && float64(failed) <= *most*float64(ended) {
		return nil
	}
	return tooManyFailed{failed, ended, most, t.why, lines}
}

// print writes the table. The percentiles take a request that timed out as at least its time limit, and
// ">" marks one that is a lower bound.
func (t *tally) print(out io.Writer) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "\nrequests\t%d of %d", t.done, t.asked)
	if t.warmed > 0 {
		fmt.Fprintf(w, ", %d of them in the warm-up", t.warmed)
	}
	fmt.Fprintf(w, "\nmeasured\t%d: %d ok, %d failed, %d timed out", t.done-t.warmed, t.ok, t.failed, t.timeouts)
	if t.cancelled > 0 {
		fmt.Fprintf(w, ", %d cancelled", t.cancelled)
	}
	requests, tokens := "-", "-"
	if s := t.to - t.from; s > 0 && len(t.e2e) > 0 {
		requests, tokens = fmt.Sprintf("%.3g /s", float64(t.ok)/s), fmt.Sprintf("%.4g /s", float64(t.output)/s)
	}
	fmt.Fprintf(w, "\nanswered\t%s\noutput tokens\t%s\n", requests, tokens)
	if t.reported > 0 {
		fmt.Fprintf(w, "prompt tokens\t%d in %d answers that say what was cached\n", t.prompt, t.reported)
		fmt.Fprintf(w, "reusable\t%d (%.1f %%) by the trace\n", t.reusable, percent(t.reusable, t.prompt))
		fmt.Fprintf(w, "cached\t%d (%.1f %%) by the server\n", t.cached, percent(t.cached, t.prompt))
	} else {
		fmt.Fprintln(w, "cached\t- (no answer says what was cached)")
	}
	fmt.Fprint(w, "\nlatency, ms\tn\tp50\tp95\tp99\n")
	var errs []error
	for _, l := range []struct {
		name string
		obs  []stats.Obs
	}{{"TTFT", t.ttft}, {"E2E", t.e2e}} {
		fmt.Fprintf(w, "%s\t%d", l.name, len(l.obs))
		for _, p := range []float64{0.5, 0.95, 0.99} {
			text, err := percentile(l.obs, p)
			errs = append(errs, err)
			fmt.Fprintf(w, "\t%s", text)
		}
		fmt.Fprintln(w)
	}
	return errors.Join(append(errs, w.Flush())...)
}

// percentile is the p-quantile in ms, or a dash for no observations.
func percentile(obs []stats.Obs, p float64) (string, error) {
	if len(obs) == 0 {
		return "-", nil
	}
	q, err := stats.EstimatePercentile(obs, p, 0.95)
	if err != nil {
		return "", err
	}
	text := fmt.Sprintf("%.1f", q.Value)
	if q.AtLeast {
		text = ">" + text
	}
	return text, nil
}

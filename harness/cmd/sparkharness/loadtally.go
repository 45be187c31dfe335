package main

import (
	"fmt"
	"time"

	"sparkharness/harness/record"
	"sparkharness/harness/stats"
)

// loadTally is what the tally of a load has beside that of a replay. Its fields are guarded by the tally's mutex.
type loadTally struct {
	phase   string
	entered time.Time // the phase
	// Ends of complete answers of all phases, with the tokens that the server counted in them.
	answers []answerEnd
	last    float64        // the last measured end, Unix seconds; 0 for none
	rcs     map[string]int // measured requests that failed, by result code
	early   int            // complete answers shorter than what was asked for
	tpot    []stats.Obs    // ms, of complete answers
	lag     []stats.Obs    // ms
	live    record.GapHist // TTFT so far, to within 1 %
	// Over the measured requests of which the server said how long the prompt was.
	prompts, promptTokens int
	// Over the measured requests of which the server counted the output.
	tokens, chunks float64
}

// answerEnd is when a complete answer ended, Unix seconds.
type answerEnd struct {
	at      float64
	tokens  int
	counted bool
}

// enter notes that a phase begins.
func (t *tally) enter(phase string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.phase, t.entered = phase, time.Now()
}

// begin notes that a request is sent.
func (t *tally) begin() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.began++
}

// end notes when a request of any phase has ended.
func (t *loadTally) end(r *record.Request) {
	if r.E2Ems == nil {
		return
	}
	from := r.IntendedTS
	if r.Concurrency > 0 {
		from = r.TS // users wait for their answers, and their latency counts from the sending
	}
	at := from + *r.E2Ems/1e3
	if r.Phase == record.PhaseMeasure {
		t.last = max(t.last, at)
	}
	if r.RC != record.RCOK {
		return
	}
	e := answerEnd{at: at}
	if r.OutputTokens != nil {
		e.tokens, e.counted = *r.OutputTokens, true
	}
	t.answers = append(t.answers, e)
}

// add counts a measured request.
func (t *loadTally) add(r *record.Request) {
	switch r.RC {
	case record.RCOK:
		if r.OutputTokens != nil && *r.OutputTokens < r.AskedTokens {
			t.early++
		}
		if r.ITLmeanMS != nil {
			t.tpot = append(t.tpot, stats.Obs{V: *r.ITLmeanMS})
		}
	case record.RCCancelled:
	default:
		if t.rcs == nil {
			t.rcs = map[string]int{}
		}
		t.rcs[r.RC]++
	}
	t.lag = append(t.lag, stats.Obs{V: r.SendLagMS})
	if ms, _, ok := r.Latency(); ok {
		t.live.Add(time.Duration(ms * 1e6))
	}
	if r.PromptTokens != nil {
		t.prompts++
		t.promptTokens += *r.PromptTokens
	}
	if r.OutputTokens != nil && r.TokensPerChunk != nil && *r.TokensPerChunk > 0 {
		t.tokens += float64(*r.OutputTokens)
		t.chunks += float64(*r.OutputTokens) / *r.TokensPerChunk
	}
}

// soFar is the line of how far the load is. Its rate and its TTFT are of the phase and of the measured requests.
func (t *tally) soFar() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	done, failed := t.done-t.warmed, t.failed+t.timeouts
	if t.phase == record.PhaseWarmup {
		return fmt.Sprintf("warm-up  %d done, %d in flight", t.done, t.began-t.done)
	}
	rate := "-"
	if s := time.Since(t.entered).Seconds(); t.phase == record.PhaseMeasure && s > 0 {
		rate = fmt.Sprintf("%.3g", float64(done)/s)
	}
	ttft := func(q float64) string {
		if gap, ok := t.live.Quantile(q); ok {
			return fmt.Sprintf("%.1f", gap.Seconds()*1e3)
		}
		return "-"
	}
	return fmt.Sprintf("%s  %d done, %d in flight, %d failed, %s req/s, TTFT p50 %s ms, p95 %s ms",
		t.phase, done, t.began-t.done, failed, rate, ttft(0.5), ttft(0.95))
}

package evidence

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"sparkharness/harness/record"
)

// Request is a request of the measure phase.
type Request struct {
	At       float64 // intended send, s after the start of the measure phase
	TTFT     float64 // ms; a lower bound if Censored
	HasTTFT  bool
	Censored bool
	E2E      float64 // ms; a lower bound of a request that timed out
	HasE2E   bool
	RC       string
	WaitMS   *float64 // arrival to first scheduling, as the server tells it
	Nominal  int      // prompt tokens that the load meant to send
	Prompt   *int
	Cached   *int
	Reusable *int // prompt tokens with which an earlier prompt of the session began
	Session  *int
	Output   int
	Adapter  string // "" for the base model
	// FirstTouch marks the first request of the measure phase that names its adapter.
	FirstTouch bool
	LagMS      float64
	ITLMaxMS   *float64
}

// loadRequests reads metrics.jsonl and joins the server's own timing, where it came separately.
func (c *Cell) loadRequests(folder, runID string) error {
	waits := map[string]*float64{}
	if _, err := os.Stat(filepath.Join(folder, record.FilePerf)); err == nil {
		if err := record.ReadComplete(filepath.Join(folder, record.FilePerf), func(p *record.PerfLine) error {
			waits[p.RequestID] = p.WaitMS
			return nil
		}); err != nil {
			return err
		}
	}
	start := 0.0
	if c.Info.Load.MeasureStart != nil {
		start = *c.Info.Load.MeasureStart
	}
	var keys []requestKey
	var answered Answered
	err := record.ReadComplete(filepath.Join(folder, record.FileMetrics), func(r *record.Request) error {
		if r.RunID != runID {
			return fmt.Errorf("a request of run %q, not of %s", r.RunID, runID)
		}
		if r.Session != nil && r.Reusable != nil {
			if c.Carried == nil {
				c.Carried = map[int]int{}
			}
			c.Carried[*r.Session] = max(c.Carried[*r.Session], *r.Reusable)
		}
		c.window(r, start)
		if r.Phase != record.PhaseMeasure {
			return nil
		}
		if r.SentAgain {
			c.SentAgain++
		}
		answered.add(r)
		d := Request{At: r.IntendedTS - start, RC: r.RC, WaitMS: r.ServerWaitMS, Nominal: r.ContextTokens, Prompt: r.PromptTokens,
			Cached: r.CachedTokens, Reusable: r.Reusable, Session: r.Session, LagMS: r.SendLagMS, ITLMaxMS: r.ITLmaxMS}
		if r.Adapter != nil {
			d.Adapter = *r.Adapter
		}
		d.TTFT, d.Censored, d.HasTTFT = r.Latency()
		if r.RC != record.RCOK && r.RC != record.RCTimeout {
			d.HasTTFT = false // a failed request says nothing about latency; it is counted as failed
		}
		if r.E2Ems != nil {
			d.E2E, d.HasE2E = *r.E2Ems, r.RC == record.RCOK || r.RC == record.RCTimeout
		}
		if r.OutputTokens != nil {
			d.Output = *r.OutputTokens
		}
		if w, ok := waits[requestID(r)]; ok && d.WaitMS == nil {
			d.WaitMS = w
		}
		keys = append(keys, requestKey{r.IntendedTS, r.User, r.Seq, len(c.Requests)})
		c.Requests = append(c.Requests, d)
		return nil
	})
	if err != nil {
		return err
	}
	if answered.Answers > 0 {
		c.Answered = &answered
	}
	c.inOrder(keys)
	return nil
}

// requestKey is what requests are ordered by: lines stand in a file in the order of their ends.
type requestKey struct {
	ts        float64
	user, seq int
	at        int // in Cell.Requests
}

// inOrder sorts the requests by intended send and marks the first of each adapter.
func (c *Cell) inOrder(keys []requestKey) {
	slices.SortFunc(keys, func(a, b requestKey) int {
		return cmp.Or(cmp.Compare(a.ts, b.ts), cmp.Compare(a.user, b.user), cmp.Compare(a.seq, b.seq))
	})
	sorted := make([]Request, len(keys))
	touched := map[string]bool{}
	for i, k := range keys {
		sorted[i] = c.Requests[k.at]
		if a := sorted[i].Adapter; a != "" && !touched[a] {
			touched[a], sorted[i].FirstTouch = true, true
		}
	}
	c.Requests = sorted
}

// window puts a request into the window in which its first token came, or in which it timed out without
// one. Requests of the warm-up count too: what they waited for is still the machine of the window.
func (c *Cell) window(r *record.Request, start float64) {
	ms, censored, ok := r.Latency()
	if !ok || r.RC != record.RCOK && r.RC != record.RCTimeout {
		return
	}
	// TTFT counts from the intended send in an open loop and from the actual one in a closed loop, where
	// the two are the same but for the lag.
	if w := windowAt(c.Windows, r.IntendedTS-start+ms/1000); w != nil {
		if censored {
			w.Censored++
			return
		}
		w.TTFT = append(w.TTFT, ms)
	}
}

// requestID is the id that the load generator sends with a request.
func requestID(r *record.Request) string { return fmt.Sprintf("u%d-q%d", r.User, r.Seq) }

package harness

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"

	"sparkharness/harness/config"
	"sparkharness/harness/record"
	"sparkharness/harness/report"
	"sparkharness/harness/stats"
)

// Evidence is everything that a run left on disk, reduced to what decision rules ask of it.
type Evidence struct {
	Exp   *Experiment
	Plan  *Plan
	Cells []*CellData // the complete ones, in the order of the plan

	rows map[string]report.Row
}

// CellData is one measured cell.
type CellData struct {
	PlannedCell
	Info     CellInfo
	Requests []RequestData // due in the measure phase, in order of intended send
	// Carried is, for each session, the longest prefix that two of its prompts began with since the cell's
	// start, in tokens; nil where the workload has no sessions.
	Carried map[int]int
	Sys     SysData
	KV      *KVData  // nil where the stack has no KV manager
	Windows []Window // of the measure phase; nil where the configuration asks for none
}

// RequestData is a request of the measure phase.
type RequestData struct {
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

// Threshold is a number of the decision rule.
func (ev *Evidence) Threshold(name string) float64 { return ev.Exp.threshold(name) }

// confidence of every interval and bound.
const confidence = 0.95

// TTFT are the cell's values on its own measure clock.
func (c *CellData) TTFT() stats.Rep {
	var out stats.Rep
	for i := range c.Requests {
		if r := &c.Requests[i]; r.HasTTFT {
			out = append(out, stats.Point{T: r.At, V: r.TTFT, Censored: r.Censored})
		}
	}
	return out
}

// Seconds is the length of the measure phase.
func (c *CellData) Seconds() float64 {
	if c.Info.Load.MeasureStart == nil || c.Info.Load.MeasureEnd == nil {
		return 0
	}
	return *c.Info.Load.MeasureEnd - *c.Info.Load.MeasureStart
}

// RPS is the rate of requests that were due in the measure phase and were answered in full.
func (c *CellData) RPS() float64 {
	n := 0
	for i := range c.Requests {
		if c.Requests[i].RC == record.RCOK {
			n++
		}
	}
	return float64(n) / c.Seconds()
}

// loadEvidence reads a run's folder. Cells that were not completed are left out; those of known, which
// were read before, are not read again.
func loadEvidence(dir string, known *Evidence) (*Evidence, error) {
	exp, err := readExperiment(filepath.Join(dir, "config.yaml"))
	if err != nil {
		return nil, err
	}
	plan, err := readPlan(filepath.Join(dir, "plan.json"))
	if err != nil {
		return nil, err
	}
	cells := make([]*CellData, len(plan.Cells))
	before := map[string]*CellData{}
	if known != nil {
		for _, c := range known.Cells {
			before[c.Key] = c
		}
	}
	errs := make([]error, len(plan.Cells))
	var wg sync.WaitGroup
	next := make(chan int)
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for i := range next {
				folder := filepath.Join(dir, "cells", plan.Cells[i].Cell.Folder())
				cells[i], errs[i] = loadCell(plan.Cells[i], folder, exp.Hypothesis.Windows)
			}
		})
	}
	for i := range plan.Cells {
		if cells[i] = before[plan.Cells[i].Key]; cells[i] == nil {
			next <- i
		}
	}
	close(next)
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	ev := &Evidence{Exp: exp, Plan: plan}
	for _, c := range cells {
		if c != nil {
			ev.Cells = append(ev.Cells, c)
		}
	}
	return ev, nil
}

// loadCell reads one cell's folder; nil if the cell is not complete.
func loadCell(pc PlannedCell, folder string, windows *config.Windows) (*CellData, error) {
	c, err := loadCellInfo(pc, folder)
	if c == nil || err != nil {
		return nil, err
	}
	c.Windows = newWindows(windows, c.Seconds())
	if err := c.loadRequests(folder); err != nil {
		return nil, err
	}
	if err := c.loadSys(filepath.Join(folder, fileSysmon)); err != nil {
		return nil, err
	}
	if c.Info.HasKV {
		if err := c.loadKV(filepath.Join(folder, fileDynKV)); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// loadCellInfo is loadCell without the lines.
func loadCellInfo(pc PlannedCell, folder string) (*CellData, error) {
	path := filepath.Join(folder, fileCell)
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	c := &CellData{PlannedCell: pc}
	if err := json.Unmarshal(b, &c.Info); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

// loadRequests reads metrics.jsonl and joins the server's own timing, where it came separately.
func (c *CellData) loadRequests(folder string) error {
	waits := map[string]*float64{}
	if _, err := os.Stat(filepath.Join(folder, filePerf)); err == nil {
		if _, err := record.Read(filepath.Join(folder, filePerf), func(p *record.PerfLine) error {
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
	_, err := record.Read(filepath.Join(folder, fileMetrics), func(r *record.Request) error {
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
		d := RequestData{At: r.IntendedTS - start, RC: r.RC, WaitMS: r.ServerWaitMS, Nominal: r.ContextTokens, Prompt: r.PromptTokens,
			Cached: r.CachedTokens, Reusable: r.Reusable, Session: r.Session, LagMS: r.SendLagMS, ITLMaxMS: r.ITLmaxMS}
		if r.Adapter != nil {
			d.Adapter = *r.Adapter
		}
		d.FirstTouch = r.FirstTouch != nil && *r.FirstTouch
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
		c.Requests = append(c.Requests, d)
		return nil
	})
	return err
}

// window puts a request into the window in which its first token came, or in which it timed out without
// one. Requests of the warm-up count too: what they waited for is still the machine of the window.
func (c *CellData) window(r *record.Request, start float64) {
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

package doctor

import (
	"context"
	"fmt"
	"sync"
	"time"
)

const (
	// loadFor is how long servers are asked for GPU clocks under load, by loadUsers at a time.
	loadFor   = 4 * time.Second
	loadUsers = 4
	loadEvery = 500 * time.Millisecond
)

// loadGPU is the state of the GPU under load, if one may be made and there is somebody to make it; else as it is.
func (v *visit) loadGPU() gpuState {
	st := v.gpu()
	if st.fault != "" || !v.n.Probe || len(v.n.Servers) == 0 {
		return st
	}
	return v.underLoad(st)
}

// loadIt is what to do about what only a load would show.
const loadIt = "look again with --probe and --url, or while a load runs"

func lookGPUClock(v *visit) seen {
	st := v.loaded()
	switch {
	case st.fault != "":
		return unknown("%s", st.fault)
	case st.Util == nil || st.SMClockMHz == nil:
		return unknown("nvidia-smi has [N/A] for utilization.gpu or clocks.sm")
	case *st.Util <= busyPercent && v.n.Probe:
		return unknown("busy %.0f %% is no load", *st.Util).
			do("name servers that use this GPU; older drivers show 0 whatever it does: update, then look again")
	case *st.Util <= busyPercent:
		return unknown("busy %.0f %%: %s", *st.Util, underLoad).do(loadIt)
	}
	said := fmt.Sprintf("SM clock %.0f MHz at %.0f %% busy", *st.SMClockMHz, *st.Util)
	if st.PowerW != nil {
		said += fmt.Sprintf(", %.0f W", *st.PowerW)
	}
	if *st.SMClockMHz < throttledMHz {
		return missing("%s: below %d", said, throttledMHz).with(*st.SMClockMHz, "MHz")
	}
	return ok("%s", said).with(*st.SMClockMHz, "MHz")
}

// underLoad asks the servers for long answers and returns the slowest clock that was seen with the GPU busy; where it was never
// busy, the busiest state.
func (v *visit) underLoad(idle gpuState) gpuState {
	ctx, cancel := context.WithTimeout(v.ctx, loadFor+loadEvery)
	var asking sync.WaitGroup
	now := v.m.Now()
	for i := range v.n.Servers {
		facts := v.facts[v.n.Servers[i].Stack]()
		if facts.model == "" {
			continue
		}
		for user := range loadUsers {
			asking.Go(func() {
				for n := 0; ctx.Err() == nil; n++ {
					if _, err := ask(ctx, &v.n.Servers[i], facts.model, document(now, 100*user+n, 512), 64); err != nil {
						return
					}
				}
			})
		}
	}
	defer asking.Wait()
	defer cancel()
	best := idle
	for at := time.Duration(0); at < loadFor; at += loadEvery {
		if v.m.Sleep(ctx, loadEvery) != nil {
			break
		}
		st := v.askGPU()
		if st.fault != "" || st.Util == nil || st.SMClockMHz == nil {
			continue
		}
		busy := func(s gpuState) bool { return s.Util != nil && *s.Util > busyPercent }
		slower := best.SMClockMHz == nil || *st.SMClockMHz < *best.SMClockMHz
		if busy(st) && (!busy(best) || slower) || !busy(best) && (best.Util == nil || *st.Util > *best.Util) {
			best = st
		}
	}
	return best
}

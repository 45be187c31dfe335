package harness

import (
	"fmt"
	"os"

	"sparkharness/harness/record"
	"sparkharness/harness/report"
	"sparkharness/harness/stats"
	"sparkharness/harness/verdict"
)

// markFirstTouches sets first_touch on the lines of a sorted metrics.jsonl that name an adapter: true on
// the first request of the measure phase for each adapter, false on the others.
func markFirstTouches(path string) error {
	var out []byte
	touched := map[string]bool{}
	torn, err := record.Read(path, func(r *record.Request) (err error) {
		if r.Adapter != nil && r.Phase == record.PhaseMeasure {
			first := !touched[*r.Adapter]
			touched[*r.Adapter] = true
			r.FirstTouch = &first
		}
		out, err = record.AppendLine(out, r)
		return err
	})
	if err != nil {
		return err
	}
	if torn {
		return fmt.Errorf("%s: the last line is cut off; measure the cell again", path)
	}
	tmp := path + ".marked"
	if err := os.WriteFile(tmp, out, 0o644); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}

// FirstTouches are the TTFT of the first request for each adapter.
func (g *Group) FirstTouches() []stats.Rep { return g.touches(true) }

// LaterTouches are the TTFT of all other requests.
func (g *Group) LaterTouches() []stats.Rep { return g.touches(false) }

func (g *Group) touches(first bool) []stats.Rep {
	out := make([]stats.Rep, 0, len(g.Cells))
	for _, c := range g.Cells {
		var rep stats.Rep
		for i := range c.Requests {
			if r := &c.Requests[i]; r.HasTTFT && r.FirstTouch == first {
				rep = append(rep, stats.Point{T: r.At, V: r.TTFT, Censored: r.Censored})
			}
		}
		out = append(out, rep)
	}
	return out
}

// adapterColumns fills the adapters' part of a row.
func (ev *Evidence) adapterColumns(g *Group, r *report.Row) {
	if len(ev.Exp.Adapters) == 0 {
		return
	}
	var later []stats.Obs
	n, total, read, known := 0, 0.0, 0.0, true
	for _, c := range g.Cells {
		for i := range c.Requests {
			q := &c.Requests[i]
			switch {
			case !q.HasTTFT:
			case q.FirstTouch:
				n++
				total += q.TTFT
			default:
				later = append(later, stats.Obs{V: q.TTFT, Censored: q.Censored})
			}
		}
		known = known && c.Sys.SinceTreatment.NVMeSeconds > 0
		read += c.Sys.SinceTreatment.ReadBytes / 1e9
	}
	r.FirstTouchN = &n
	if n > 0 {
		mean := total / float64(n)
		r.FirstTouchMS = &mean
	}
	r.LaterP99 = latency(later).P99
	if known {
		r.NVMeReadGB = &read
	}
}

// AdapterReads is the manipulation check of cold and warm phases: of the bytes of the adapters that the
// measure phase asked for, the cold arm read at least atLeast from the NVMe since its treatments, the warm
// arm at most atMost.
func (ev *Evidence) AdapterReads(atLeast, atMost float64) verdict.Gate {
	const name = "adapter reads"
	low, high := worst{}, worst{}
	for _, c := range ev.Cells {
		bytes, touched := 0.0, map[string]bool{}
		for i := range c.Requests {
			if a := c.Requests[i].Adapter; a != "" && !touched[a] {
				touched[a] = true
				size, ok := c.Info.Settings.AdapterBytes[a]
				if !ok {
					return verdict.Fail(name, verdict.Invalid, "size_unknown", fmt.Sprintf("%s: the size of adapter %s is not known", c.Key, a))
				}
				bytes += size
			}
		}
		since, idle := &c.Sys.SinceTreatment, &c.Sys.Baseline
		if bytes == 0 || since.NVMeSeconds == 0 || idle.NVMeSeconds == 0 {
			return verdict.Fail(name, verdict.Invalid, "not_measured", c.Key+": no adapter was asked for, or the NVMe was not watched")
		}
		// The machine reads a little on its own; the baseline says how much.
		read := since.ReadBytes - idle.ReadBytes/idle.NVMeSeconds*since.NVMeSeconds
		share := read / bytes
		where := fmt.Sprintf("%s read %.2f GB of %.2f GB of adapters from NVMe (%.1f %%)", c.Key, read/1e9, bytes/1e9, share*100)
		if c.Phase == PhaseCold {
			low.high(-share, where)
		} else {
			high.high(share, where)
		}
	}
	detail := fmt.Sprintf("%s, at least %.0f %% needed; %s, at most %.0f %% allowed", low.where, atLeast*100, high.where, atMost*100)
	switch {
	case !low.seen || !high.seen:
		return verdict.Fail(name, verdict.Invalid, "arm_missing", "cold or warm cells are missing")
	case -low.value < atLeast:
		return verdict.Fail(name, verdict.Invalid, "cold_not_cold", detail)
	case high.value > atMost:
		return verdict.Fail(name, verdict.Invalid, "warm_not_warm", detail)
	}
	return verdict.Pass(name, detail)
}

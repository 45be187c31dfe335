package evidence

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"sparkharness/harness/stats"
)

// WindowSet are the usable windows of some groups. The cells of one repetition are laid one after another
// on one time axis: what distinguishes arms and levels of a block counts as much as what happens in one.
type WindowSet struct {
	reps     [][]placed
	minReads float64
	// Counts of all windows and of those that are left out, by reason.
	All, Uncovered, Empty, Censored, Unknown int
	least                                    float64               // share of the least covered window of a source ...
	leastAt                                  string                // ... and which that is
	seconds                                  map[string][2]float64 // by source: s covered, s due
	whole                                    map[string]int        // all windows, by group
}

type placed struct {
	t       float64
	w       *Window
	asked   *Window // the window of the requests: w, unless windows are permuted
	before  *Window // of the same cell; the window itself where it is the first
	stratum string  // group of the cell
}

// Windows gathers the windows of groups that have a slowest request and in which every reading of need is known. Windows
// without a first token have none, and those in which a request timed out have one that is only bounded; both are left out,
// and counted.
func (ev *Evidence) Windows(groups []*Group, need ...Reading) *WindowSet {
	return ev.windows(groups, true, false, need)
}

// WindowsWithBefore are those of Windows in which the readings are known in the window before too (Before).
func (ev *Evidence) WindowsWithBefore(groups []*Group, need ...Reading) *WindowSet {
	return ev.windows(groups, true, true, need)
}

// AllWindows gathers the windows in which every reading of need is known, with or without a first token.
func (ev *Evidence) AllWindows(groups []*Group, need ...Reading) *WindowSet {
	return ev.windows(groups, false, false, need)
}

func (ev *Evidence) windows(groups []*Group, latency, before bool, need []Reading) *WindowSet {
	set := &WindowSet{seconds: map[string][2]float64{}, whole: map[string]int{}}
	if w := ev.Exp.Hypothesis.Windows; w != nil {
		set.minReads = float64(w.MinReads)
	}
	least := ev.Exp.Hypothesis.Gates.MinCoverage
	step := 0.0
	for _, g := range groups {
		for _, c := range g.Cells {
			step = max(step, c.Seconds())
		}
	}
	for i, g := range groups {
		for _, c := range g.Cells {
			for len(set.reps) < c.Rep {
				set.reps = append(set.reps, nil)
			}
			for k := range c.Windows {
				w := &c.Windows[k]
				set.All++
				set.whole[g.Cell.String()]++
				if !set.covered(c, w, least) {
					set.Uncovered++
					continue
				}
				switch {
				case latency && w.Censored > 0:
					set.Censored++
				case latency && len(w.TTFT) == 0:
					set.Empty++
				case !set.known(w, need), before && !set.known(&c.Windows[max(0, k-1)], need):
					set.Unknown++
				default:
					set.reps[c.Rep-1] = append(set.reps[c.Rep-1], placed{t: float64(i)*step + w.At, w: w, asked: w, before: &c.Windows[max(0, k-1)], stratum: g.Cell.String()})
				}
			}
		}
	}
	if ev.permuted {
		set.permute(ev.Exp.Hypothesis.Run.Seed)
	}
	return set
}

// permute gives the requests of each window to another one of its arm and block.
func (s *WindowSet) permute(seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 0))
	for _, rep := range s.reps {
		for from := 0; from < len(rep); {
			until := from + 1
			for until < len(rep) && rep[until].stratum == rep[from].stratum {
				until++
			}
			arm := rep[from:until]
			rng.Shuffle(len(arm), func(i, j int) { arm[i].asked, arm[j].asked = arm[j].asked, arm[i].asked })
			from = until
		}
	}
}

func (s *WindowSet) known(w *Window, need []Reading) bool {
	return !slices.ContainsFunc(need, func(r Reading) bool { _, known := r.of(w, s.minReads); return !known })
}

// covered says whether every source that the cell has filled enough of the window.
func (s *WindowSet) covered(c *Cell, w *Window, least float64) bool {
	ok := true
	note := func(source string, seconds float64) {
		share := min(1, seconds/w.Seconds)
		if s.leastAt == "" || share < s.least {
			s.least, s.leastAt = share, fmt.Sprintf("%s of %s at %.0f s", source, c.Key, w.At)
		}
		ok = ok && share >= least
		sum := s.seconds[source]
		s.seconds[source] = [2]float64{sum[0] + min(seconds, w.Seconds), sum[1] + w.Seconds}
	}
	note("machine", w.sys)
	note("NVMe", w.block)
	if c.KV != nil {
		note("KV manager", w.kv)
	}
	return ok
}

// N is the number of usable windows.
func (s *WindowSet) N() int {
	n := 0
	for _, r := range s.reps {
		n += len(r)
	}
	return n
}

// Values are a reading's values, one a window; log takes log(1 + x) of readings that span orders of
// magnitude.
func (s *WindowSet) Values(r Reading, log bool) []stats.Rep {
	return s.of(func(p placed) float64 {
		v, _ := r.of(p.w, s.minReads)
		if log && r.Log {
			v = math.Log1p(v)
		}
		return v
	})
}

// Slowest are the windows' slowest TTFT in ms, or their logarithms.
func (s *WindowSet) Slowest(log bool) []stats.Rep {
	return s.of(func(p placed) float64 {
		if log {
			return math.Log(p.asked.Slowest())
		}
		return p.asked.Slowest()
	})
}

// Before are a reading's values in the window before each.
func (s *WindowSet) Before(r Reading, log bool) []stats.Rep {
	return s.of(func(p placed) float64 {
		v, _ := r.of(p.before, s.minReads)
		if log && r.Log {
			v = math.Log1p(v)
		}
		return v
	})
}

func (s *WindowSet) of(f func(placed) float64) []stats.Rep {
	out := make([]stats.Rep, len(s.reps))
	for i, rep := range s.reps {
		out[i] = make(stats.Rep, len(rep))
		for k, p := range rep {
			out[i][k] = stats.Point{T: p.t, V: f(p)}
		}
	}
	return out
}

// Lacks names the groups of which less than half of the windows can be used, "" if there is none: a relation over
// all of them is then one over what happens to be left.
func (s *WindowSet) Lacks() string {
	used := map[string]int{}
	for _, rep := range s.reps {
		for _, p := range rep {
			used[p.stratum]++
		}
	}
	var out []string
	for _, key := range slices.Sorted(maps.Keys(s.whole)) {
		if 2*used[key] < s.whole[key] {
			out = append(out, fmt.Sprintf("%s (%d of %d)", key, used[key], s.whole[key]))
		}
	}
	return strings.Join(out, ", ")
}

// Least is the share that samples cover of the window that they cover least, and which source and window that is.
func (s *WindowSet) Least() (share float64, where string) { return s.least, s.leastAt }

// SourceCoverage is the share of all windows' time that samples of a source cover.
type SourceCoverage struct {
	Source string
	Share  float64
}

// Coverage is the coverage of each source, by name.
func (s *WindowSet) Coverage() []SourceCoverage {
	var out []SourceCoverage
	for _, source := range slices.Sorted(maps.Keys(s.seconds)) {
		out = append(out, SourceCoverage{source, s.seconds[source][0] / s.seconds[source][1]})
	}
	return out
}

// LeftOut says what part of the windows is not used and why.
func (s *WindowSet) LeftOut() string {
	var out []string
	for _, l := range []struct {
		n   int
		why string
	}{{s.Empty, "without a first token"}, {s.Censored, "with a time-out"}, {s.Unknown, "with a reading that is not known"}, {s.Uncovered, "not covered"}} {
		if l.n > 0 {
			out = append(out, fmt.Sprintf("%d %s", l.n, l.why))
		}
	}
	if len(out) == 0 {
		return fmt.Sprintf("all %d windows used", s.All)
	}
	return fmt.Sprintf("%d of %d windows used (left out: %s)", s.N(), s.All, strings.Join(out, ", "))
}

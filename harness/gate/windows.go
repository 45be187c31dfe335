package gate

import (
	"fmt"
	"strings"

	"sparkharness/harness/evidence"
)

// Windows is the gate that a claim about windows needs: every source covers them. It counts by source, and names
// the window that is covered least.
func Windows(ev *evidence.Evidence, s *evidence.WindowSet) Gate {
	const name = "windows"
	need := ev.Exp.Hypothesis.Gates.MinCoverage
	least, where := s.Least()
	switch {
	case s.All == 0:
		return Fail(name, Invalid, "no_windows", "the measure phase holds no whole window")
	case float64(s.Uncovered) > (1-need)*float64(s.All):
		return Fail(name, Invalid, "window_coverage", fmt.Sprintf("%d of %d windows lack samples of a source (least: %s, %.0f %%; need %.0f %%)",
			s.Uncovered, s.All, where, least*100, need*100))
	case s.N() == 0:
		return Fail(name, Inconclusive, "no_usable_window", s.LeftOut())
	}
	var sources []string
	for _, c := range s.Coverage() {
		sources = append(sources, fmt.Sprintf("%s %.1f %%", c.Source, 100*c.Share))
	}
	return Pass(name, fmt.Sprintf("%d windows of %.0f s covered by samples of %s (least: %s, %.0f %%; need %.0f %%)",
		s.All, ev.Exp.Hypothesis.Windows.Length.Seconds(), strings.Join(sources, ", "), where, least*100, need*100))
}

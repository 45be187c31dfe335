package harness

import (
	"path/filepath"
	"slices"
	"strings"

	"sparkharness/harness/config"
)

// Uncovered says what is wrong with the controls that a hypothesis has in the repository: a deciding check that none of them
// contradicts and that unshown gives no reason for, and names that no deciding check, or none of these gates, has. It fails if there
// is no such configuration.
func Uncovered(h Hypothesis, gates []string) ([]string, error) {
	folder, err := config.OpenFolder(filepath.Join(Root(), "configs"))
	if err != nil {
		return nil, err
	}
	own, err := config.LoadHypothesis(folder, folder.Path("hypotheses/"+h.Config))
	if err != nil {
		return nil, err
	}
	return uncovered(h.Deciding, gates, own), nil
}

func uncovered(deciding, gates []string, c *config.Hypothesis) []string {
	var out []string
	shown := map[string]bool{}
	for world, names := range c.Controls {
		for _, name := range names {
			shown[name] = true
			gate, byGate := strings.CutPrefix(name, config.GatePrefix)
			switch {
			case byGate && !slices.Contains(gates, gate):
				out = append(out, world+" names a gate that there is not: "+gate)
			case !byGate && !slices.Contains(deciding, name):
				out = append(out, world+" names a check that decides nothing: "+name)
			}
		}
	}
	for _, check := range deciding {
		_, excused := c.Unshown[check]
		switch {
		case !shown[check] && !excused:
			out = append(out, "no control contradicts "+check)
		case shown[check] && excused:
			out = append(out, check+" is unshown, and a control shows it")
		}
	}
	for check := range c.Unshown {
		if !slices.Contains(deciding, check) {
			out = append(out, "unshown names a check that decides nothing: "+check)
		}
	}
	slices.Sort(out)
	return out
}

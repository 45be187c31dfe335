package verdict

import (
	"fmt"
	"strings"

	"sparkharness/harness/record"
	"sparkharness/harness/stats"
)

// again are the cells that were measured again, each once, in the order in which the first was put aside.
func again(aside []record.Quarantined) []string {
	var out []string
	seen := map[string]bool{}
	for _, q := range aside {
		if !seen[q.Cell] {
			seen[q.Cell] = true
			out = append(out, q.Cell)
		}
	}
	return out
}

// measuredAgain is the finding of cells that were put aside and measured again, each with every reason.
func measuredAgain(aside []record.Quarantined) []Finding {
	if len(aside) == 0 {
		return nil
	}
	cells := again(aside)
	var why []string
	for _, q := range aside {
		why = append(why, q.Cell+": "+q.Why)
	}
	return []Finding{{Name: "measured again", Estimate: stats.Alone(float64(len(cells))), Unit: "cells",
		Detail: fmt.Sprintf("%d measurements were put aside by gates that look at nothing of the outcome; they are kept in %s, and nothing is concluded from them: %s",
			len(aside), record.DirQuarantine, strings.Join(why, "; "))}}
}

package evidence

import (
	"time"

	"sparkharness/harness/stats"
)

// Bootstrap is the resampling that all intervals of a run use.
func (ev *Evidence) Bootstrap() stats.Bootstrap {
	block := min(longestBlock, time.Duration(ev.Exp.Hypothesis.Run.Duration).Seconds()/10)
	return stats.Bootstrap{Block: block, Draws: bootstrapDraws, Seed: ev.Exp.Hypothesis.Run.Seed}
}

// Blocks of half a minute keep what one burst or one convoy did together; a short measure phase is cut
// into ten. An idle machine has neither, and its baseline is short: blocks of a second or more.
const (
	longestBlock   = 30 // s
	idleBlocks     = 10
	bootstrapDraws = 1000
)

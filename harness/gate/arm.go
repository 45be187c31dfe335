package gate

import (
	"math"

	"sparkharness/harness/record"
)

// arm counts the cells of one combination of what the sweep does to the machine, over all loads and repetitions.
type arm struct {
	planned int
	again   int // of them, measured more than once or about to be
}

// most is how many of its cells may be measured again.
func (a *arm) most(share float64) int { return int(math.Ceil(share * float64(a.planned))) }

// armOf names the arm of a cell by its levels of the factors; a sweep that treats nothing has one.
func armOf(cell record.Cell, factors []string) string {
	out := ""
	for _, name := range factors {
		if level := cell.Level(name); level != "" {
			out += name + "=" + level + " "
		}
	}
	return out
}

package evidence

import (
	"errors"
	"strconv"

	"sparkharness/harness/stats"
)

// Strata are pairs of values of the set's windows by block and arm: an arm is a cell without its repetition, such as a fio
// arm at a prompt length, and a block is named by its repetition. x and y are values of the set, one a window.
func (s *WindowSet) Strata(x, y []stats.Rep) []stats.Stratum {
	var out []stats.Stratum
	s.byArm(func(rep, k int, arm string, begins bool) {
		if begins {
			out = append(out, stats.Stratum{Block: strconv.Itoa(rep + 1), Arm: arm})
		}
		last := &out[len(out)-1]
		last.X, last.Y = append(last.X, x[rep][k].V), append(last.Y, y[rep][k].V)
	})
	return out
}

// Rows are values of the set's windows, and of the columns that may explain them, by block and arm.
func (s *WindowSet) Rows(y []stats.Rep, columns [][]stats.Rep) []stats.Rows {
	var out []stats.Rows
	s.byArm(func(rep, k int, arm string, begins bool) {
		if begins {
			out = append(out, stats.Rows{Block: strconv.Itoa(rep + 1), Arm: arm, Columns: make([][]float64, len(columns))})
		}
		last := &out[len(out)-1]
		last.Y = append(last.Y, y[rep][k].V)
		for j, c := range columns {
			last.Columns[j] = append(last.Columns[j], c[rep][k].V)
		}
	})
	return out
}

// byArm calls f for each window k of each repetition, counted from 0, and says where an arm begins: the windows of one lie
// behind each other.
func (s *WindowSet) byArm(f func(rep, k int, arm string, begins bool)) {
	for i, rep := range s.reps {
		for k, p := range rep {
			f(i, k, p.stratum, k == 0 || rep[k-1].stratum != p.stratum)
		}
	}
}

// errNoWindow is what a block lacks that has no value of a relation.
var errNoWindow = errors.New("no arm has enough windows in which both vary")

// InBlock gives the value of a named block, as Strata and Rows name them, to Blocks. A block that is not among them has no
// window that can be used.
func InBlock(names []string, values []float64) func(rep int) (float64, error) {
	return func(rep int) (float64, error) {
		for i, name := range names {
			if name == strconv.Itoa(rep) {
				return values[i], nil
			}
		}
		return 0, errNoWindow
	}
}

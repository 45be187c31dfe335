package price

import (
	"fmt"
	"strings"

	"sparkharness/harness/config"
	"sparkharness/harness/record"
)

// What an execution may write to a drive unless the user says: a share of what the drive is rated for, and where that is
// not known as much as a hundredth of what small drives of today are.
const (
	wearShare   = 0.01
	unknownWear = 8e12 // bytes
)

// Budget is what an execution may write to the drive.
type Budget struct {
	Bytes float64
	Why   string
}

// NewBudget is the budget of so many bytes, or with 0 that of the drive.
func NewBudget(bytes float64, d *config.Drive) Budget {
	switch {
	case bytes > 0:
		return Budget{bytes, "-wear-budget"}
	case d.Endurance == nil:
		return Budget{unknownWear, fmt.Sprintf("nothing says what drive %s is rated for", d.Drive)}
	}
	rated := d.Endurance.RatedTBW * 1e12
	return Budget{rated * wearShare, fmt.Sprintf("%g %% of the %s that drive %s is rated for", wearShare*100, terabytes(rated), d.Drive)}
}

// Wear is what a plan is expected to write.
type Wear struct {
	Hypothesis string
	Cost       record.Price
}

// Beyond says in a line that the plans of an execution write more than the budget, and what to change; "" if they do
// not.
func (b Budget) Beyond(plans []Wear) string {
	sum := 0.0
	var parts []string
	for _, w := range plans {
		sum += w.Cost.WrittenBytes
		if w.Cost.WrittenBytes >= b.Bytes/100 {
			parts = append(parts, w.Hypothesis+" "+terabytes(w.Cost.WrittenBytes))
		}
	}
	if sum <= b.Bytes {
		return ""
	}
	return fmt.Sprintf("%s would be written to the drive (%s), beyond the wear budget of %s (%s): let fio read more and write less, take levels of fio, "+
		"repetitions or time away, run fewer hypotheses, or allow it with -wear-budget %s", terabytes(sum), strings.Join(parts, ", "), terabytes(b.Bytes), b.Why, strings.TrimSuffix(terabytes(sum*1.1), " TB"))
}

// terabytes are bytes in 1e12, to three digits.
func terabytes(bytes float64) string {
	tb := bytes / 1e12
	if tb >= 1000 {
		return fmt.Sprintf("%.0f TB", tb)
	}
	return fmt.Sprintf("%.3g TB", tb)
}

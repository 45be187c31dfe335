package verdict

import (
	"slices"

	"sparkharness/harness/evidence"
	"sparkharness/harness/stats"
)

// NewSeries starts an empty line.
func NewSeries(name string) *Series {
	return &Series{Name: name, X: []float64{}, Y: []float64{}}
}

// Value adds a point without bounds; nil adds none, because what was not measured is not drawn.
func (s *Series) Value(x float64, y *float64) {
	if y == nil {
		return
	}
	s.X, s.Y = append(s.X, x), append(s.Y, *y)
}

// Percentile adds a percentile with its bounds.
func (s *Series) Percentile(x float64, p *evidence.Percentile) {
	if p == nil {
		return
	}
	s.X, s.Y = append(s.X, x), append(s.Y, *p.Value)
	s.Lo, s.Hi = append(s.Lo, p.Lo), append(s.Hi, p.Hi)
}

// Interval adds an estimate with its interval; an infinite end is open.
func (s *Series) Interval(x, y, lo, hi float64) {
	ends := stats.Between(y, lo, hi)
	s.X, s.Y = append(s.X, x), append(s.Y, y)
	s.Lo, s.Hi = append(s.Lo, ends.Lo), append(s.Hi, ends.Hi)
}

// cdfPoints bounds the points of a distribution's line.
const cdfPoints = 200

// CDF draws the distribution of the values that were seen whole: at each of up to 200 of them the share of
// all values that are not larger.
func (s *Series) CDF(reps []stats.Rep) {
	var values []float64
	n := 0
	for _, rep := range reps {
		for _, p := range rep {
			n++
			if !p.Censored {
				values = append(values, p.V)
			}
		}
	}
	slices.Sort(values)
	step := max(1, len(values)/cdfPoints)
	for i := range values {
		if i%step == 0 || i == len(values)-1 {
			share := float64(i+1) / float64(n)
			s.Value(values[i], &share)
		}
	}
}

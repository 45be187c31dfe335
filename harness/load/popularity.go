package load

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
)

// ZipfWeights are n weights that sum to 1, weight i (from 0) proportional to 1/(i+1)^s: user 0 is the most
// popular. s = 0 makes all equal. n is at least 1 and s at least 0.
func ZipfWeights(n int, s float64) []float64 {
	w := make([]float64, n)
	sum := 0.0
	for i := range w {
		w[i] = math.Pow(float64(i+1), -s)
		sum += w[i]
	}
	for i := range w {
		w[i] /= sum
	}
	return w
}

// thinkOf is the think time of one user: with weights, a user of weight w thinks 1/(Users*w) times as long
// as Think says. So it asks in proportion to w, and all users together as often as without weights, but
// for the time that answers take.
func (l Closed) thinkOf(user int) Dist {
	if l.Weights == nil {
		return l.Think
	}
	return stretched{l.Think, 1 / (float64(l.Users) * l.Weights[user])}
}

func (l Closed) checkWeights() error {
	if l.Weights == nil {
		return nil
	}
	if len(l.Weights) != l.Users {
		return fmt.Errorf("closed loop: %d weights for %d users: give one a user", len(l.Weights), l.Users)
	}
	sum := 0.0
	for u, w := range l.Weights {
		if !(w > 0) {
			return fmt.Errorf("closed loop: weight %v of user %d is not above 0: such a user would never ask", w, u)
		}
		sum += w
	}
	if !(math.Abs(sum-1) <= 1e-9) {
		return fmt.Errorf("closed loop: weights sum to %v instead of 1", sum)
	}
	if l.Think != nil && l.Think.Mean() == 0 {
		return errors.New("closed loop: weights scale the think time and so do nothing to one of 0: give a think time or leave the weights out")
	}
	return nil
}

// stretched draws factor times what its Dist draws.
type stretched struct {
	Dist
	factor float64
}

func (d stretched) Draw(r *rand.Rand) float64 { return d.factor * d.Dist.Draw(r) }
func (d stretched) Mean() float64             { return d.factor * d.Dist.Mean() }

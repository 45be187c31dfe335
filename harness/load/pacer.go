package load

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"
)

// Pacer plans the intended sends of an open loop. Next returns the offset from the start of the run of
// the send that follows the one at prev; the first send is Next(r, 0). Offsets are whole microseconds
// and never go backwards.
type Pacer interface {
	Next(r *rand.Rand, prev time.Duration) time.Duration
}

// Constant sends at RPS requests a second, evenly spaced: send n (from 1) is due at n/RPS.
type Constant struct{ RPS float64 }

// Next counts from the start rather than from prev, so that rounding to microseconds never adds up.
func (p Constant) Next(_ *rand.Rand, prev time.Duration) time.Duration {
	n := math.Round(prev.Seconds()*p.RPS) + 1
	return micros(n / p.RPS)
}

func (p Constant) check() error { return checkRPS(p.RPS) }

// Poisson sends with exponential gaps of mean 1/RPS seconds: independent users, seen from the server.
type Poisson struct{ RPS float64 }

// Next draws one gap.
func (p Poisson) Next(r *rand.Rand, prev time.Duration) time.Duration {
	return prev + micros(r.ExpFloat64()/p.RPS)
}

func (p Poisson) check() error { return checkRPS(p.RPS) }

// MaxRPS keeps a gap longer than the microsecond grid.
const MaxRPS = 100_000

func checkRPS(rps float64) error {
	if !(rps > 0 && rps <= MaxRPS) {
		return fmt.Errorf("pacer: rate %v is not above 0 and at most %d requests a second", rps, MaxRPS)
	}
	return nil
}

// micros rounds seconds to whole microseconds, the grid on which the simulated machine keeps its events.
func micros(seconds float64) time.Duration {
	us := math.Round(seconds * 1e6)
	if us > float64(math.MaxInt64/int64(time.Microsecond)/2) {
		return math.MaxInt64 / 2 / time.Microsecond * time.Microsecond // later than any run
	}
	return time.Duration(us) * time.Microsecond
}

// ceilMicro rounds d up to a whole microsecond.
func ceilMicro(d time.Duration) time.Duration {
	if rest := d % time.Microsecond; rest > 0 {
		return d - rest + time.Microsecond
	}
	return d
}

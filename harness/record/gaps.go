package record

import (
	"encoding/json"
	"fmt"
	"math"
	"math/bits"
	"time"
)

// GapHist counts inter-token gaps (ITL) in logarithmic buckets: 64 to each power of two, whole
// nanoseconds below 128 ns, so that a bucket's middle is within 1/128 of every gap in it. It holds the
// gaps of any number of requests in at most 30 KiB, and adding and merging commute. The zero value is
// ready to use. Whatever else takes some time may be counted in one, such as an I/O.
type GapHist struct {
	counts []uint64 // by bucket, as long as the largest gap needs
	n      uint64
	max    time.Duration
}

const subBits = 6 // 64 buckets to a power of two

// bucket is the index of v ns; values below 2*64 have a bucket each.
func bucket(v uint64) int {
	if v < 2<<subBits {
		return int(v)
	}
	shift := bits.Len64(v) - subBits - 1
	return shift<<subBits + int(v>>shift)
}

// bounds are the least value of a bucket and how many values it holds.
func bounds(i int) (lo, width uint64) {
	if i < 2<<subBits {
		return uint64(i), 1
	}
	shift := i>>subBits - 1
	return (uint64(i)&(1<<subBits-1) + 1<<subBits) << shift, 1 << shift
}

// Add counts one gap. A negative gap, which a monotonic clock does not produce, counts as 0.
func (h *GapHist) Add(gap time.Duration) { h.add(gap, 1) }

func (h *GapHist) add(gap time.Duration, n uint64) {
	gap = max(gap, 0)
	i := bucket(uint64(gap))
	h.grow(i + 1)
	h.counts[i] += n
	h.n += n
	h.max = max(h.max, gap)
}

func (h *GapHist) grow(n int) {
	if n > len(h.counts) {
		h.counts = append(h.counts, make([]uint64, n-len(h.counts))...)
	}
}

// Merge adds the gaps of other.
func (h *GapHist) Merge(other *GapHist) {
	h.grow(len(other.counts))
	for i, n := range other.counts {
		h.counts[i] += n
	}
	h.n += other.n
	h.max = max(h.max, other.max)
}

// Count is the number of gaps.
func (h *GapHist) Count() uint64 { return h.n }

// Zero is the number of gaps of 0 ns: between chunks that came in one read.
func (h *GapHist) Zero() uint64 {
	if len(h.counts) == 0 {
		return 0
	}
	return h.counts[0]
}

// Max is the largest gap, exact.
func (h *GapHist) Max() time.Duration { return h.max }

// Quantile is the q-quantile of the gaps, 0 <= q <= 1, by linear interpolation (Hyndman & Fan 1996, type
// 7) between order statistics that are each known within 1 %. ok is false without gaps or with another q.
func (h *GapHist) Quantile(q float64) (gap time.Duration, ok bool) {
	if h.n == 0 || !(q >= 0 && q <= 1) {
		return 0, false
	}
	pos := q * float64(h.n-1)
	rank := uint64(pos)
	lo, hi := h.order(rank), h.order(min(rank+1, h.n-1))
	return time.Duration(math.Round(lo + (pos-float64(rank))*(hi-lo))), true
}

// order is the gap of the given rank from 0, ns.
func (h *GapHist) order(rank uint64) float64 {
	if rank == h.n-1 {
		return float64(h.max)
	}
	var below uint64
	for i, n := range h.counts {
		if below += n; rank < below {
			lo, width := bounds(i)
			return min(float64(lo)+float64(width-1)/2, float64(h.max))
		}
	}
	return float64(h.max)
}

// gapJSON is the file form: buckets in ascending order, each as its least gap in ns and its count.
type gapJSON struct {
	Count   uint64      `json:"count"`
	MaxNS   int64       `json:"max_ns"`
	Buckets [][2]uint64 `json:"buckets"`
}

// MarshalJSON writes count, max_ns and buckets [[least gap in ns, count], ...] in ascending order.
func (h GapHist) MarshalJSON() ([]byte, error) {
	out := gapJSON{Count: h.n, MaxNS: int64(h.max), Buckets: [][2]uint64{}}
	for i, n := range h.counts {
		if n > 0 {
			lo, _ := bounds(i)
			out.Buckets = append(out.Buckets, [2]uint64{lo, n})
		}
	}
	return json.Marshal(out)
}

// UnmarshalJSON is the inverse of MarshalJSON; it refuses buckets that this histogram does not have and
// totals that do not add up.
func (h *GapHist) UnmarshalJSON(data []byte) error {
	var in gapJSON
	if err := json.Unmarshal(data, &in); err != nil {
		return fmt.Errorf("gap histogram: %w", err)
	}
	if in.MaxNS < 0 {
		return fmt.Errorf("gap histogram: max_ns %d is negative", in.MaxNS)
	}
	var out GapHist
	for _, b := range in.Buckets {
		if b[0] > math.MaxInt64 {
			return fmt.Errorf("gap histogram: a bucket starts at %d ns, beyond any duration", b[0])
		}
		if lo, _ := bounds(bucket(b[0])); lo != b[0] {
			return fmt.Errorf("gap histogram: no bucket starts at %d ns", b[0])
		}
		out.add(time.Duration(b[0]), b[1])
	}
	if out.n != in.Count {
		return fmt.Errorf("gap histogram: buckets hold %d gaps, count says %d", out.n, in.Count)
	}
	if out.n > 0 && bucket(uint64(in.MaxNS)) != bucket(uint64(out.max)) {
		return fmt.Errorf("gap histogram: max_ns %d is not in the last bucket", in.MaxNS)
	}
	out.max = time.Duration(in.MaxNS)
	*h = out
	return nil
}

package stats

// correlationTime estimates how many observations in a row carry the information of one independent one: the
// integrated autocorrelation time 1 + 2 sum rho_k of an indicator, whether a value lies beyond some bound, so
// that n observations count as n over it (Priestley 1981, Spectral Analysis and Time Series, section 5.3). The
// sum ends where it turns to noise: autocovariances of two neighbouring lags are added as long as they are
// positive, none more than the pair before (initial monotone sequence; Geyer 1992, Statistical Science 7, 473,
// section 3.3). Series are repetitions in order of time; they share one mean, so that a level that differs
// between them counts as correlation. It is 1 at least, and 1 for an indicator that never changes.
func correlationTime(series [][]bool) float64 {
	n, count, longest := 0, 0, 0
	for _, s := range series {
		n, longest = n+len(s), max(longest, len(s))
		for _, v := range s {
			if v {
				count++
			}
		}
	}
	if count == 0 || count == n {
		return 1
	}
	// The rarer value has the same covariances, and fewer places to visit.
	rare := 2*count <= n
	if !rare {
		count = n - count
	}
	share := float64(count) / float64(n)
	runs := make([]indicator, len(series))
	for r, s := range series {
		runs[r] = newIndicator(s, rare)
	}
	covariance := func(lag int) float64 {
		sum := 0.0
		for _, in := range runs {
			sum += in.products(lag, share)
		}
		return sum
	}
	variance := covariance(0)
	tau, before := -1.0, 2*variance
	for lag := 0; lag < longest/2; lag += 2 {
		pair := covariance(lag) + covariance(lag+1)
		if pair <= 0 {
			break
		}
		before = min(before, pair)
		tau += 2 * before / variance
	}
	return max(tau, 1)
}

// indicator is a series of true and false: where it is true, and how often up to each place.
type indicator struct {
	is     []bool
	places []int
	upTo   []int
}

func newIndicator(s []bool, as bool) indicator {
	in := indicator{is: make([]bool, len(s)), upTo: make([]int, len(s)+1)}
	for i, v := range s {
		in.upTo[i+1] = in.upTo[i]
		if v == as {
			in.is[i] = true
			in.places = append(in.places, i)
			in.upTo[i+1]++
		}
	}
	return in
}

// products sums the products of deviations from the mean over all pairs of places lag apart.
func (in indicator) products(lag int, mean float64) float64 {
	n := len(in.is) - lag
	if n <= 0 {
		return 0
	}
	both := 0
	for _, i := range in.places {
		if i >= n {
			break
		}
		if in.is[i+lag] {
			both++
		}
	}
	first, last := in.upTo[n], in.upTo[len(in.is)]-in.upTo[lag]
	return float64(both) - mean*float64(first+last) + float64(n)*mean*mean
}

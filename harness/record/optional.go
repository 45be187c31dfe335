package record

// What was not measured is nil. The helpers for optional numbers say in their names what a missing one does.

// SumIfAll is the sum, nil if one of the numbers is missing.
func SumIfAll(vs ...*float64) *float64 {
	sum := 0.0
	for _, v := range vs {
		if v == nil {
			return nil
		}
		sum += *v
	}
	return &sum
}

// SumOfKnown is the sum of the numbers that are there, nil if none is.
func SumOfKnown(vs ...*float64) *float64 {
	var sum *float64
	for _, v := range vs {
		if v == nil {
			continue
		}
		if sum == nil {
			sum = new(float64)
		}
		*sum += *v
	}
	return sum
}

// OrZero is for sums in which a part that does not exist adds nothing.
func OrZero(v *float64) float64 {
	if v == nil {
		return 0
	}
	return *v
}

// Over is v / d, nil if v is missing or d is 0.
func Over(v *float64, d float64) *float64 {
	if v == nil || d == 0 {
		return nil
	}
	q := *v / d
	return &q
}

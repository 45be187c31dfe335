package gate

// worst keeps the worst of many readings of one gate, with the place where it was seen.
type worst struct {
	value float64
	where string
	seen  bool
}

// high takes the reading if it is above the worst so far.
func (w *worst) high(v float64, where string) {
	if !w.seen || v > w.value {
		*w = worst{v, where, true}
	}
}

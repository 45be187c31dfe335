package config

// Looks are the numbers of blocks after which a run is judged, ascending: those of early_looks that its repetitions go
// beyond, and all of them. Fewer repetitions than the file's, by a flag or by a file laid over it, have fewer looks.
func (r Run) Looks() []int {
	var out []int
	for _, at := range r.EarlyLooks {
		if at < r.Reps {
			out = append(out, at)
		}
	}
	return append(out, r.Reps)
}

// checkLooks asks for looks that grow: two blocks give an interval, one does not.
func (c *Run) checkLooks(r *reader) {
	increasing(r, "run.early_looks", c.EarlyLooks)
	if len(c.EarlyLooks) > 0 && c.EarlyLooks[0] < 2 {
		r.refuse("run.early_looks[0]", "must be at least two blocks, because one has no interval, not %d", c.EarlyLooks[0])
	}
	if len(c.EarlyLooks) > 2 {
		r.refuse("run.early_looks", "at most two looks come before the last one, because they share its level, not %d", len(c.EarlyLooks))
	}
}

package sim

// stalls adds up the time that tasks are blocked on I/O over all places where they can be.
type stalls struct {
	lastNS int64
	seen   []Stall // of each place until then
	total  Stall
}

// until brings the sums to now and returns them: the time with at least one blocked task, and the sum over
// tasks. Tasks in different places are blocked independently of each other, so of two shares a and b of an
// interval a + b - ab is stalled. That is exact as long as nothing changes within the interval
// (engine.settle).
//
// The first place may count more than the interval, because the drive counts a request of the operating
// system at its arrival; the others may not.
func (s *stalls) until(now int64, places []Stall) (someNS, taskNS int64) {
	if s.seen == nil {
		s.seen = make([]Stall, len(places))
	}
	if dt := float64(now - s.lastNS); dt > 0 {
		some := 0.0
		for i, p := range places {
			d := p.SomeNS - s.seen[i].SomeNS
			some += d - some*d/dt
			s.total.TasksNS += p.TasksNS - s.seen[i].TasksNS
			s.seen[i] = p
		}
		s.total.SomeNS += some
		s.lastNS = now
	}
	return int64(s.total.SomeNS), int64(s.total.TasksNS)
}

// stalled is the time that tasks have been blocked until now in each place: the drives, and the queue of
// requests that wait for the loader.
func (e *engine) stalled(now int64, drives []Stall) []Stall {
	if e.mech.BlockingFetch {
		return append(drives, e.fetchQueue.until(now))
	}
	return drives
}

// stallsInPlaces tells whether tasks can be blocked in more than one place. Then the counters that are made
// of it are kept at each event, so that they do not depend on when somebody looks.
func (p Params) stallsInPlaces() bool { return p.twoDrives() || p.Mechanisms.BlockingFetch }

// visited tells whether a task of another program can be blocked on a drive while CPUs are busy with something else. The
// counters are kept at each event then, too.
func (m Mechanisms) visited() bool { return m.CronReads.Bytes > 0 }

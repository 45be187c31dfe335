package sim

// stalls adds up the time that tasks are blocked on I/O over all places where they can be.
type stalls struct {
	lastNS int64
	seen   []nvmeStall // of each place until then
	total  nvmeStall
}

// until brings the sums to now and returns them: the time with at least one blocked task, and the sum over
// tasks. Tasks in different places are blocked independently of each other, so of two shares a and b of an
// interval a + b - ab is stalled. That is exact as long as nothing changes within the interval
// (engine.settle).
//
// The first place may count more than the interval, because the drive counts a request of the operating
// system at its arrival; the others may not.
func (s *stalls) until(now int64, places []nvmeStall) (someNS, taskNS int64) {
	if s.seen == nil {
		s.seen = make([]nvmeStall, len(places))
	}
	if dt := float64(now - s.lastNS); dt > 0 {
		some := 0.0
		for i, p := range places {
			d := p.someNS - s.seen[i].someNS
			some += d - some*d/dt
			s.total.tasksNS += p.tasksNS - s.seen[i].tasksNS
			s.seen[i] = p
		}
		s.total.someNS += some
		s.lastNS = now
	}
	return int64(s.total.someNS), int64(s.total.tasksNS)
}

// stalled is the time that tasks have been blocked until now in each place.
func (e *engine) stalled(now int64) []nvmeStall {
	places := make([]nvmeStall, 0, 3)
	for _, drive := range e.drives.all {
		some, tasks := drive.StalledNS(now)
		places = append(places, nvmeStall{someNS: float64(some), tasksNS: float64(tasks)})
	}
	if e.mech.BlockingFetch {
		places = append(places, e.fetchQueue.until(now))
	}
	return places
}

// stallsInPlaces tells whether tasks can be blocked in more than one place. Then the counters that are made
// of it are kept at each event, so that they do not depend on when somebody looks.
func (m Mechanisms) stallsInPlaces() bool { return m.KVOnSecondDrive || m.BlockingFetch }

package sim

// shownCounters is what /proc/diskstats shows of the drives when its counters do not tell what the drives do (mechanisms
// CountersFrozen, IOStatsOff, CountersReset). What the machine makes of the drives otherwise, such as iowait, knows nothing
// of it.
type shownCounters struct {
	frozen  bool           // they stay as they were when the machine was started: 0
	resetNS int64          // when they begin at 0 again, Never if they do not
	before  []NVMeCounters // of that time, nil before it
}

func newShownCounters(m Mechanisms) shownCounters {
	s := shownCounters{frozen: m.CountersFrozen || m.IOStatsOff, resetNS: Never}
	if m.CountersReset > 0 {
		s.resetNS = nvmeRoundUp(float64(m.CountersReset))
	}
	return s
}

// reset takes note of what the counters are to be counted from, when that is due, and returns when it will be.
func (d *drives) reset(now int64) (next int64) {
	if s := &d.shown; s.resetNS <= now {
		s.before = make([]NVMeCounters, len(d.all))
		for i, drive := range d.all {
			s.before[i] = drive.Counters(max(s.resetNS, drive.asked))
		}
		s.resetNS = Never
	}
	return d.shown.resetNS
}

// show replaces the drives' counters by what is shown of them.
func (s *shownCounters) show(c []NVMeCounters) {
	for i := range c {
		switch {
		case s.frozen:
			c[i] = NVMeCounters{}
		case s.before != nil:
			c[i] = c[i].since(s.before[i])
		}
	}
}

// since are counters less what they were; the gauge stays.
func (c NVMeCounters) since(b NVMeCounters) NVMeCounters {
	return NVMeCounters{
		ReadsCompleted: c.ReadsCompleted - b.ReadsCompleted, ReadsMerged: c.ReadsMerged - b.ReadsMerged,
		SectorsRead: c.SectorsRead - b.SectorsRead, MSReading: c.MSReading - b.MSReading,
		WritesCompleted: c.WritesCompleted - b.WritesCompleted, WritesMerged: c.WritesMerged - b.WritesMerged,
		SectorsWritten: c.SectorsWritten - b.SectorsWritten, MSWriting: c.MSWriting - b.MSWriting,
		InFlight: c.InFlight, MSDoingIO: c.MSDoingIO - b.MSDoingIO, MSWeighted: c.MSWeighted - b.MSWeighted,
		DiscardsCompleted: c.DiscardsCompleted - b.DiscardsCompleted, DiscardsMerged: c.DiscardsMerged - b.DiscardsMerged,
		SectorsDiscarded: c.SectorsDiscarded - b.SectorsDiscarded, MSDiscards: c.MSDiscards - b.MSDiscards,
		FlushesCompleted: c.FlushesCompleted - b.FlushesCompleted, MSFlushing: c.MSFlushing - b.MSFlushing,
	}
}

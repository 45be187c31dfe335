package sim

import (
	"math"
	"time"
)

// CPUSleepSpec are CPUs that sleep deeply while they are idle (mechanism CPUSleep). The loader of the KV tier waits for each of
// its I/Os, and the CPU that takes the completion needs Exit to wake, if it sleeps. The programs of others keep CPUs awake:
// each of their jobs the share KeptAwake of those that the jobs before it leave asleep, so that of n jobs the wake takes
// Exit (1 - KeptAwake)^n in the mean. How the jobs of a program lie over the CPUs of a GB10 is an assumption; the wake counts
// as CPU time of the loader. Zero: nothing sleeps.
type CPUSleepSpec struct {
	Exit      time.Duration
	KeptAwake float64
}

// wakeNS is what waking adds to each I/O of the loader that begins now.
func (m *mover) wakeNS() int64 {
	s := m.mech.CPUSleep
	if s.Exit == 0 {
		return 0
	}
	return int64(float64(s.Exit) * math.Pow(1-s.KeptAwake, float64(len(m.foreign.loops))))
}

package sim

import "time"

// SleepSpec is a drive that saves power (mechanism PowerSave): when nothing was in flight for Idle it falls asleep, and then
// the next request, the operating system's own included, and all that come meanwhile wait Exit until it is awake. In NVMe's
// terms Idle is the idle time prior to transition and Exit the exit latency of a power state without operation (NVMe base
// specification, autonomous power state transitions). So the latency of a nearly idle drive is above that of a busy one.
type SleepSpec struct{ Idle, Exit time.Duration }

// wake lets a drive that sleeps begin to wake for a request. To what is in flight that is a pause of the drive.
func (d *NVMeDevice) wake(at int64) {
	if d.sleep.Idle == 0 || d.pauseEnd != 0 || len(d.transfers) > 0 || at-d.restNS < int64(d.sleep.Idle) {
		return
	}
	d.settle(at)
	d.nextPause, d.pauseEnd = at, at+int64(d.sleep.Exit)
	d.schedule()
}

// rests notes that nothing is in flight from a time on.
func (d *NVMeDevice) rests(at int64) {
	if len(d.transfers) == 0 {
		d.restNS = max(d.restNS, at)
	}
}

package config

import "time"

// Bursts are what the server moves at once, beside its KV: a checkpoint, a log that is flushed. The first comes Every after
// the server's start. One that is not over when the next is due takes its place.
type Bursts struct {
	ReadBytes  Size     `yaml:"read_bytes,omitempty"`
	WriteBytes Size     `yaml:"write_bytes,omitempty"`
	Every      Duration `yaml:"every"`
}

// ThermalSlowdown is a GPU that gets too hot. Its heat follows how busy it is with TimeConstant; beyond half of what a GPU
// has that is always busy, the clock falls, to LowestMHz at all of it.
type ThermalSlowdown struct {
	TimeConstant Duration `yaml:"time_constant"`
	LowestMHz    float64  `yaml:"lowest_mhz"`
	Reasons      string   `yaml:"reasons"` // what nvidia-smi says of it: one of ThrottleReasons
}

// ThrottleReasons are what nvidia-smi may say of a clock that is held down: its bit is set, no bit is set, [N/A], or there is
// no such column.
var ThrottleReasons = []string{"shown", "unset", "na", "absent"}

// CronVisits are another program that comes to the system's drive, moves Bytes and goes. From one visit to the next it takes
// MeanGap in the mean, exponentially distributed.
type CronVisits struct {
	MeanGap Duration `yaml:"mean_gap"`
	Bytes   Size     `yaml:"bytes"`
}

// PowerSave is a drive that falls asleep when it was idle for Idle, and takes Exit to wake for its next request.
type PowerSave struct {
	Idle Duration `yaml:"idle"`
	Exit Duration `yaml:"exit"`
}

// CarryOver is a drive that has work to finish after writes (folding its write cache): where fio kept at least
// WritesInFlight writes in flight beside the cell before, it begins a cell with Latency times its latency, and what is
// too much of that decays with the time constant Decay.
type CarryOver struct {
	Latency        float64  `yaml:"latency"`
	Decay          Duration `yaml:"decay"`
	WritesInFlight float64  `yaml:"writes_in_flight"`
}

// PinnedLimit is what the KV manager may pin of the memory. A host tier larger than Most cannot be pinned, and its manager goes
// on with Instead.
type PinnedLimit struct {
	Most    Size `yaml:"most"`
	Instead Size `yaml:"instead"`
}

// CPUSleep are CPUs that sleep deeply while idle, and take Exit to wake. Each job of another program keeps the share KeptAwake
// of those awake that the others leave asleep.
type CPUSleep struct {
	Exit      Duration `yaml:"exit"`
	KeptAwake float64  `yaml:"kept_awake"`
}

// leastMechanismTime is the shortest time of a mechanism: more events than that would be all that the machine does.
const leastMechanismTime = Duration(time.Millisecond)

// mostCronBytesPerS is what a program moves, in the mean, that comes now and then.
const mostCronBytesPerS = 1e9

func (m *Mechanisms) check(r *reader, path string) {
	atLeast := func(field string, d Duration) {
		if d < leastMechanismTime {
			r.refuse(join(path, field), "is %v, and the shortest time that makes sense is %v", d, leastMechanismTime)
		}
	}
	if b := m.Bursts; b != nil {
		atLeast("bursts.every", b.Every)
		if b.ReadBytes == 0 && b.WriteBytes == 0 && r.ok(join(path, "bursts.read_bytes"), join(path, "bursts.write_bytes")) {
			r.refuse(join(path, "bursts"), "moves nothing: give read_bytes or write_bytes")
		}
	}
	if s := m.ThermalSlowdown; s != nil {
		atLeast("thermal_slowdown.time_constant", s.TimeConstant)
		r.oneOf(join(path, "thermal_slowdown.reasons"), s.Reasons, ThrottleReasons...)
	}
	for _, v := range []struct {
		field  string
		visits *CronVisits
	}{{"cron_reads", m.CronReads}, {"cron_writes", m.CronWrites}} {
		if v.visits == nil {
			continue
		}
		atLeast(v.field+".mean_gap", v.visits.MeanGap)
		at := join(path, v.field)
		if rate := float64(v.visits.Bytes) / v.visits.MeanGap.Seconds(); rate > mostCronBytesPerS && r.ok(join(at, "mean_gap")) {
			r.refuse(join(at, "bytes"), "are %v each %v, %.3g B/s: a program that comes now and then moves at most %.0g B/s in the mean",
				v.visits.Bytes, v.visits.MeanGap, rate, float64(mostCronBytesPerS))
		}
	}
	if s := m.PowerSave; s != nil {
		atLeast("power_save.idle", s.Idle)
	}
	switch path := join(path, "kv_system_drive_share"); {
	case m.KVSystemDriveShare >= 1 && r.ok(path):
		r.refuse(path, "is a share below 1, not %g", m.KVSystemDriveShare)
	case m.KVSystemDriveShare > 0 && !m.KVOnSecondDrive && r.ok(path):
		r.refuse(path, "is of a tier on two drives: kv_on_second_drive is not set")
	}
	if c := m.CarryOver; c != nil {
		atLeast("carry_over.decay", c.Decay)
		if c.Latency <= 1 {
			r.refuse(join(path, "carry_over.latency"), "is %g: it is how many times as long the drive takes, more than 1", c.Latency)
		}
	}
	if m.CountersReset > 0 {
		atLeast("counters_reset", m.CountersReset)
	}
	if m.PageHangs > 0 {
		atLeast("page_hangs", m.PageHangs)
	}
	if m.PromptFilter > 0 {
		atLeast("prompt_filter", m.PromptFilter)
	}
	if l := m.PinnedLimit; l != nil && l.Instead >= l.Most && r.ok(join(path, "pinned_limit.most"), join(path, "pinned_limit.instead")) {
		r.refuse(join(path, "pinned_limit.instead"), "is %v: less than most, %v, is what is left of a tier that cannot be pinned", l.Instead, l.Most)
	}
	if m.SmallPages != 0 && !(m.SmallPages > 1) {
		r.refuse(join(path, "small_pages"), "is %g: it is how many times as long the GPU takes, more than 1", m.SmallPages)
	}
	if s := m.CPUSleep; s != nil && !(s.KeptAwake >= 0 && s.KeptAwake <= 1) {
		r.refuse(join(path, "cpu_sleep.kept_awake"), "is %g: it is a share, 0 to 1", s.KeptAwake)
	}
}

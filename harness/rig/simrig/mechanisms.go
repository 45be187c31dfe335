package simrig

import (
	"time"

	"sparkharness/harness/config"
	"sparkharness/harness/fio"
	"sparkharness/harness/sim"
)

// mechanisms are those of a world.
func mechanisms(m config.Mechanisms) sim.Mechanisms {
	out := sim.Mechanisms{
		UnlimitedSlots:   m.UnlimitedSlots,
		UnlimitedCompute: m.UnlimitedCompute,
		KVSwapToNVMe:     m.KVSwapToNVMe,

		LoRAPreloaded:      m.LoRAPreloaded,
		IgnoreTierSettings: m.IgnoreTierSettings,
		KVOnSecondDrive:    m.KVOnSecondDrive,
		AsyncKVLoader:      m.AsyncKVLoader,
		BlockingFetch:      m.BlockingFetch,
		BufferedKVTier:     m.BufferedKVTier,
		ScrapeStall:        time.Duration(m.ScrapeStall),
		PagedWeightsBytes:  int64(m.PagedWeightsBytes),

		TierNeverFires: m.TierNeverFires,
		PhantomHits:    m.PhantomHits,
		WrongKV:        m.WrongKV,

		WriteOnlySpill:     m.WriteOnlySpill,
		RequestLogBytes:    int64(m.RequestLogBytes),
		KVSystemDriveShare: m.KVSystemDriveShare,
		PolicyInverted:     m.PolicyInverted,
		CountersFrozen:     m.CountersFrozen,
		IOStatsOff:         m.IOStatsOff,
		CountersReset:      time.Duration(m.CountersReset),
		PageHangs:          time.Duration(m.PageHangs),
		CronReads:          visits(m.CronReads),
		CronWrites:         visits(m.CronWrites),

		PromptFilter: time.Duration(m.PromptFilter),
		IndexSearch:  int64(m.IndexSearch),
		SmallPages:   m.SmallPages,
	}
	if b := m.Bursts; b != nil {
		out.Bursts = sim.BurstSpec{ReadBytes: int64(b.ReadBytes), WriteBytes: int64(b.WriteBytes), Every: time.Duration(b.Every)}
	}
	if t := m.ThermalSlowdown; t != nil {
		out.ThermalSlowdown = sim.ThermalSpec{TimeConstant: time.Duration(t.TimeConstant), LowestMHz: t.LowestMHz, Reasons: t.Reasons}
	}
	if s := m.PowerSave; s != nil {
		out.PowerSave = sim.SleepSpec{Idle: time.Duration(s.Idle), Exit: time.Duration(s.Exit)}
	}
	if c := m.CarryOver; c != nil {
		out.CarryOver = sim.CarryOverSpec{Latency: c.Latency, Decay: time.Duration(c.Decay), WritesInFlight: c.WritesInFlight}
	}
	if l := m.PinnedLimit; l != nil {
		out.PinnedLimit = sim.PinSpec{Most: int64(l.Most), Instead: int64(l.Instead)}
	}
	if s := m.CPUSleep; s != nil {
		out.CPUSleep = sim.CPUSleepSpec{Exit: time.Duration(s.Exit), KeptAwake: s.KeptAwake}
	}
	return out
}

func visits(v *config.CronVisits) sim.VisitSpec {
	if v == nil {
		return sim.VisitSpec{}
	}
	return sim.VisitSpec{MeanGap: time.Duration(v.MeanGap), Bytes: int64(v.Bytes)}
}

// writesInFlight is how many writes the jobs keep in flight in the mean.
func writesInFlight(jobs []fio.Job) float64 {
	sum := 0.0
	for _, j := range jobs {
		sum += (1 - j.ReadShare) * float64(j.InFlight())
	}
	return sum
}

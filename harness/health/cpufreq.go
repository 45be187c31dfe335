package health

import (
	"slices"

	"sparkharness/harness/record"
)

// CPU reads cpufreq; nil where the machine has none, as most virtual ones.
func CPU(sys string) *record.CPUClock {
	var c *record.CPUClock
	for _, policy := range names(sys, "devices", "system", "cpu", "cpufreq") {
		governor := text(sys, "devices", "system", "cpu", "cpufreq", policy, "scaling_governor")
		if governor == "" {
			continue
		}
		if c == nil {
			c = &record.CPUClock{}
		}
		if !slices.Contains(c.Governors, governor) {
			c.Governors = append(c.Governors, governor)
		}
		of := func(file string) *float64 { return milli(sys, "devices", "system", "cpu", "cpufreq", policy, file) } // kHz
		now := of("scaling_cur_freq")
		least(&c.LeastMHz, now)
		most(&c.MostMHz, now)
		least(&c.LimitMHz, of("scaling_max_freq"))
		most(&c.RatedMHz, of("cpuinfo_max_freq"))
	}
	if c != nil {
		slices.Sort(c.Governors)
	}
	return c
}

func least(into **float64, v *float64) {
	if v != nil && (*into == nil || *v < **into) {
		*into = v
	}
}

func most(into **float64, v *float64) {
	if v != nil && (*into == nil || *v > **into) {
		*into = v
	}
}

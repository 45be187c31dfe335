package doctor

import (
	"context"
	"fmt"
	"io/fs"
	"sync"
	"time"
)

// policies are the folders of the processors' clocks.
func (m *Machine) policies() []string {
	found, _ := fs.Glob(m.Files, "sys/devices/system/cpu/cpufreq/policy*") // the pattern is well formed
	return found
}

// noCPUFreq is what is seen of a machine that does not tell its clocks, as of most virtual ones.
const noCPUFreq = "the kernel tells no clocks (no /sys/devices/system/cpu/cpufreq)"

func lookCPULimit(v *visit) seen {
	policies := v.m.policies()
	if len(policies) == 0 {
		return unknown(noCPUFreq)
	}
	low, worst := "", 1.0
	for _, p := range policies {
		now, err := v.m.number(p + "/scaling_max_freq")
		most, err2 := v.m.number(p + "/cpuinfo_max_freq")
		if err != nil || err2 != nil || most <= 0 {
			return unknown("the limits of /%s cannot be read", p)
		}
		if share := now / most; share < worst {
			worst, low = share, fmt.Sprintf("/%s is limited to %.2f of %.2f GHz", p, now/1e6, most/1e6)
		}
	}
	if worst < 0.99 {
		return warning("%s", low)
	}
	return ok("%d clock domains, none limited below what it can do", len(policies))
}

// spinFor is how long processors are kept busy before their clocks are read.
const spinFor = 500 * time.Millisecond

func lookCPULoad(v *visit) seen {
	policies := v.m.policies()
	if len(policies) == 0 {
		return unknown(noCPUFreq)
	}
	if !v.n.Probe {
		return unknown(underLoad).do("look again with --probe")
	}
	ctx, cancel := context.WithCancel(v.ctx)
	var spinning sync.WaitGroup
	spinning.Go(func() { v.m.Spin(ctx) })
	defer spinning.Wait()
	defer cancel()
	if err := v.m.Sleep(v.ctx, spinFor); err != nil {
		return unknown("the look was ended: %v", err)
	}
	fastest := 0.0
	for _, p := range policies {
		now, err := v.m.number(p + "/scaling_cur_freq")
		if err != nil {
			return unknown("the clock of /%s cannot be read: %v", p, err)
		}
		fastest = max(fastest, now)
	}
	said := fmt.Sprintf("the fastest domain runs at %.2f GHz with all processors busy", fastest/1e6)
	if fastest < cappedCPUkHz {
		return missing("%s", said).with(fastest/1e3, "MHz")
	}
	return ok("%s", said).with(fastest/1e3, "MHz")
}

// underLoad is what is seen of what only a load would show.
const underLoad = "only told under load (--probe)"

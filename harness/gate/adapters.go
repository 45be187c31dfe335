package gate

import (
	"fmt"

	"sparkharness/harness/evidence"
	"sparkharness/harness/record"
)

// AdapterReads is the manipulation check of cold and warm phases: of the bytes of the adapters that the
// measure phase asked for, the cold arm read at least atLeast from the NVMe since its treatments, the warm
// arm at most atMost.
func AdapterReads(ev *evidence.Evidence, atLeast, atMost float64) Gate {
	const name = "adapter reads"
	low, high := worst{}, worst{}
	for _, c := range ev.Cells {
		bytes, touched := 0.0, map[string]bool{}
		for i := range c.Requests {
			if a := c.Requests[i].Adapter; a != "" && !touched[a] {
				touched[a] = true
				size, ok := c.Info.Settings.AdapterBytes[a]
				if !ok {
					return Fail(name, Invalid, "size_unknown", fmt.Sprintf("%s: the size of adapter %s is not known", c.Key, a))
				}
				bytes += size
			}
		}
		since, idle := &c.Sys.SinceTreatment, &c.Sys.Baseline
		if bytes == 0 || since.NVMeSeconds == 0 || idle.NVMeSeconds == 0 {
			return Fail(name, Invalid, "not_measured", c.Key+": no adapter was asked for, or the NVMe was not watched")
		}
		// The machine reads a little on its own; the baseline says how much.
		read := since.ReadBytes - idle.ReadBytes/idle.NVMeSeconds*since.NVMeSeconds
		share := read / bytes
		where := fmt.Sprintf("%s read %.2f GB of %.2f GB of adapters from NVMe (%.1f %%)", c.Key, read/1e9, bytes/1e9, share*100)
		if c.Phase == record.ArmCold {
			low.high(-share, where)
		} else {
			high.high(share, where)
		}
	}
	detail := fmt.Sprintf("%s, at least %.0f %% needed; %s, at most %.0f %% allowed", low.where, atLeast*100, high.where, atMost*100)
	switch {
	case !low.seen || !high.seen:
		return Fail(name, Invalid, "arm_missing", "cold or warm cells are missing")
	case -low.value < atLeast:
		return Fail(name, Invalid, "cold_not_cold", detail)
	case high.value > atMost:
		return Fail(name, Invalid, "warm_not_warm", detail)
	}
	return Pass(name, detail)
}

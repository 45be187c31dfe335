package sim

import (
	"cmp"
	"fmt"
	"strings"
)

// StartupLog is what the server process wrote when it was last started about the KV tiers that it
// allocated, one line a tier. It tells what was built, whatever had been asked for; trtllm-serve knows
// the device tier alone.
func (m *Machine) StartupLog() string { return *m.startup.Load() }

// started writes the startup log.
func (m *Machine) started() {
	log := startupLog(m.engine.kv, m.spec.Dialect)
	m.startup.Store(&log)
}

// startupLog describes the tiers of a manager.
func startupLog(k *kvManager, dialect string) string {
	if dialect == DialectTRTLLM {
		return "trtllm: " + k.device.describe("device", k.blockBytes) + "\n"
	}
	if k.fs != nil || k.direct {
		return k.vllmStartupLog()
	}
	var b strings.Builder
	fmt.Fprintln(&b, "kvbm:", k.device.describe("device", k.blockBytes))
	if k.host != nil {
		fmt.Fprintln(&b, "kvbm:", k.host.describe("host", k.blockBytes))
	}
	if k.disk != nil {
		fmt.Fprintf(&b, "kvbm: %s offload_min_frequency=%d\n", k.disk.describe("disk", k.blockBytes), k.filter.min)
	}
	return b.String()
}

func (t *tier) describe(name string, blockBytes int64) string {
	return fmt.Sprintf("tier=%s blocks=%d bytes_per_block=%d eviction_policy=%s", name, cmp.Or(t.told, t.capacity), blockBytes, t.order.name())
}

// unaskedHost is the host tier that a KV manager with the mechanism IgnoreTierSettings builds. Its size
// and policy are the mechanism's own; they are no figure of any release.
var unaskedHost = TierSpec{CapacityBytes: 24 << 30, Policy: "LRU"}

// Built is the software as it comes up on a machine with these mechanisms.
func (s Spec) Built(m Mechanisms) Spec {
	if m.IgnoreTierSettings && s.Host.CapacityBytes > 0 {
		s.Host = unaskedHost
	}
	s.Loader.IOBytes = s.Offload.ioBytes(s)
	return s
}

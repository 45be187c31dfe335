package rig

import (
	"fmt"
	"slices"

	"sparkharness/harness/config"
	"sparkharness/harness/record"
)

// Capabilities of a rig beside the kinds of treatments.
const (
	KVTelemetry = "kv_telemetry"     // reads the counters of a KV manager
	SetTier1    = "set_tier1"        // gives the host tier a capacity
	SetPolicy   = "set_policy"       // gives the host tier an eviction policy
	LoRA        = "lora"             // serves LoRA adapters
	TwoDrives   = "two_drives"       // puts tier 2 on one of two drives, and reads the counters of both
	TellsWaits  = "tells_waits"      // its servers tell how long a request waited for admission
	StartupLog  = "tells_tier_setup" // its servers tell the tiers that they built
	// ProvesCounters says that it can read and write on the watched device, so that counters are seen to move.
	ProvesCounters = "proves_counters"
)

// need is a capability that an experiment cannot do without, and what asks for it.
type need struct{ capability, by string }

// needs are what the experiment asks of a rig.
func needs(e *config.Experiment) []need {
	var out []need
	s := e.Hypothesis.Sweep
	add := func(wanted bool, by string, capabilities ...string) {
		for _, c := range capabilities {
			if wanted {
				out = append(out, need{c, by})
			}
		}
	}
	add(len(s.Fio) > 0, "sweep.fio", Fio)
	add(s.Probed(), "sweep.fio", Probe)
	add(len(s.Drive) > 0, "sweep.drive", TwoDrives)
	// Before what root, or a program, would mend: who has done that is not to hear that it was in vain.
	add(e.Hypothesis.Load.Adapters != nil, "load.adapters", LoRA)
	add(len(s.Phase) > 0, "sweep.phase", DropCaches, Restart)
	add(len(s.Tier1) > 0, "sweep.tier1", SetTier1)
	add(len(s.Policy) > 0, "sweep.policy", SetPolicy)
	for _, name := range e.StackNames() {
		st := e.Stacks[name]
		// A tier that was swept and that no server told of would be a label.
		add(st.Launched != nil && name == "B" && len(s.Tier1)+len(s.Policy) > 0, "sweep.tier1 or sweep.policy, which have to be read back", StartupLog)
		add(st.Dynamo != nil || st.Server != nil && name == "B", "stack "+name, KVTelemetry)
	}
	return out
}

// UndecidableError says that a rig cannot decide a hypothesis, whichever run of it: nothing is amiss with what was asked for.
type UndecidableError struct{ Why string }

func (e *UndecidableError) Error() string { return e.Why }

// Lacks refuses an experiment that needs what a rig cannot do: with an UndecidableError.
func Lacks(f record.Facts, e *config.Experiment) error {
	for _, n := range needs(e) {
		if !slices.Contains(f.Capabilities, n.capability) {
			return &UndecidableError{fmt.Sprintf("%s asks for %s (%s), which rig %s cannot do: choose another rig with -rig, or a configuration without it",
				e.Hypothesis.Hypothesis, n.capability, n.by, f.Rig)}
		}
	}
	return nil
}

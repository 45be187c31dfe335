package serverrig

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"sparkharness/harness/config"
	"sparkharness/harness/rig"
)

// launchCapabilities are what can be done to all the servers, and read of them.
func launchCapabilities(e *config.Experiment) []string {
	out := []string{rig.ProvesCounters, rig.Restart}
	waits, adapters := true, true
	for _, name := range e.StackNames() {
		st := e.Stacks[name]
		l := st.Server.Launch
		waits, adapters = waits && st.Server.Waits != "", adapters && l.LoRA != nil
		if name != "B" {
			continue
		}
		_, tier1 := l.Settings["tier1"]
		policy, sets := l.Settings["policy"]
		tells := false
		for _, line := range l.Log {
			tells = tells || strings.Contains(line.Pattern, "(?P<tier1_")
		}
		for capability, has := range map[string]bool{rig.SetTier1: tier1, rig.SetPolicy: sets && len(policy.Words) > 1, rig.StartupLog: tells, rig.KVTelemetry: tellsKV(st)} {
			if has {
				out = append(out, capability)
			}
		}
	}
	if waits {
		out = append(out, rig.TellsWaits)
	}
	if adapters {
		out = append(out, rig.LoRA)
	}
	slices.Sort(out)
	return out
}

// tellsKV says whether the tiers' counters can be read in bytes and lookups: KVBM's page counts blocks, whose bytes follow from the
// model's; other pages need the size of a block.
func tellsKV(st *config.Stack) bool {
	if st.Server.KV == nil {
		return false
	}
	if st.Server.KVBM {
		return blockBytes(st) != nil
	}
	return st.Server.Engine != nil && len(st.Server.Engine.Figures["block_tokens"].Names) > 0
}

// blockBytes are those of a KV block as configured, nil where nobody can tell.
func blockBytes(st *config.Stack) *float64 {
	l := st.Launched
	if l == nil || l.TokenBytes == nil || l.BlockTokens == 0 {
		return nil
	}
	return new(*l.TokenBytes * float64(l.BlockTokens))
}

// lacksPolicies refuses a sweep over policies that the server does not have.
func lacksPolicies(e *config.Experiment) error {
	st := e.Stacks["B"]
	if st == nil || st.Server == nil || st.Server.Launch == nil {
		return nil
	}
	words := st.Server.Launch.Settings["policy"].Words
	for _, p := range e.Hypothesis.Sweep.Policy {
		if _, has := words[p]; !has {
			return &rig.UndecidableError{Why: fmt.Sprintf("%s compares the policies %s, and %s has %s: give -configs a folder in which hypotheses/%s.yaml has sweep.policy of these",
				e.Hypothesis.Hypothesis, strings.Join(e.Hypothesis.Sweep.Policy, ", "), st.Server.Server, strings.Join(slices.Sorted(maps.Keys(words)), ", "),
				strings.ToLower(e.Hypothesis.Hypothesis))}
		}
	}
	return nil
}

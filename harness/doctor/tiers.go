package doctor

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"sparkharness/harness/telemetry"
)

func lookTiers(v *visit) seen {
	s := v.n.server("B")
	if s == nil {
		return unnamed("a server of stack B", servers)
	}
	f := v.facts["B"]()
	switch {
	case f.err != nil:
		return unknown("it does not answer").do("mend server-answers first")
	case !f.kv.asked:
		return missing("kind %s has no page about KV tiers", s.Kind.Server)
	case f.kv.err != nil:
		return missing("%s", short(f.kv.err.Error()))
	}
	setup := ""
	if s.Log != nil {
		tiers, err := telemetry.StartupLog(*s.Log)
		if err != nil {
			return unknown("%s", short(err.Error())).do("give the whole log of one start with --log")
		}
		for _, t := range []struct {
			name string
			line *telemetry.TierLine
		}{{"host", tiers.Host}, {"disk", tiers.Disk}} {
			if t.line != nil {
				setup += fmt.Sprintf("; %s %s", t.name, size(t.line.Blocks*t.line.BlockBytes))
			}
		}
	}
	if s.Kind.KVBM {
		return ok("KVBM counts blocks%s", setup)
	}
	tier2 := slices.DeleteFunc(slices.Sorted(maps.Keys(f.kv.values)), func(name string) bool { return !strings.HasPrefix(name, "tier2_") })
	if len(tier2) == 0 {
		return unknown("the page tells nothing of tier 2 yet%s", setup).do("flood the upper tiers, so that tier 2 is written; counters begin with the first block")
	}
	in, toldIn := f.kv.values["tier2_bytes_in"]
	if out, toldOut := f.kv.values["tier2_bytes_out"]; toldIn && toldOut && in > 0 && out == 0 {
		return warning("%s were written to tier 2, and nothing was read from it%s", size(in), setup).
			do("flood the upper tiers with more than they hold: what is never evicted is never read back")
	}
	return ok("tier 2 is told: %s%s", short(strings.Join(tier2, ", ")), setup)
}

func lookFailures(v *visit) seen {
	if v.n.server("B") == nil {
		return unnamed("a server of stack B", servers)
	}
	f := v.facts["B"]()
	n, told := f.kv.values["failures"]
	switch {
	case f.err != nil:
		return unknown("it does not answer").do("mend server-answers first")
	case !told:
		return unknown("its page does not tell failed promotions")
	case n > 0:
		return warning("%.0f promotions found no room since its start", n).with(n, "count")
	}
	return ok("no promotion failed since its start").with(0, "count")
}

func lookHolds(v *visit) seen {
	s := v.n.server("B")
	switch {
	case s == nil:
		return unnamed("a server of stack B", servers)
	case s.Kind.Server == "vllm-disk":
		return ok("kind vllm-disk has no tier between")
	case v.n.CPUTierBytes == nil:
		return unnamed("the CPU tier", "--cpu-tier GiB")
	case v.n.PromptKVBytes == nil:
		return unnamed("the KV of the longest prompt, times loads at once,", "--prompt-kv GiB")
	}
	said := fmt.Sprintf("a tier of %s for %s of KV at once", size(*v.n.CPUTierBytes), size(*v.n.PromptKVBytes))
	if *v.n.CPUTierBytes < *v.n.PromptKVBytes {
		return missing("%s", said)
	}
	return ok("%s", said)
}

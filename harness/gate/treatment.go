package gate

import (
	"fmt"
	"math"
	"path"
	"slices"
	"strings"

	"sparkharness/harness/evidence"
	"sparkharness/harness/record"
)

// Treatment is the manipulation check that every run has: what the servers say they run with is what the
// configuration asked for. What no page of a server tells is named, because it is not confirmed.
func Treatment(ev *evidence.Evidence, _ Claim) Gate {
	const name = "treatment"
	var untold, told, done []string
	unasked, free := false, false
	for _, c := range ev.Cells {
		s := c.Info.Settings
		switch {
		case s.Unasked:
			unasked = true
		case s.WantKVPool == 0 && s.WantBlockTokens == 0 && s.Model != "": // of a server that was asked for neither
			if !servesWanted(s) {
				return notWanted(name, c.Key, s)
			}
			free = true
		case s.KVPoolBytes == nil || s.BlockTokens == nil:
			return Fail(name, Invalid, "not_read_back", c.Key+": the server does not tell its KV pool or block size")
		case *s.BlockTokens != s.WantBlockTokens:
			return Fail(name, Invalid, "block_tokens",
				fmt.Sprintf("%s: the server has blocks of %.0f tokens, configured are %.0f", c.Key, *s.BlockTokens, s.WantBlockTokens))
		case math.Abs(*s.KVPoolBytes-s.WantKVPool) > s.KVBlockBytes:
			return Fail(name, Invalid, "kv_pool",
				fmt.Sprintf("%s: the server has a KV pool of %.2f GiB, configured are %.2f GiB", c.Key, *s.KVPoolBytes/(1<<30), s.WantKVPool/(1<<30)))
		case !servesWanted(s):
			return notWanted(name, c.Key, s)
		case (c.Tier1Bytes > 0 || c.Policy != "") && !tierTold(s, "host"):
			return Fail(name, Invalid, "not_read_back",
				c.Key+": the server does not tell the capacity and policy of its host tier, which the sweep varies")
		}
		for _, t := range s.Tiers {
			if g := tierFault(c.Key, t, s.KVBlockBytes); g != "" {
				return Fail(name, Invalid, t.Tier+"_tier", g)
			}
		}
		for _, t := range c.Info.Treatments {
			if t.Before == nil || t.After == nil || *t.After >= *t.Before {
				return Fail(name, Invalid, t.Treatment, fmt.Sprintf("%s: %s did not show: %s is %s, before it was %s",
					c.Key, t.Treatment, t.Reading, orUnknown(t.After), orUnknown(t.Before)))
			}
			if !slices.Contains(done, t.Treatment) {
				done = append(done, t.Treatment)
			}
		}
		for _, what := range s.NotReadBack {
			if !slices.Contains(untold, what) {
				untold = append(untold, what)
			}
		}
	}
	if unasked {
		return Pass(name, unaskedDetail(ev, untold, done))
	}
	if !slices.ContainsFunc(ev.Cells, func(c *evidence.Cell) bool { return c.Info.Settings.WantModel == "" }) {
		told = append(told, "model")
	}
	if !free {
		told = append(told, "KV pool", "block size")
	}
	if tiersTold(ev.Cells) {
		told = append(told, "capacity and policy of the host and NVMe tiers", "offload filter")
	}
	detail := fmt.Sprintf("%s read back as configured in all %d cells", strings.Join(told, ", "), len(ev.Cells))
	if free {
		detail += "; KV pool and block size were asked of no server or not of all"
	}
	if len(done) > 0 {
		slices.Sort(done)
		detail += "; seen to take effect: " + strings.Join(done, ", ")
	}
	if len(untold) > 0 {
		slices.Sort(untold)
		detail += "; the server does not tell: " + strings.Join(untold, ", ")
	}
	return Pass(name, detail)
}

func notWanted(name, cell string, s record.Settings) Gate {
	return Fail(name, Invalid, "model", fmt.Sprintf("%s: the server serves the model %s, configured is %s", cell, s.Model, s.WantModel))
}

// unaskedDetail is what is known of servers that somebody else has started: the factors of the sweep are those of the load, which
// the records themselves tell.
func unaskedDetail(ev *evidence.Evidence, untold, done []string) string {
	detail := fmt.Sprintf("servers that were started by somebody else, of which nothing was asked but to serve; model %s in all %d cells",
		ev.Cells[0].Info.Settings.Model, len(ev.Cells))
	for _, c := range ev.Cells {
		if c.Info.Settings.Model != ev.Cells[0].Info.Settings.Model {
			detail = fmt.Sprintf("servers that were started by somebody else; model %s in %s", c.Info.Settings.Model, c.Key)
		}
	}
	detail += seenOfServers(ev)
	if len(done) > 0 {
		slices.Sort(done)
		detail += "; seen to take effect: " + strings.Join(done, ", ")
	}
	if len(untold) > 0 {
		slices.Sort(untold)
		detail += "; not told: " + strings.Join(untold, ", ")
	}
	return detail
}

// servesWanted reports whether the server serves the model that was asked for, as far as the run tells which that was. A
// server that was started with a path serves the model by the last part of it.
func servesWanted(s record.Settings) bool {
	return s.WantModel == "" || s.Model == s.WantModel || s.Model == path.Base(s.WantModel)
}

// tierTold reports whether the server told the tier of that name.
func tierTold(s record.Settings, name string) bool {
	return slices.ContainsFunc(s.Tiers, func(t record.TierSetting) bool { return t.Tier == name })
}

// tierFault says how a tier that the server built differs from what was asked for, "" if it does not.
func tierFault(key string, t record.TierSetting, blockBytes float64) string {
	const gib = 1 << 30
	switch {
	case math.Abs(t.Bytes-t.WantBytes) > blockBytes:
		return fmt.Sprintf("%s: the server built a %s tier of %.2f GiB, configured are %.2f GiB", key, t.Tier, t.Bytes/gib, t.WantBytes/gib)
	case t.Policy != t.WantPolicy:
		return fmt.Sprintf("%s: the server evicts from its %s tier by %s, configured is %s", key, t.Tier, t.Policy, t.WantPolicy)
	case t.MinFreq != nil && *t.MinFreq != *t.WantMinFreq:
		return fmt.Sprintf("%s: the server writes blocks to its %s tier that were seen %.0f times, configured are %.0f", key, t.Tier, *t.MinFreq, *t.WantMinFreq)
	}
	return ""
}

// tiersTold reports whether every cell with a KV manager told both tiers below the device.
func tiersTold(cells []*evidence.Cell) bool {
	any := false
	for _, c := range cells {
		if c.Info.HasKV {
			any = true
			if len(c.Info.Settings.Tiers) < 2 {
				return false
			}
		}
	}
	return any
}

func orUnknown(v *float64) string {
	if v == nil {
		return "unknown"
	}
	return fmt.Sprintf("%.4g", *v)
}

package hypotheses

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/verdict"
)

// settingFault is a fault in what the server of the last cell tells of itself.
type settingFault struct {
	name, code, says string
	near, fault      func(settings object)
}

func (f settingFault) check(t *testing.T, base *recording) {
	t.Helper()
	cells := planned(base)
	last := func(edit func(object)) func(*recording) {
		if edit == nil {
			return nil
		}
		return func(r *recording) {
			cellInfo(r, cells[len(cells)-1], func(info object) { edit(info["settings"].(object)) })
		}
	}
	gateFault{f.name, "treatment", f.code, verdict.Invalid, f.says, last(f.near), last(f.fault)}.check(t, base)
}

// put sets a field; add adds to a number.
func put(field string, v any) func(object) { return func(o object) { o[field] = v } }

func add(field, to string, v float64) func(object) {
	return func(o object) { o[field] = o[to].(float64) + v }
}

// A server's own word decides, a block more or less of a pool apart.
func TestSettingsAreReadBack(t *testing.T) {
	t.Parallel()
	const block = 10485760
	base := passingH2A(t)
	for _, f := range []settingFault{
		{"pool unknown", "not_read_back", "does not tell its KV pool", nil, put("kv_pool_bytes", nil)},
		{"blocks unknown", "not_read_back", "or block size", nil, put("kv_block_tokens", nil)},
		{"smaller blocks", "block_tokens", "blocks of 16 tokens, configured are 32", put("kv_block_tokens", 32), put("kv_block_tokens", 16)},
		{"larger blocks", "block_tokens", "blocks of 33 tokens, configured are 32", nil, put("kv_block_tokens", 33)},
		{"a smaller pool", "kv_pool", "configured are 16.00 GiB", add("kv_pool_bytes", "want_kv_pool_bytes", -block),
			add("kv_pool_bytes", "want_kv_pool_bytes", -block-1)},
		{"a larger pool", "kv_pool", "configured are 16.00 GiB", add("kv_pool_bytes", "want_kv_pool_bytes", block),
			add("kv_pool_bytes", "want_kv_pool_bytes", block+1)},
	} {
		f.check(t, base)
	}
}

// The model that answers is the one that was asked for: by its whole id, or by the last part of it, which is all that
// a server knows that was started with a path. A run that does not tell which model was wanted is not said to have it.
func TestTheServedModelIsReadBack(t *testing.T) {
	t.Parallel()
	want := func(served, wanted string) func(object) {
		return func(settings object) { settings["model"], settings["want_model"] = served, wanted }
	}
	base := passingH2A(t)
	assert.True(t, strings.HasPrefix(base.gate("treatment").Detail, "model, KV pool, block size read back as configured in all 4 cells"))
	for _, f := range []settingFault{
		{"another model", "model", "the server serves the model qwen-0.5b, configured is nvidia/Llama-3.3-70B-Instruct-NVFP4",
			put("model", "nvidia/Llama-3.3-70B-Instruct-NVFP4"), put("model", "qwen-0.5b")},
		{"of another maker", "model", "the server serves the model b/tiny, configured is a/tiny", want("tiny", "a/tiny"), want("b/tiny", "a/tiny")},
		{"part of a name", "model", "the server serves the model tiny, configured is not-tiny", want("tiny", "tiny"), want("tiny", "not-tiny")},
	} {
		f.check(t, base)
	}
	unknown := base.again(t).json("cells/*/cell.json", func(info object) { delete(info["settings"].(object), "want_model") })
	g := unknown.gate("treatment")
	assert.True(t, g.Passed, g.Detail)
	assert.True(t, strings.HasPrefix(g.Detail, "KV pool, block size read back as configured"), g.Detail)
}

// passingH4B is a recording of stack B with its tiers, in which every gate passes.
func passingH4B(t *testing.T) *recording {
	return recorded(t, gatesDecide(h4b)).gates("min_samples", 10).gates("steady_alpha", 0)
}

func TestTiersAreReadBack(t *testing.T) {
	t.Parallel()
	const block = 10485760
	tier := func(name string, edit func(object)) func(object) {
		return func(settings object) {
			for _, t := range settings["tiers"].([]any) {
				if t.(object)["tier"] == name {
					edit(t.(object))
				}
			}
		}
	}
	base := passingH4B(t)
	require.Equal(t, verdict.Supported, base.replay().Verdict.Outcome)
	for _, name := range []string{"host", "disk"} {
		for _, f := range []settingFault{
			{"smaller", name + "_tier", "a " + name + " tier of", tier(name, add("bytes", "want_bytes", -block)),
				tier(name, add("bytes", "want_bytes", -block-1))},
			{"larger", name + "_tier", "a " + name + " tier of", tier(name, add("bytes", "want_bytes", block)),
				tier(name, add("bytes", "want_bytes", block+1))},
			{"another policy", name + "_tier", "its " + name + " tier by FIFO, configured is LRU",
				tier(name, put("eviction_policy", "LRU")), tier(name, put("eviction_policy", "FIFO"))},
		} {
			f.name = name + " tier " + f.name
			f.check(t, base)
		}
	}
	settingFault{"a filter that passes all", "disk_tier", "were seen 1 times, configured are 2",
		tier("disk", put("offload_min_frequency", 2)), tier("disk", put("offload_min_frequency", 1))}.check(t, base)
}

// What no page and no log tells is not said to be read back.
func TestWhatIsNotToldIsNotConfirmed(t *testing.T) {
	told := passingH4B(t).gate("treatment").Detail
	assert.Contains(t, told, "capacity and policy of the host and NVMe tiers, offload filter read back as configured in all 4 cells")
	assert.Contains(t, told, "the server does not tell: loader, prefetch depth, tier exclusiveness")

	r := passingH4B(t)
	cells := planned(r)
	cellInfo(r, cells[len(cells)-1], func(info object) {
		settings := info["settings"].(object)
		settings["tiers"] = settings["tiers"].([]any)[:1]
		settings["not_read_back"] = append(settings["not_read_back"].([]any), "disk tier capacity and policy")
	})
	g := r.gate("treatment")
	assert.True(t, g.Passed)
	assert.True(t, strings.HasPrefix(g.Detail, "model, KV pool, block size read back"), g.Detail)
	assert.Contains(t, g.Detail, "does not tell: disk tier capacity and policy, loader")
}

// What a sweep varies is a treatment: a server that does not tell it back cannot be said to have had it.
func TestSweptTiersMustBeTold(t *testing.T) {
	t.Parallel()
	base := recorded(t, gatesDecide(h6)).gates("min_samples", 1).gates("steady_alpha", 0).gates("max_error_rate", 1)
	tiers := func(edit func(all []any) []any) func(settings object) {
		return func(settings object) { settings["tiers"] = edit(settings["tiers"].([]any)) }
	}
	none := func([]any) []any { return []any{} }
	for _, f := range []settingFault{
		{"no tier told", "not_read_back", "the server does not tell the capacity and policy of its host tier, which the sweep varies", nil, tiers(none)},
		{"the host tier not told", "not_read_back", "its host tier", tiers(func(all []any) []any { return all[:1] }),
			tiers(func(all []any) []any { return all[1:] })},
	} {
		f.check(t, base)
	}
	all := base.again(t).json("cells/*/cell.json", func(info object) { info["settings"].(object)["tiers"] = []any{} })
	gateFault{gate: "treatment", code: "not_read_back", outcome: verdict.Invalid, says: "host tier"}.stops(t, all)
	untouched := passingH4B(t).json("cells/*/cell.json", func(info object) { info["settings"].(object)["tiers"] = []any{} })
	assert.True(t, untouched.gate("treatment").Passed, "a sweep that leaves the tiers alone")
}

// A treatment took effect if what it acts on fell.
func TestTreatmentsMustShow(t *testing.T) {
	base := recorded(t, gatesDecide(h1)).gates("min_samples", 10)
	assert.Contains(t, base.gate("treatment").Detail, "seen to take effect: drop_caches, restart")
	const cell = "phase=cold/ctx=512/conc=8/rep=2"
	treated := func(i int, edit func(object)) func(*recording) {
		return func(r *recording) {
			cellInfo(r, cell, func(info object) { edit(info["treatments"].([]any)[i].(object)) })
		}
	}
	for i, name := range []string{"drop_caches", "restart"} {
		less := func(v float64) func(*recording) { return treated(i, add("after", "before", v)) }
		for _, f := range []gateFault{
			{"left as it was", "treatment", name, verdict.Invalid, cell + ": " + name + " did not show", less(-1), less(0)},
			{"not read before", "treatment", name, verdict.Invalid, "before it was unknown", nil, treated(i, put("before", nil))},
			{"not read after", "treatment", name, verdict.Invalid, "is unknown", nil, treated(i, put("after", nil))},
		} {
			f.name = name + " " + f.name
			f.check(t, base)
		}
	}
}

package serverrig

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"sparkharness/harness/config"
	"sparkharness/harness/load"
	"sparkharness/harness/record"
	"sparkharness/harness/rig"
)

// launched is a stack's server for one cell, which the rig has started.
type launched struct {
	machine
	of     *Launching
	cell   string
	around *record.Around // the machine's state before the cell, and after it; nil before it has begun

	dropped bool     // the page cache has been emptied for the cell
	cached  *float64 // bytes of LoRA adapters in it when the server had been restarted after that; nil: not told
}

// Endpoint is the server's, and how it is asked for an adapter.
func (m *launched) Endpoint() rig.Endpoint {
	e := m.machine.Endpoint()
	e.AdapterAsModel = m.stack.Launched.Adapters != nil && m.stack.Server.Launch.LoRA.Request == config.LoRAAsModel
	return e
}

// Begin has the server running as the cell wants it, waits until it has nothing to do, and empties its caches as far as it lets
// anybody do that.
func (m *launched) Begin(ctx context.Context, pc record.PlannedCell) error {
	if err := m.of.serve(ctx, m.stack); err != nil {
		return err
	}
	m.cell, m.around = pc.Key, m.of.condition.begin(ctx)
	m.server = m.of.current.asked
	if c := m.of.exp.Hypothesis.Load.Chat; c != nil && !load.SameTokens(m.server.ratio) {
		return fmt.Errorf("stack %s: its model has %.3g tokens for each of the harness's, and sessions are laid out in the harness's: take a workload of single prompts",
			m.stack.Stack, m.server.ratio.Each)
	}
	if m.stack.Server.KVBM {
		m.blockBytes = blockBytes(m.stack)
	}
	if err := m.machine.Begin(ctx, pc); err != nil {
		return errors.Join(err, m.of.current.server.Died())
	}
	return nil
}

// ReadBack is what the server says of itself, on its pages and in its log, beside what it was started with.
func (m *launched) ReadBack(ctx context.Context) (record.Settings, error) {
	want, log := m.stack.Launched, m.of.current.server.Log()
	out, err := m.machine.ReadBack(ctx)
	if err != nil {
		return out, errors.Join(err, m.of.current.server.Died())
	}
	out.Unasked, out.WantModel = false, want.Model
	out.AdapterBytes, out.AdaptersCached = m.of.adapters.sizes(), m.cached
	out.WantKVPool, out.WantBlockTokens = float64(want.KVPool), float64(want.BlockTokens)
	each, origin := want.TokenBytes, "bytes of a token's KV by models/"+m.stack.Model+".yaml, as "+want.KVDtype
	if pool, tokens := log.Bytes("kv_pool"), log.Number("kv_tokens"); each == nil && pool != nil && tokens != nil {
		each, origin = new(*pool / *tokens), "the pool's bytes by its tokens, of the server's log"
	}
	if each != nil && out.BlockTokens != nil {
		out.KVBlockBytes, out.KVBlockOrigin = *each**out.BlockTokens, origin+", by tokens of a block"
		if out.KVPoolBlocks != nil {
			out.KVPoolBytes = new(*out.KVPoolBlocks * out.KVBlockBytes)
		}
	}
	if want.Tier1 > 0 {
		policy := log.Reading("policy")
		if bytes := log.Bytes("tier1"); bytes == nil {
			out.NotReadBack = append(out.NotReadBack, "host tier capacity and policy")
		} else {
			out.Tiers = append(out.Tiers, record.TierSetting{Tier: "host", Bytes: *bytes, WantBytes: float64(want.Tier1),
				Policy: m.harnessWord(policy), WantPolicy: want.Policy})
		}
	}
	if want.Tier1+want.Tier2 > 0 || want.Tier2Dir != "" {
		out.NotReadBack = append(out.NotReadBack, "what cells before this one left in the tiers below the device")
	}
	if connector := log.Reading("connector"); connector != "" {
		out.NotReadBack = append(out.NotReadBack, "what its KV connector, "+connector+", does with its settings")
	}
	return out, nil
}

// harnessWord is the harness's word for a policy of the server's.
func (m *launched) harnessWord(policy string) string {
	for ours, theirs := range m.stack.Server.Launch.Settings["policy"].Words { // one alone fits
		if strings.EqualFold(policy, theirs) {
			return ours
		}
	}
	return policy
}

// Sources are the machine's, fio's own counters, the probe's reads, and the machine's state.
func (m *launched) Sources() rig.Sources {
	s := m.machine.Sources()
	if t := m.of.treating.treater; t != nil {
		s.Sys = append(s.Sys, t.Sources()...)
	}
	s.Health = func(ctx context.Context) *record.Around {
		m.of.condition.end(ctx, m.cell, m.around)
		return m.around
	}
	return s
}

// Apply restarts the server, or treats the machine.
func (m *launched) Apply(ctx context.Context, t rig.Treatment) (rig.Applied, error) {
	if t.Kind == rig.Restart {
		return m.restart(ctx)
	}
	done, err := m.of.treating.apply(ctx, t)
	m.dropped = m.dropped || t.Kind == rig.DropCaches && err == nil
	return done, err
}

// restart starts the server anew. Where the page cache was emptied for the cell that is done again between its end and its start:
// the kernel keeps pages that a process has mapped, and a server may hold the weights of its adapters so.
func (m *launched) restart(ctx context.Context) (rig.Applied, error) {
	before := time.Since(m.of.current.server.Served()).Seconds()
	key, known := m.of.current.key, again{m.of.current.asked, m.of.current.tier}
	m.of.current.tier = nil // what it has stored is to be there when it serves again
	err := m.of.end()
	if err == nil && m.dropped {
		_, err = m.of.treating.apply(ctx, rig.Treatment{Kind: rig.DropCaches})
	}
	if err != nil {
		return rig.Applied{}, errors.Join(err, known.tier.remove())
	}
	if err := m.of.start(ctx, m.stack, key, known); err != nil {
		return rig.Applied{}, err
	}
	m.server = m.of.current.asked
	after := time.Since(m.of.current.server.Served()).Seconds()
	m.cached, err = m.of.adapters.inCache(m.dropped)
	if err == nil && m.dropped {
		err = m.of.settle(ctx)
	}
	if err != nil {
		return rig.Applied{}, err
	}
	return rig.Applied{Seen: &record.Treated{Treatment: rig.Restart, Reading: "time since the server first answered, s", Before: &before, After: &after}}, m.watchAgain()
}

// Close lets go of what was watched, and says what the server's log has held against the cell.
func (m *launched) Close() error {
	m.of.condition.end(context.Background(), m.cell, m.around) // of a cell that came to no end, too
	err := m.machine.Close()
	if c := m.of.current; c != nil && m.server != nil {
		err = errors.Join(err, c.server.Died(), c.server.Faults())
	}
	return err
}

package runner

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"sparkharness/harness/load"
	"sparkharness/harness/record"
	"sparkharness/harness/rig"
	"sparkharness/harness/telemetry"
)

const (
	// questions is how many prompts a server is asked about after a cell. Each takes it the fetch of a prompt and twenty
	// tokens: some eight seconds of a 70B.
	questions = 3
	// stranger is a user that no load has.
	stranger = 1 << 30
)

// sent is the last request of a user that was answered.
type sent struct {
	user, seq int
	at        float64
}

// noteSent remembers a request for the oracle.
func (c *cellRun) noteSent(r *record.Request) {
	if r.RC == record.RCOK && (c.last[r.User] == nil || c.last[r.User].at < r.TS) {
		c.last[r.User] = &sent{r.User, r.Seq, r.TS}
	}
}

// askOracle asks a server with a KV manager for the first lines of prompts that it has answered, those first whose users
// have been silent longest: their KV is most likely to have left memory for the NVMe. Then it asks about a prompt that
// nobody has sent. It comes after all that is measured. What is not answered is counted; an error is the run's own.
func (c *cellRun) askOracle(ctx context.Context, src rig.Sources) error {
	if src.KV == nil || c.exp.Hypothesis.Load.Adapters != nil {
		return nil
	}
	spec, err := c.spec()
	if err != nil {
		return err
	}
	out := &record.Oracle{}
	c.info.Oracle = out
	users := slices.SortedFunc(maps.Values(c.last), func(a, b *sent) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.user, b.user)) })
	for _, s := range users[:min(questions, len(users))] {
		out.Asked++
		before := tier2Hits(ctx, src.KV)
		got, err := load.Recall(ctx, spec, s.user, s.seq)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			out.Failed = cmp.Or(out.Failed, err.Error())
			continue
		}
		out.Answered++
		if after := tier2Hits(ctx, src.KV); before != nil && after != nil {
			if out.ThroughTier2 == nil {
				out.ThroughTier2 = new(int)
			}
			if *after > *before {
				*out.ThroughTier2++
			}
		}
		if got.Cached != nil {
			if out.CachedTokens == nil {
				out.CachedTokens = new(int)
			}
			*out.CachedTokens += *got.Cached
		}
		if !got.Right() {
			out.Wrong++
			out.Example = cmp.Or(out.Example, fmt.Sprintf("asked for %q, the server said %q", got.Secret, spec.HTTP.Quote(got.Answer)))
		}
	}
	if fixed := c.exp.Hypothesis.Load.Chat == nil; out.Answered == 0 || fixed && spec.Nonce == load.NonceNone {
		return nil
	}
	got, err := load.Recall(ctx, spec, stranger, 0)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		out.Failed = cmp.Or(out.Failed, err.Error())
	default:
		out.ColdRight = new(got.Right())
	}
	return nil
}

// tier2Hits is the KV manager's count of blocks from tier 2; nil if it does not tell.
func tier2Hits(ctx context.Context, kv telemetry.KVSource) *float64 {
	var s record.KVSample
	if kv.SampleKV(ctx, &s) != nil {
		return nil
	}
	return s.Tier2.Hits
}

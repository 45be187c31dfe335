//go:build peers

package serverrig

import (
	"bytes"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"text/tabwriter"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/record"
)

// quantile is the p-quantile of values that need no order (Hyndman & Fan 1996, type 7); NaN for none.
func quantile(values []float64, p float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	pos := p * float64(len(sorted)-1)
	i := int(pos)
	return sorted[i] + (pos-float64(i))*(sorted[min(i+1, len(sorted)-1)]-sorted[i])
}

// ours runs this repository's own client, the command load.
func (l closedLoop) ours(t *testing.T, program string) measuredBy {
	t.Helper()
	dir := t.TempDir()
	lines, figures := filepath.Join(dir, "lines.jsonl"), filepath.Join(dir, "figures.json")
	configs, err := filepath.Abs(filepath.Join(repository, "configs"))
	require.NoError(t, err)
	_, err = peer(t, dir, nil, program, "load", "--url", l.url, "--server", "llama-cpp", "--configs", configs, "--api", l.api, "--users", strconv.Itoa(l.users),
		"--requests", strconv.Itoa(l.requests), "--warmup", "0s", "--duration", "1h", "--prompt", strconv.Itoa(l.promptTokens), "--output", strconv.Itoa(l.outTokens),
		"--seed", strconv.Itoa(l.seed), "--lines", lines, "--json", figures)
	require.NoError(t, err)
	var sum struct {
		PerSecond float64 `json:"requests_per_s"`
	}
	reads(t, figures, &sum)
	out := measuredBy{perSecond: sum.PerSecond}
	require.NoError(t, record.ReadComplete(lines, func(r *record.Request) error {
		if r.RC != record.RCOK {
			out.failed++
			return nil
		}
		out.ok++
		if r.SentAgain {
			out.sentAgain++
		}
		if r.ServerWaitMS != nil {
			out.beside = append(out.beside, *r.ServerWaitMS)
		}
		gap := r.ITLp50ms
		if gap == nil {
			gap = r.ChunkGapP50MS
		}
		for _, v := range []struct {
			from *float64
			to   *[]float64
		}{{r.TTFTms, &out.ttft}, {r.ITLmeanMS, &out.perToken}, {r.E2Ems, &out.e2e}, {gap, &out.medianGap}} {
			if v.from != nil {
				*v.to = append(*v.to, *v.from)
			}
		}
		for _, v := range []struct {
			from *int
			to   *[]float64
		}{{r.PromptTokens, &out.promptTokens}, {r.OutputTokens, &out.outTokens}} {
			if v.from != nil {
				*v.to = append(*v.to, float64(*v.from))
			}
		}
		return nil
	}))
	return out
}

// sideBySide is what the clients have measured, a row each, over all rounds.
func sideBySide(names []string, rounds map[string][]measuredBy) string {
	var text bytes.Buffer
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(w, "ms\tok\tfailed\tTTFT p50\tp95\tITL p50\tp95\tmedian gap\tE2E p50\tp95\trequests/s\tprompt tokens\t\n")
	for _, name := range names {
		all := pooled(rounds[name])
		var perSecond []float64
		for _, m := range rounds[name] {
			perSecond = append(perSecond, m.perSecond)
		}
		gap := "-"
		if len(all.medianGap) > 0 {
			gap = fmt.Sprintf("%.2f", quantile(all.medianGap, 0.5))
		}
		fmt.Fprintf(w, "%s\t%d\t%d\t%.1f\t%.1f\t%.2f\t%.2f\t%s\t%.1f\t%.1f\t%.3f\t%.0f\t\n", name, all.ok, all.failed, quantile(all.ttft, 0.5), quantile(all.ttft, 0.95),
			quantile(all.perToken, 0.5), quantile(all.perToken, 0.95), gap, quantile(all.e2e, 0.5), quantile(all.e2e, 0.95), quantile(perSecond, 0.5), quantile(all.promptTokens, 0.5))
	}
	_ = w.Flush() // into memory
	return text.String()
}

// pooled are the requests of several runs.
func pooled(of []measuredBy) (out measuredBy) {
	for _, m := range of {
		out.ok, out.failed, out.sentAgain = out.ok+m.ok, out.failed+m.failed, out.sentAgain+m.sentAgain
		out.ttft, out.e2e, out.perToken = append(out.ttft, m.ttft...), append(out.e2e, m.e2e...), append(out.perToken, m.perToken...)
		out.medianGap, out.promptTokens = append(out.medianGap, m.medianGap...), append(out.promptTokens, m.promptTokens...)
		out.outTokens, out.beside = append(out.outTokens, m.outTokens...), append(out.beside, m.beside...)
	}
	return out
}

// The same load of the same llama.cpp by three clients, in rounds whose order turns, because what else this machine does changes
// by the minute. The table is shown; of times only what holds whatever the noise is wanted (fixtures/servers/README.md has the
// definitions). Of one user each request meets an idle server; several users are in step or not, as the client sends, and the
// server computes their prompts together or not.
func TestSideBySide(t *testing.T) {
	const rounds, prompt, output = 3, 128, 32
	bin, program, url := clients(t), sparkharness(t), llamaCPP(t, wide)
	names := []string{"sparkharness", "AIPerf", "GuideLLM"}
	seed := 0
	for _, users := range []int{1, 4} {
		requests := 12 * min(users, 2)
		t.Run(fmt.Sprintf("users %d", users), func(t *testing.T) {
			load := closedLoop{url: url, model: "tiny", tokenizer: tokenizer(t), api: "completions", users: users, requests: requests, promptTokens: prompt, outTokens: output, fresh: true}
			by := map[string]func() measuredBy{
				"sparkharness": func() measuredBy { return load.ours(t, program) },
				"AIPerf":       func() measuredBy { return load.aiperf(t, bin) },
				"GuideLLM":     func() measuredBy { return load.guidellm(t, bin) },
			}
			got := map[string][]measuredBy{}
			for round := range rounds {
				for i := range names {
					name := names[(i+round)%len(names)]
					seed++
					load.seed = seed
					m := by[name]()
					t.Logf("round %d, %s: TTFT p50 %.1f ms, ITL p50 %.2f ms, E2E p50 %.1f ms, %.3f requests/s", round+1, name,
						quantile(m.ttft, 0.5), quantile(m.perToken, 0.5), quantile(m.e2e, 0.5), m.perSecond)
					require.Equal(t, []int{requests, 0}, []int{m.ok, m.failed}, "%s: answered, failed", name)
					got[name] = append(got[name], m)
				}
			}
			t.Logf("%d rounds of %d requests, users %d, prompts of %d tokens, answers of %d\n%s", rounds, requests, users, prompt, output, sideBySide(names, got))
			own := pooled(got["sparkharness"])
			t.Logf("ours: %d requests met a connection that the server was just closing, and were sent again; TTFT less the server's own time for the prompt: p50 %.1f ms, p95 %.1f ms",
				own.sentAgain, quantile(own.beside, 0.5), quantile(own.beside, 0.95))
			for _, name := range names {
				agrees(t, name, own, pooled(got[name]), rounds*requests, prompt, output)
			}
		})
	}
}

// agrees wants of what a client has measured that it is whole and of the load that was asked for, and of its times what a wrong
// unit, or another request's clock, would break: a factor of ten is no claim of agreement.
func agrees(t *testing.T, name string, own, all measuredBy, requests int, prompt, output float64) {
	t.Helper()
	for what, values := range map[string][]float64{"TTFT": all.ttft, "ITL": all.perToken, "E2E": all.e2e, "prompt tokens": all.promptTokens} {
		assert.Equal(t, requests, len(values), "%s: %s", name, what)
	}
	assert.True(t, slices.Equal(slices.Repeat([]float64{output}, requests), all.outTokens), "%s: answers are as long as asked for: %v", name, all.outTokens)
	assert.InEpsilon(t, prompt, quantile(all.promptTokens, 0.5), 0.1, "%s: prompts are as long as asked for", name)
	for what, both := range map[string][2][]float64{"TTFT": {own.ttft, all.ttft}, "ITL": {own.perToken, all.perToken}, "E2E": {own.e2e, all.e2e}} {
		ratio := quantile(both[0], 0.5) / quantile(both[1], 0.5)
		assert.True(t, ratio > 0.1 && ratio < 10, "p50 %s of ours is %.2f times that of %s", what, ratio, name)
	}
}

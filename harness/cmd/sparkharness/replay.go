package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sparkharness/harness/load"
	"sparkharness/harness/outgoing"
	"sparkharness/harness/prompt"
	"sparkharness/harness/record"
	"sparkharness/harness/trace"
)

const (
	// progressEvery is how often a replay says how far it is.
	progressEvery = 5 * time.Second
	// metricsFile holds the raw lines of a replay.
	metricsFile = "metrics.jsonl"
)

// replay is one trace on its way to one endpoint.
type replay struct {
	endpoint
	terms
	path    string
	choice  trace.Options
	api     string
	dialect string
	dir     string    // for the raw lines
	out     io.Writer // statistics and the table
	log     io.Writer // progress
	// orderly is from when on there is something to end in order: its context ends when that is asked for.
	orderly func(context.Context) (ctx context.Context, stop func())
}

func traceReplayCommand() *cobra.Command {
	var r replay
	cmd := &cobra.Command{
		Use:   "replay FILE",
		Short: "Send a trace to an endpoint and time the answers",
		Long: `Send the requests of a trace to an OpenAI-compatible endpoint when they are due, whatever the server does,
and time the answers. Prompts are made from the hash_ids: equal ids give equal text, so prompts share the
prefixes that those of the trace shared. Each request leaves a line in DIR/metrics.jsonl.

A server that still holds the KV of an earlier replay answers from it: another --seed makes other texts.

Requests due within --warmup of the first one are sent and left out of the table. An interrupt keeps the
lines and prints the table of what there is.

` + whereItGoes + "\n\n" + exitHelp("the trace was replayed"),
		Example: `  sparkharness trace replay inputs/traces/chat_small.jsonl --url http://127.0.0.1:9000 --dialect dynamo --out results/replay`,
		Args:    oneFile,
		RunE: func(cmd *cobra.Command, args []string) error {
			r.settle(cmd)
			r.orderly = untilAsked
			r.path, r.out, r.log = args[0], cmd.OutOrStdout(), cmd.ErrOrStderr()
			closed, err := r.connect(r.log)
			if err != nil {
				return err
			}
			defer closed()
			return r.run(cmd.Context())
		},
	}
	choiceFlags(cmd, &r.choice)
	f := cmd.Flags()
	f.IntVar(&r.choice.Limit, "limit", 0, "end after that many requests; 0 for all")
	r.endpoint.flags(cmd)
	r.terms.flags(cmd, 0, "leave requests due that long after the first out of the table")
	f.StringVar(&r.dialect, "dialect", "", "fields that the server takes: dynamo or trtllm")
	f.StringVar(&r.api, "api", load.APICompletions, "completions or chat")
	f.StringVar(&r.dir, "out", "", "folder for "+metricsFile+", which must not be there yet")
	needs(cmd, "dialect", "out")
	return cmd
}

// run replays the trace. Whatever was sent is in the table, error or not.
func (r *replay) run(ctx context.Context) error {
	if err := r.check(); err != nil {
		return err
	}
	// Before a file of lines is there, which the next replay would not write over.
	if r.dialect != load.DialectDynamo && r.dialect != load.DialectTRTLLM {
		return fmt.Errorf("--dialect: dialect %q is not trtllm or dynamo", r.dialect)
	}
	if err := checkAPI(r.api); err != nil {
		return err
	}
	st, err := describe(r.path, r.choice)
	if err != nil {
		return err
	}
	segments, err := prompt.NewSegments(r.choice.Seed)
	if err != nil {
		return fmt.Errorf("--seed: %w", err)
	}
	model, err := r.model(ctx)
	if err != nil {
		return err
	}
	lines, err := r.lines()
	if err != nil {
		return err
	}
	ctx, stop := r.orderly(ctx)
	defer stop()
	fmt.Fprintf(r.out, "%d requests of %d sessions; prompts of %.0f tokens in the mean, %.1f %% of them reusable; answers of %.0f\n",
		st.Requests, st.Sessions, st.Input.Mean, 100*st.ReusableShare, st.Output.Mean)
	fmt.Fprintf(r.out, "%s at %s: %.1f s until the last is sent, and then its answer\n", model, outgoing.Shown(r.url), st.SpanS)

	t := &tally{asked: st.Requests, seen: map[int64]bool{}}
	err = r.drive(ctx, model, segments, t, lines)
	if err != nil && ctx.Err() != nil {
		err = fmt.Errorf("%w: the table is of what was sent until then, its lines are kept in %s (again: with another --out)", context.Cause(ctx),
			filepath.Join(r.dir, metricsFile))
	}
	if err = errors.Join(t.print(r.out), lines.Close(), err); err != nil {
		return err
	}
	return t.judge(r.mostFailed, filepath.Join(r.dir, metricsFile))
}

// lines creates the file of the raw lines; each reaches it at once.
func (r *replay) lines() (*record.Writer, error) {
	if err := os.MkdirAll(r.dir, 0o755); err != nil {
		return nil, fmt.Errorf("--out: %w", err)
	}
	return createLines("out", filepath.Join(r.dir, metricsFile), "folder")
}

// drive sends the trace, and says every few seconds how far it is.
func (r *replay) drive(ctx context.Context, model string, segments *prompt.Segments, t *tally, lines *record.Writer) error {
	requests, err := trace.OpenWith(r.path, r.choice)
	if err != nil {
		return err
	}
	defer requests.Close()
	defer live{out: r.log, every: progressEvery}.start(t.progress)()
	_, err = load.Run(ctx, load.Spec{
		RunID: filepath.Base(r.dir), Stack: r.dialect, Model: model, Workload: "trace",
		Loop: load.Replay{Items: items(requests, t.offer)}, Nonce: load.NonceNone,
		Prompter: load.BlockPrompts{Text: blockText(segments), Least: 1},
		Timeout:  r.timeout, Seed: r.choice.Seed, BaseURL: r.url, API: r.api, Dialect: r.dialect, ModelID: model,
		HTTP: r.http, Warmup: load.Warmup{Min: r.warmup}, MaxDuration: loadLimit, Start: time.Now(), RealTime: true,
	}, func(rec *record.Request) error {
		t.add(rec)
		return lines.Write(rec)
	}, func(string) {})
	return err
}

// items are the requests of a trace, the first one due at once. Each is shown before it is given.
func items(r *trace.Reader, show func(trace.Request)) func() (load.Item, error) {
	first := time.Duration(-1)
	return func() (load.Item, error) {
		req, err := r.Next()
		if err != nil {
			return load.Item{}, err
		}
		if first < 0 {
			first = req.At
		}
		show(req)
		names := make([]uint64, len(req.Blocks))
		for i, id := range req.Blocks {
			names[i] = uint64(id)
		}
		return load.Item{
			At: req.At - first, InputTokens: req.Input, OutputTokens: req.Output,
			Blocks: names, BlockTokens: trace.BlockTokens,
		}, nil
	}
}

// blockText is the text of a block of any length. One too short for its key is line breaks, a token each:
// it is the end of a prompt and less than a KV block, so nothing is shared that was not.
func blockText(s *prompt.Segments) load.Prose {
	return func(key uint64, tokens int) (string, error) {
		if tokens < prompt.MinSegment {
			return strings.Repeat("\n", tokens), nil
		}
		return s.Text(key, tokens)
	}
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"os"
	"path/filepath"
	"strings"
	"sync"
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
	// modelWait bounds the question for the served model.
	modelWait = 10 * time.Second
	// replayLimit is longer than any trace at any time scale: a replay ends with its trace.
	replayLimit = 100 * 365 * 24 * time.Hour
	// longestTimeout is that of a hypothesis's requests, too: nobody waits longer than a day.
	longestTimeout = 24 * time.Hour
	// metricsFile holds the raw lines of a replay.
	metricsFile = "metrics.jsonl"
)

// replay is one trace on its way to one endpoint.
type replay struct {
	path    string
	choice  trace.Options
	url     string
	api     string
	dialect string
	warmup  time.Duration
	timeout time.Duration
	// mostFailed is the share of the measured requests that may fail; nil: any but all of them.
	mostFailed *float64
	dir        string // for the raw lines
	http       *outgoing.Client
	out        io.Writer // statistics and the table
	log        io.Writer // progress
	// orderly is from when on there is something to end in order: its context ends when that is asked for.
	orderly func(context.Context) (ctx context.Context, stop func())
}

func traceReplayCommand() *cobra.Command {
	var r replay
	var keyEnv string
	var remote bool
	var mostFailed float64
	cmd := &cobra.Command{
		Use:   "replay FILE",
		Short: "Send a trace to an endpoint and time the answers",
		Long: `Send the requests of a trace to an OpenAI-compatible endpoint when they are due, whatever the server does,
and time the answers. Prompts are made from the hash_ids: equal ids give equal text, so prompts share the
prefixes that those of the trace shared. Each request leaves a line in DIR/metrics.jsonl.

A server that still holds the KV of an earlier replay answers from it: another --seed makes other texts.

Requests due within --warmup of the first one are sent and left out of the table. An interrupt keeps the
lines and prints the table of what there is.

Nothing is sent beyond this machine's loopback without --remote, and no redirect is followed. The API key comes from
the environment, goes to the scheme, host and port of --url alone, and is in no line and no message.

Exit status:
  0  the trace was replayed, and no more requests failed than may
  1  it was not replayed, or not to its end; the message says why
  3  it was replayed, but more of the measured requests failed (time limits included) than the share --max-failed;
     without --max-failed, if all of them did`,
		Example: `  sparkharness trace replay inputs/traces/chat_small.jsonl --url http://127.0.0.1:9000 --dialect dynamo --out results/replay`,
		Args:    oneFile,
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("max-failed") {
				r.mostFailed = &mostFailed
			}
			r.orderly = untilAsked
			r.path, r.out, r.log = args[0], cmd.OutOrStdout(), cmd.ErrOrStderr()
			if err := r.connect(keyEnv, remote); err != nil {
				return err
			}
			defer r.http.CloseIdleConnections()
			// Package net/http logs what a server sends unasked.
			defer log.SetOutput(log.Writer())
			log.SetOutput(r.http.Log(r.log))
			return r.run(cmd.Context())
		},
	}
	choiceFlags(cmd, &r.choice)
	f := cmd.Flags()
	f.IntVar(&r.choice.Limit, "limit", 0, "end after that many requests; 0 for all")
	f.StringVar(&r.url, "url", "", "endpoint, such as http://127.0.0.1:9000, without /v1")
	f.BoolVar(&remote, "remote", false, "let --url be on another machine")
	f.StringVar(&r.dialect, "dialect", "", "fields that the server takes: dynamo or trtllm")
	f.StringVar(&r.api, "api", load.APICompletions, "completions or chat")
	f.StringVar(&keyEnv, "api-key-env", "", "`name` of the environment variable that holds the API key")
	f.DurationVar(&r.warmup, "warmup", 0, "leave requests due that long after the first out of the table")
	f.DurationVar(&r.timeout, "timeout", 10*time.Minute, "time limit of a request, from when it was due")
	f.Float64Var(&mostFailed, "max-failed", 0, "`share` of the measured requests, from 0 to 1, that may fail for the exit status to be 0 (default: any but all)")
	f.StringVar(&r.dir, "out", "", "folder for "+metricsFile+", which must not be there yet")
	for _, name := range []string{"url", "dialect", "out"} {
		if err := cmd.MarkFlagRequired(name); err != nil {
			panic(err) // the flag is not defined above
		}
	}
	return cmd
}

// connect makes the client, with the key that the environment variable holds, if one is named.
func (r *replay) connect(keyEnv string, remote bool) error {
	var key outgoing.Secret
	var err error
	if keyEnv != "" {
		if key, err = outgoing.SecretFrom(keyEnv); err != nil {
			return fmt.Errorf("--api-key-env: %w", err)
		}
	}
	if r.http, err = outgoing.New(outgoing.Options{Remote: remote}).For(r.url, key); err != nil {
		return fmt.Errorf("--url %s: %w%s", outgoing.Shown(r.url), err, advice(err))
	}
	return nil
}

// advice is what to do about a URL that is refused.
func advice(err error) string {
	if outgoing.IsRemote(err) {
		return " (--remote)"
	}
	return ""
}

// run replays the trace. Whatever was sent is in the table, error or not.
func (r *replay) run(ctx context.Context) error {
	if r.warmup < 0 || r.warmup > replayLimit {
		return fmt.Errorf("--warmup %v: at least 0 and at most %v is needed", r.warmup, replayLimit)
	}
	if r.timeout <= 0 || r.timeout > longestTimeout {
		return fmt.Errorf("--timeout %v: above 0 and at most %v is needed", r.timeout, longestTimeout)
	}
	if most := r.mostFailed; most != nil && !(*most >= 0 && *most <= 1) {
		return fmt.Errorf("--max-failed %v: a share from 0 to 1 is needed, such as 0.01", *most)
	}
	// Before a file of lines is there, which the next replay would not write over.
	if r.dialect != load.DialectDynamo && r.dialect != load.DialectTRTLLM {
		return fmt.Errorf("--dialect: dialect %q is not trtllm or dynamo", r.dialect)
	}
	if r.api != load.APICompletions && r.api != load.APIChat {
		return fmt.Errorf("--api: api %q is not completions or chat", r.api)
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

// model is the id of the served model.
func (r *replay) model(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, modelWait)
	defer cancel()
	id, err := load.ServedModel(ctx, r.http, r.url)
	if err != nil {
		return "", fmt.Errorf("--url: %w", err)
	}
	return id, nil
}

// lines creates the file of the raw lines; each reaches it at once.
func (r *replay) lines() (*record.Writer, error) {
	if err := os.MkdirAll(r.dir, 0o755); err != nil {
		return nil, fmt.Errorf("--out: %w", err)
	}
	w, err := record.Create(filepath.Join(r.dir, metricsFile), 0)
	if errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("--out: %w: choose another folder, measured lines are never overwritten", err)
	}
	return w, err
}

// drive sends the trace, and says every few seconds how far it is.
func (r *replay) drive(ctx context.Context, model string, segments *prompt.Segments, t *tally, lines *record.Writer) error {
	requests, err := trace.OpenWith(r.path, r.choice)
	if err != nil {
		return err
	}
	defer requests.Close()
	start := time.Now()
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		ticker := time.NewTicker(progressEvery)
		defer ticker.Stop()
		for {
			select {
			case <-stop:
				return
			case <-ticker.C:
				fmt.Fprintf(r.log, "%.0f s  %s\n", time.Since(start).Seconds(), t.progress())
			}
		}
	})
	defer wg.Wait()
	defer close(stop)

	// A run has some warm-up. Without one the requests come a microsecond later, so that all are measured.
	warmup, lead := r.warmup, time.Duration(0)
	if warmup == 0 {
		warmup, lead = time.Microsecond, time.Microsecond
	}
	_, err = load.Run(ctx, load.Spec{
		RunID: filepath.Base(r.dir), Stack: r.dialect, Model: model, Workload: "trace",
		Loop: load.Replay{Items: items(requests, lead, t.offer)}, Nonce: load.NonceNone,
		Prompter: load.BlockPrompts{Text: blockText(segments), Least: 1},
		Timeout:  r.timeout, Seed: r.choice.Seed, BaseURL: r.url, API: r.api, Dialect: r.dialect, ModelID: model,
		HTTP: r.http, Warmup: load.Warmup{Min: warmup}, MaxDuration: replayLimit, Start: start,
	}, func(rec *record.Request) error {
		t.add(rec)
		return lines.Write(rec)
	}, func(string) {})
	return err
}

// items are the requests of a trace, the first one due after lead. Each is shown before it is given.
func items(r *trace.Reader, lead time.Duration, show func(trace.Request)) func() (load.Item, error) {
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
			At: lead + req.At - first, InputTokens: req.Input, OutputTokens: req.Output,
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

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"time"

	"github.com/spf13/cobra"

	"sparkharness/harness/config"
	"sparkharness/harness/load"
	"sparkharness/harness/outgoing"
	"sparkharness/harness/prompt"
	"sparkharness/harness/record"
)

// plainLoad is one load on its way to one endpoint.
type plainLoad struct {
	endpoint
	terms
	loadFlags
	chosen   string // the loop
	kind     *config.Server
	api      string
	bounded  bool   // --duration was given
	json     string // file of the figures, "" for none
	lines    string // file of the raw lines, "" for none
	out, log io.Writer
	progress live
	// orderly is from when on there is something to end in order: its context ends when that is asked for.
	orderly func(context.Context) (ctx context.Context, stop func())
}

func loadCommand() *cobra.Command {
	var l plainLoad
	var server string
	var configs configsFlag
	cmd := &cobra.Command{
		Use:   "load",
		Short: "Load an OpenAI-compatible server and time the answers",
		Long: `Load any OpenAI-compatible server with the client of the hypotheses, and time the answers: for a first look, and
for no verdict. What is sent is said by one of --users, --rate, --ramp, --sessions and --trace.

Prompts have --prompt tokens as the server counts: two prompts ask it how, before the load. What a server of the kind
openai is asked for is the most that an answer may have; other kinds (--server, the files of configs/servers) are
asked for that length and no other, and an answer of another one has failed.

Two loads of one --seed send the same texts, and a server may answer the second from its cache; without it each load
has texts of its own.

Requests that are due within --warmup are sent and left out of the figures. Percentiles take a request that timed
out as at least its time limit, and ">" marks one that is a lower bound. TTFT and E2E count from when a request was
due (open loops) or sent (closed ones). "-" is what was not measured. An interrupt ends the load in order and prints
the figures of what there is.

` + whereItGoes + "\n\n" + exitHelp("the load was sent"),
		Example: `  sparkharness load --url http://127.0.0.1:8000 --users 8                                     # a minute of 8 users
  sparkharness load --url http://127.0.0.1:8000 --server vllm --rate 4 --arrivals gamma --cv 2
  sparkharness load --url http://127.0.0.1:8000 --ramp 1:8 --over 60s --output lognormal:64:0.7
  sparkharness load --url http://127.0.0.1:8000 --sessions 16 --turns 6 --prompt 4096 --think 2s --json figures.json
  sparkharness load --url http://127.0.0.1:8000 --trace inputs/traces/chat_small.jsonl --lines lines.jsonl`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if l.chosen, err = l.loop(cmd); err != nil {
				return err
			}
			l.settle(cmd)
			l.bounded = cmd.Flags().Changed("duration")
			l.orderly = untilAsked
			l.out, l.log, l.progress = cmd.OutOrStdout(), cmd.ErrOrStderr(), liveOn(cmd.ErrOrStderr())
			if l.kind, err = serverKind(&configs, server); err != nil {
				return err
			}
			if l.api == "" {
				l.api = l.kind.API
			}
			closed, err := l.connect(l.log)
			if err != nil {
				return err
			}
			defer closed()
			return l.run(cmd.Context())
		},
	}
	f := cmd.Flags()
	l.endpoint.flags(cmd)
	l.loadFlags.flags(cmd)
	l.terms.flags(cmd, 5*time.Second, "leave requests due that long from the start out of the figures")
	f.StringVar(&server, "server", openAI, "`kind` of the server, which is what its requests may say: a file of configs/servers, such as vllm, llama-cpp, trtllm, dynamo")
	configs.flags(cmd, ", for another --server than "+openAI)
	f.StringVar(&l.api, "api", "", "completions or chat (default: the server kind's)")
	f.StringVar(&l.json, "json", "", "`file` for the figures, which is written over")
	f.StringVar(&l.lines, "lines", "", "`file` for a raw line a request (metrics.jsonl), which must not be there yet")
	return cmd
}

// openAI names the kind of server of which nothing is known, openKind.
const openAI = "openai"

// openKind is as configs/servers has it.
var openKind = config.Server{Server: openAI, API: load.APICompletions, Dialect: load.DialectOpenAI}

// serverKind is a kind of server. The one of which nothing is known needs no folder, so that the program runs anywhere.
func serverKind(configs *configsFlag, name string) (*config.Server, error) {
	if name == openAI {
		kind := openKind
		return &kind, nil
	}
	folder, err := configs.folder()
	if err != nil {
		return nil, fmt.Errorf("--server %s: %w (--configs)", name, err)
	}
	kind, err := config.LoadServer(folder, name)
	if err != nil {
		return nil, fmt.Errorf("--server: %w", err)
	}
	return kind, nil
}

// run sends the load. Whatever was sent is in the figures, error or not.
func (l *plainLoad) run(ctx context.Context) error {
	if err := errors.Join(l.terms.check(), checkAPI(l.api)); err != nil {
		return err
	}
	if st, err := os.Stat(l.json); err == nil && st.IsDir() {
		return fmt.Errorf("--json: %s is a folder: name a file", l.json)
	}
	segments, err := prompt.NewSegments(l.seed)
	if err != nil {
		return fmt.Errorf("--seed: %w", err)
	}
	// Once without the server, so that flags that are refused send nothing.
	if err := l.rehearse(segments); err != nil {
		return err
	}
	model, err := l.model(ctx)
	if err != nil {
		return err
	}
	ratio, err := l.count(ctx, model, segments)
	if err != nil {
		return err
	}
	t := &tally{}
	w, closed, err := l.workload(l.chosen, segments, ratio, t)
	if err != nil {
		return err
	}
	spec := l.spec(w, model, t)
	lines, err := openLines(l.lines)
	if err != nil {
		return errors.Join(err, closed())
	}
	fmt.Fprintf(l.out, "%s at %s (%s, %s), seed %d: %s\n", model, outgoing.Shown(l.url), l.kind.Server, l.api, l.seed, w.said)
	ctx, stop := l.orderly(ctx)
	defer stop()
	sum, waits, err := l.drive(ctx, spec, t, lines)
	err = errors.Join(err, closed())
	if err != nil && ctx.Err() != nil {
		err = fmt.Errorf("%w: the figures are of what was sent until then", context.Cause(ctx))
	}
	figures := l.figures(t, sum, waits, err == nil)
	figures.Model, figures.Load, figures.OwnTokens = model, w.said, ratio
	if err = errors.Join(figures.print(l.out), l.write(figures), lines.Close(), err); err != nil {
		return err
	}
	return t.judge(l.mostFailed, l.lines)
}

// rehearse refuses a load that no server could be sent.
func (l *plainLoad) rehearse(segments *prompt.Segments) error {
	t := &tally{}
	w, closed, err := l.workload(l.chosen, segments, nil, t)
	if err != nil {
		return err
	}
	spec := l.spec(w, "model", t)
	switch err = errors.Join(spec.Check(), closed()); {
	case errors.Is(err, load.ErrBaseURL):
		return fmt.Errorf("--url: %w", err)
	case err != nil:
		return fmt.Errorf("--%s: %w", l.chosen, err)
	}
	return nil
}

// count asks the server how it counts prompts; nil where a trace says how long they are, or where the server does not tell.
func (l *plainLoad) count(ctx context.Context, model string, segments *prompt.Segments) (*record.TokenRatio, error) {
	if l.chosen == "trace" {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	long := min(max(l.loadFlags.prompt, 256), 4096)
	ratio, err := load.CountTokens(ctx, l.http, load.Counted{BaseURL: l.url, API: l.api, ModelID: model, Text: segments.Text, Short: long / 4, Long: long})
	switch {
	case errors.Is(err, load.ErrUncounted):
		fmt.Fprintf(l.log, "prompts have %d tokens as the harness counts: %v\n", l.loadFlags.prompt, err)
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("--url %s answers no prompt: %w (look at the server's log; --api, --server and --prompt say what it is asked)", outgoing.Shown(l.url), err)
	}
	return &ratio, nil
}

// spec is the load as the client takes it.
func (l *plainLoad) spec(w workload, model string, t *tally) load.Spec {
	s := load.Spec{
		RunID: "load-" + time.Now().UTC().Format("20060102T150405Z"), Stack: l.kind.Server, Model: model, Workload: w.name,
		Loop: w.loop, Nonce: w.nonce, Prompter: w.prompter, Output: w.output, ContextTokens: w.context, Timeout: l.timeout, Seed: l.seed,
		BaseURL: l.url, API: l.api, Dialect: l.kind.Dialect, ModelID: model, HTTP: l.http,
		Warmup:   load.Warmup{Min: l.warmup, Max: l.warmup, Passes: 1},
		Duration: l.duration, MaxDuration: l.duration, MinRequests: 1, MaxRequests: l.requests,
		AnyLength: l.kind.Dialect == load.DialectOpenAI, Began: t.begin, Start: time.Now(), RealTime: true,
	}
	if l.requests > 0 || l.chosen == "trace" {
		if !l.bounded {
			s.MaxDuration = loadLimit
		}
		// The requests end it.
		s.Duration, s.MinRequests = min(time.Second, s.MaxDuration), math.MaxInt
	}
	return s
}

// drive sends the load, says how far it is, and tells how long the client's own work waited for a processor meanwhile.
func (l *plainLoad) drive(ctx context.Context, spec load.Spec, t *tally, lines *rawLines) (record.LoadSummary, *delays, error) {
	defer l.progress.start(t.soFar)()
	var before delays
	sum, err := load.Run(ctx, spec, func(rec *record.Request) error {
		t.add(rec)
		return lines.write(rec)
	}, func(phase string) {
		t.enter(phase)
		if phase == record.PhaseMeasure {
			before = readDelays()
		}
	})
	return sum, readDelays().since(before), err
}

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"sparkharness/harness/config"
	"sparkharness/harness/disk"
	"sparkharness/harness/rig/simrig"
	"sparkharness/harness/sim"
	"sparkharness/harness/trace"
)

// mostFaults is how many faults of a trace are printed.
const mostFaults = 20

func traceCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "trace",
		Short: "Describe, write and replay traces of requests",
		Args:  cobra.ArbitraryArgs, // of which RunE says what is wrong
		RunE:  oneOfItsCommands,
	}
	cmd.AddCommand(traceStatsCommand(), traceGenerateCommand(), traceReplayCommand())
	return cmd
}

// choiceFlags are the flags of what a command takes of a trace.
func choiceFlags(cmd *cobra.Command, o *trace.Options) {
	f := cmd.Flags()
	f.Float64Var(&o.TimeScale, "time-scale", 1, "factor of all times; 2 is half the rate")
	f.Float64Var(&o.Sessions, "sessions", 1, "share of the sessions to keep, over 0 and at most 1")
	f.IntVar(&o.MaxInput, "max-input", 0, "leave out requests with longer prompts, in tokens; 0 for no limit")
	f.Uint64Var(&o.Seed, "seed", 1, "seed of the choice of sessions")
}

// describe checks the trace and gives the statistics of what the flags choose from it.
func describe(path string, o trace.Options) (trace.Stats, error) {
	// The options' 0 stands for 1, which nobody who writes 0 means.
	if o.TimeScale == 0 || o.Sessions == 0 {
		return trace.Stats{}, errors.New("--time-scale and --sessions have to be above 0")
	}
	if err := trace.Check(path, mostFaults); err != nil {
		return trace.Stats{}, err
	}
	return trace.Describe(path, o)
}

func traceStatsCommand() *cobra.Command {
	var o trace.Options
	var configs configsFlag
	var model, engine, dtype string
	cmd := &cobra.Command{
		Use:   "stats FILE",
		Short: "Check a trace and say what it asks of a server",
		Long: `Check a trace (JSON Lines with timestamp, input_length, output_length and hash_ids, as the traces
published with Mooncake) and print its statistics: rate, lengths, what its prompts share, and the hit
rate of an ideal LRU prefix cache against its size. With --model, sizes are also in GiB, and the prompt
tokens a second are held against the model's prefill rate on one machine.

Sessions are requests that share a block that is not common, such as that of a system prompt.`,
		Example: "  sparkharness trace stats inputs/traces/chat_small.jsonl --model L70B --time-scale 2",
		Args:    oneFile,
		RunE: func(cmd *cobra.Command, args []string) error {
			var kv *kvModel
			if model != "" {
				var err error
				if kv, err = newKVModel(&configs, model, engine, dtype); err != nil {
					return err
				}
			}
			st, err := describe(args[0], o)
			if err != nil {
				return err
			}
			return printStats(cmd.OutOrStdout(), st, o, kv)
		},
	}
	choiceFlags(cmd, &o)
	f := cmd.Flags()
	f.StringVar(&model, "model", "", "model whose KV and prefill to compare with: a file of configs/models, such as L70B")
	f.StringVar(&engine, "engine", "tensorrt-llm", "engine that runs it: a file of configs/engines")
	configs.flags(cmd, "")
	f.StringVar(&dtype, "kv-dtype", "fp16", "element of the KV cache: fp16 or fp8")
	return cmd
}

// kvModel is a model with the size of its KV.
type kvModel struct {
	sim.Model
	bytesPerToken int64
	dtype         string
}

func newKVModel(configs *configsFlag, name, engine, dtype string) (*kvModel, error) {
	folder, err := configs.folder()
	if err != nil {
		return nil, err
	}
	m, e, err := config.LoadModel(folder, name, engine)
	if err != nil {
		return nil, err
	}
	run, err := simrig.Model(m, e)
	if err != nil {
		return nil, err
	}
	elem, ok := map[string]int{"fp16": 2, "fp8": 1}[dtype]
	if !ok {
		return nil, fmt.Errorf("KV element %q: use fp16 or fp8", dtype)
	}
	return &kvModel{run, run.KVBytesPerToken(elem), dtype}, nil
}

// gib is the size of so many blocks of KV.
func (m kvModel) gib(blocks int) float64 {
	return float64(blocks) * trace.BlockTokens * float64(m.bytesPerToken) / (1 << 30)
}

// printStats writes the statistics; kv may be nil.
func printStats(out io.Writer, st trace.Stats, o trace.Options, kv *kvModel) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "requests\t%d\n", st.Requests)
	if o.MaxInput > 0 {
		fmt.Fprintf(w, "left out\t%d with prompts of more than %d tokens\n", st.LeftOut, o.MaxInput)
	}
	fmt.Fprintf(w, "sessions\t%d\n", st.Sessions)
	fmt.Fprintf(w, "span\t%.1f s (timestamps are in milliseconds)\n", st.SpanS)
	fmt.Fprintf(w, "rate\t%s /s\n", known(st.RatePerS))
	fmt.Fprintf(w, "CoV of gaps\t%s\n", known(st.GapCV))
	fmt.Fprintf(w, "distinct blocks\t%d of %d tokens\n", st.DistinctBlocks, trace.BlockTokens)
	fmt.Fprintf(w, "with reuse\t%d requests (%.1f %%)\n", st.ReusedRequests, percent(st.ReusedRequests, st.Requests))
	fmt.Fprintf(w, "reusable\t%.1f %% of prompt tokens (prefix cache without limit)\n", 100*st.ReusableShare)

	fmt.Fprint(w, "\nlengths, tokens\tmean\tp50\tp90\tp99\tmax\n")
	for _, l := range []struct {
		name string
		trace.Lengths
	}{{"input", st.Input}, {"output", st.Output}} {
		fmt.Fprintf(w, "%s\t%.0f\t%.0f\t%.0f\t%.0f\t%d\n", l.name, l.Mean, l.P50, l.P90, l.P99, l.Max)
	}

	size := ""
	if kv != nil {
		size = fmt.Sprintf("GiB (%s, %s)\t", kv.Name, kv.dtype)
	}
	fmt.Fprintf(w, "\nideal LRU cache, blocks\t%shit rate, %% of prompt tokens\n", size)
	for _, h := range st.LRU {
		if kv != nil {
			size = fmt.Sprintf("%.3g\t", kv.gib(h.Blocks))
		}
		fmt.Fprintf(w, "%d\t%s%.1f\n", h.Blocks, size, 100*h.Share)
	}
	if kv != nil {
		printOffer(w, st, o, *kv)
	}
	return w.Flush()
}

// printOffer holds the prompt tokens of the trace against one machine's prefill.
func printOffer(w io.Writer, st trace.Stats, o trace.Options, kv kvModel) {
	if st.RatePerS == nil {
		return // no time passes, so there is no rate
	}
	offered := *st.RatePerS * st.Input.Mean
	factor := offered / kv.PrefillTokensPerSec
	fmt.Fprintf(w, "\nprompt tokens\t%.0f /s\n", offered)
	fmt.Fprintf(w, "prefill of %s\t%.0f tokens/s for prompts of %.0f tokens; longer ones are slower\n", kv.Name, kv.PrefillTokensPerSec, kv.PrefillRefTokens)
	fmt.Fprintf(w, "\nthis offers %.3g x what one machine can prefill without a prefix cache, %.3g x with one that holds all", factor, factor*(1-st.ReusableShare))
	if factor > 1 {
		// Rounded up, so that the advice is enough.
		fmt.Fprintf(w, "; scale time by at least %.1f (--time-scale) for a machine that caches nothing", math.Ceil(factor*o.TimeScale*10)/10)
	}
	fmt.Fprintln(w)
}

// known is the number, or a dash for none.
func known(x *float64) string {
	if x == nil {
		return "-"
	}
	return fmt.Sprintf("%.3g", *x)
}

func percent(part, of int) float64 { return 100 * float64(part) / float64(of) }

func traceGenerateCommand() *cobra.Command {
	o := trace.ChatSmall()
	var file string
	cmd := &cobra.Command{
		Use:   "generate",
		Short: "Write a synthetic trace",
		Long: `Write a synthetic trace: conversations that start as a Poisson process, share a system prompt, and send
with each turn all that was said before. Lengths are in tokens and log-normal. Equal flags give equal
bytes; without flags it is the trace that the repository holds.`,
		Example: "  sparkharness trace generate --rate 1.7 --span 1h --turns 2 --first 8800 --max-input 126000 --out long.jsonl",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if file == "-" {
				return trace.Generate(cmd.OutOrStdout(), o)
			}
			// In memory first, so that flags that are refused leave the file as it is.
			var b bytes.Buffer
			if err := trace.Generate(&b, o); err != nil {
				return err
			}
			if err := disk.ReplaceOrWrite(file, b.Bytes()); err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), "wrote", file)
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&file, "out", "-", "file to write; - for standard output")
	f.Uint64Var(&o.Seed, "seed", o.Seed, "seed of times and lengths")
	f.Float64Var(&o.Sessions, "rate", o.Sessions, "conversations that start in a second")
	f.DurationVar(&o.Span, "span", o.Span, "time from the first request to the last, about")
	f.Float64Var(&o.Turns, "turns", o.Turns, "mean turns of a conversation")
	f.DurationVar(&o.Think, "think", o.Think, "mean time from a turn to the next")
	f.IntVar(&o.System, "system", o.System, "tokens of the system prompt that all share")
	for _, l := range []struct {
		d         *trace.Lognormal
		name, who string
	}{
		{&o.First, "first", "the user's first turn"},
		{&o.User, "user", "each later turn of the user"},
		{&o.Output, "output", "an answer"},
	} {
		f.Float64Var(&l.d.Mean, l.name, l.d.Mean, "mean tokens of "+l.who)
		f.Float64Var(&l.d.Sigma, l.name+"-sigma", l.d.Sigma, "log-normal sigma of "+l.who)
	}
	f.IntVar(&o.MaxInput, "max-input", o.MaxInput, "longest prompt in tokens; a conversation ends before it")
	return cmd
}

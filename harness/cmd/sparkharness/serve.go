package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"sparkharness/harness/config"
	"sparkharness/harness/prompt"
	"sparkharness/harness/rig/simrig"
	"sparkharness/harness/sim"
)

func serveCommand() *cobra.Command {
	var configs configsFlag
	var world, model, engine, dialect, bind, tier1, policy string
	var seed uint64
	var port int
	var stacks []string
	var stamp, lenient bool
	var dir directory
	var loras string
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve the simulated stacks in real time",
		Long: `Serve the simulated stacks in real time, so that curl and other load generators can talk to them.

Stack A speaks trtllm-serve's dialect, stack B that of the Dynamo frontend, with the worker's and
KVBM's metrics pages; with --dialect vllm both speak vLLM's, which has its metrics on its own port. Only the
words change: engine, tiers and costs stay those of the stack file. Ports are those of the stack files, or --port of a single stack. What a server
logs of its KV tiers at its start is printed. Servers bind to loopback unless --bind says
otherwise. A client has 10 s for its headers, a minute for a body of at most 45 MiB, and a minute between
requests; an answer that it does not read for half a minute is cut.

With --dir what a stack stores lies in real files on a local drive, in a folder of its own that is removed at the end: compute
is simulated, the drive is not. They are read and written with O_DIRECT in the sizes and as many at a time as the stack file's
loader says, and what is read back is verified. Make tier 2 small enough for the drive with a stack file of your own that names
the committed one as its base (README, Use).

With --adapters requests may name LoRA adapters: of stack A, and of either with --dialect vllm. A first request for one has its files
read, through this machine's page cache, as often as the simulated server starts; what it loads again it has from memory.

  curl -s localhost:8355/v1/models
  curl -sN localhost:9000/v1/completions -H 'Content-Type: application/json' \
    -d '{"model":"nvidia/Llama-3.3-70B-Instruct-NVFP4","prompt":"Why is the tail slow?","max_tokens":8,"stream":true}'
  curl -s localhost:6880/metrics`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if bind == "" {
				return errors.New("--bind is empty, which would bind to all addresses: say 0.0.0.0 if that is meant")
			}
			if dialect != "" && dialect != sim.DialectVLLM {
				return fmt.Errorf("--dialect is %q: leave it out for each stack's own, or say %s", dialect, sim.DialectVLLM)
			}
			if port != 0 && (len(stacks) != 1 || port < 1 || port > 65535-2) {
				return fmt.Errorf("--port %d is the port of a single stack (--stack), from 1; the pages of a worker and of KVBM have the two after it", port)
			}
			folder, err := configs.folder()
			if err != nil {
				return err
			}
			tok, err := prompt.NewTokenizer()
			if err != nil {
				return err
			}
			ctx, stop := untilAsked(cmd.Context())
			defer stop()
			if err := dir.check(cmd.Flags().Changed("dir"), cmd.Flags().Changed("dir-share")); err != nil {
				return err
			}
			var adapters adapterFiles
			if cmd.Flags().Changed("adapters") {
				if adapters, err = findAdapters(loras); err != nil {
					return fmt.Errorf("--adapters: %w", err)
				}
			}
			s := &servers{out: cmd.OutOrStdout(), bind: bind, limits: defaultLimits, dir: dir, adapters: adapters}
			for _, file := range stacks {
				o, err := simrig.Configured(folder, file, world, model, engine)
				if err != nil {
					return errors.Join(err, s.close())
				}
				if err := instead(o.Stack, port, tier1, policy); err != nil {
					return errors.Join(err, s.close())
				}
				if adapters.servedBy(&o, dialect) {
					adapters.into(&o)
				}
				o.Seed, o.Tokenize, o.StampSends = seed, tok.IDs, stamp
				o.Dialect, o.IgnoreUnsupported = dialect, lenient
				if err := s.add(ctx, o); err != nil {
					return errors.Join(err, s.close())
				}
			}
			ctx, fail := context.WithCancel(ctx)
			defer fail()
			s.start(fail)
			<-ctx.Done()
			fmt.Fprintln(s.out, "stopping")
			return s.close()
		},
	}
	f := cmd.Flags()
	configs.flags(cmd, "")
	f.StringSliceVar(&stacks, "stack", []string{"stackA_llama70b_baseline.yaml", "stackB_llama70b_dynamo_tiered.yaml"}, "stack `files` to serve, below the configs folder")
	f.StringVar(&world, "world", "default", "simulated machine, a file of configs/worlds")
	f.StringVar(&model, "model", "", "model instead of the stack file's: a file of configs/models, such as L8B")
	f.StringVar(&engine, "engine", "", "engine instead of the stack file's: a file of configs/engines, such as vllm")
	f.StringVar(&dialect, "dialect", "", "dialect instead of the stack's own: vllm")
	f.IntVar(&port, "port", 0, "port of a single stack instead of the stack file's; pages of a worker and of KVBM have the two after it")
	f.StringVar(&tier1, "tier1", "", "size of the host tier instead of the stack file's, such as 24GiB")
	f.StringVar(&policy, "policy", "", "eviction policy of the host tier instead of the stack file's, such as LRU")
	f.StringVar(&bind, "bind", "127.0.0.1", "address to bind to")
	f.StringVar(&dir.path, "dir", "", "keep what is stored in real files below this `directory` of a local drive")
	f.StringVar(&loras, "adapters", "", "serve the LoRA adapters in the folders of this `directory`, and read them when they are loaded")
	f.Float64Var(&dir.share, "dir-share", 0.2, "with --dir, the most that may be taken of the free space there, as a `share`")
	f.Uint64Var(&seed, "seed", 1, "seed of the machine's background I/O")
	f.BoolVar(&lenient, "ignore-unsupported", false, "drop what Dynamo's frontend does not know of a request (its DYN_IGNORE_OPENAI_FE_UNSUPPORTED_FIELDS=1)")
	f.BoolVar(&stamp, "stamp", false, "put a comment line with the send time before each frame (\": sent <unix ns>\")")
	return cmd
}

// instead puts what flags say in place of what the stack file says.
func instead(st *config.Stack, port int, tier1, policy string) error {
	if st.Dynamo == nil && tier1+policy != "" {
		return fmt.Errorf("stack %s has no host tier: leave --tier1 and --policy out", st.Stack)
	}
	if tier1 != "" {
		size, err := config.ParseSize(tier1)
		if err != nil {
			return fmt.Errorf("--tier1: %w", err)
		}
		st.Dynamo.Tiers.Tier1.CapacityBytes = size
	}
	if policy != "" {
		if !slices.Contains(config.Policies, policy) {
			return fmt.Errorf("--policy is %q: there are %s", policy, strings.Join(config.Policies, ", "))
		}
		st.Dynamo.Tiers.Tier1.EvictionPolicy = policy
	}
	if port == 0 {
		return nil
	}
	for i, of := range []*string{&st.Endpoint.URL, &st.Endpoint.EngineMetrics, &st.Endpoint.KVBMMetrics} {
		u, err := url.Parse(*of)
		if err != nil {
			return fmt.Errorf("endpoint of the stack file: %w", err)
		}
		if *of == "" || i == 1 && st.Stack == "A" { // a page of the server itself
			continue
		}
		u.Host = net.JoinHostPort(u.Hostname(), fmt.Sprint(port+i))
		*of = u.String()
	}
	return nil
}

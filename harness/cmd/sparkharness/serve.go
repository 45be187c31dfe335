package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sort"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"sparkharness/harness/config"
	"sparkharness/harness/prompt"
	"sparkharness/harness/rig/simrig"
	"sparkharness/harness/sim"
)

func serveCommand() *cobra.Command {
	var configs, world, model, bind string
	var seed uint64
	var stacks []string
	var stamp bool
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve the simulated stacks in real time",
		Long: `Serve the simulated stacks in real time, so that curl and other load generators can talk to them.

Stack A speaks trtllm-serve's dialect, stack B that of the Dynamo frontend, with the worker's and
KVBM's metrics pages. Ports are those of the stack files. Servers bind to loopback unless --bind says
otherwise.

  curl -s localhost:8355/v1/models
  curl -sN localhost:9000/v1/completions -H 'Content-Type: application/json' \
    -d '{"model":"nvidia/Llama-3.3-70B-Instruct-NVFP4","prompt":"Why is the tail slow?","max_tokens":8,"stream":true}'
  curl -s localhost:6880/metrics`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			folder, err := config.OpenFolder(configs)
			if err != nil {
				return err
			}
			w, err := config.LoadWorld(folder.Path("worlds/" + world + ".yaml"))
			if err != nil {
				return err
			}
			tok, err := prompt.NewTokenizer()
			if err != nil {
				return err
			}
			s := &servers{out: cmd.OutOrStdout(), bind: bind}
			for _, file := range stacks {
				st, err := config.LoadStack(folder.Path(file))
				if err != nil {
					return errors.Join(err, s.close())
				}
				w.Reduce(st)
				o := simrig.Options{Stack: st, World: w, Model: model, Seed: seed, Tokenize: tok.IDs, StampSends: stamp}
				if err := s.add(o); err != nil {
					return errors.Join(err, s.close())
				}
			}
			<-cmd.Context().Done()
			fmt.Fprintln(s.out, "stopping")
			return s.close()
		},
	}
	f := cmd.Flags()
	f.StringVar(&configs, "configs", "configs", "folder of the configuration files")
	f.StringSliceVar(&stacks, "stack", []string{"stackA_llama70b_baseline.yaml", "stackB_llama70b_dynamo_tiered.yaml"}, "stack `files` to serve, below the configs folder")
	f.StringVar(&world, "world", "default", "simulated machine, a file of configs/worlds")
	f.StringVar(&model, "model", "", "model instead of the stack file's: L8B or L70B")
	f.StringVar(&bind, "bind", "127.0.0.1", "address to bind to")
	f.Uint64Var(&seed, "seed", 1, "seed of the machine's background I/O")
	f.BoolVar(&stamp, "stamp", false, "put a comment line with the send time before each frame (\": sent <unix ns>\")")
	return cmd
}

// servers are the HTTP servers of the simulated machines.
type servers struct {
	out      io.Writer
	bind     string
	machines []*sim.Machine
	http     []*http.Server
	wg       sync.WaitGroup
}

// add starts one machine and its servers.
func (s *servers) add(o simrig.Options) error {
	spec, params, err := simrig.Spec(o)
	if err != nil {
		return err
	}
	addrs, err := simrig.Addresses(o.Stack)
	if err != nil {
		return err
	}
	m, err := sim.Start(spec, params, o.Seed)
	if err != nil {
		return err
	}
	s.machines = append(s.machines, m)
	handlers := m.Handlers()
	names := make([]string, 0, len(handlers))
	for name := range handlers {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		_, port, err := net.SplitHostPort(addrs[name])
		if err != nil {
			return fmt.Errorf("the stack file's address of the %s server (%q) needs a port: %w", name, addrs[name], err)
		}
		l, err := net.Listen("tcp", net.JoinHostPort(s.bind, port))
		if err != nil {
			return fmt.Errorf("%s server of stack %s: %w (another server has the port; stop it or change the stack file)", name, o.Stack.Stack, err)
		}
		srv := &http.Server{Handler: handlers[name], ReadHeaderTimeout: 10 * time.Second}
		s.http = append(s.http, srv)
		s.wg.Go(func() {
			if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				fmt.Fprintln(s.out, "server:", err)
			}
		})
		fmt.Fprintf(s.out, "stack %s  %-9s http://%s  %s\n", o.Stack.Stack, name, l.Addr(), spec.Model.Served)
	}
	return nil
}

// close stops everything and waits.
func (s *servers) close() error {
	var errs []error
	for _, m := range s.machines {
		m.Close()
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	for _, srv := range s.http {
		errs = append(errs, srv.Shutdown(ctx))
	}
	s.wg.Wait()
	return errors.Join(errs...)
}

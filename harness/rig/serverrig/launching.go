package serverrig

import (
	"context"
	crand "crypto/rand"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"sparkharness/harness/config"
	"sparkharness/harness/cpus"
	"sparkharness/harness/doctor"
	"sparkharness/harness/health"
	"sparkharness/harness/launch"
	"sparkharness/harness/outgoing"
	"sparkharness/harness/prompt"
	"sparkharness/harness/record"
	"sparkharness/harness/restore"
	"sparkharness/harness/rig"
	"sparkharness/harness/treatment"
)

// Launching starts the servers itself, one at a time: stacks of a unified-memory machine share its memory. A server lives as long
// as cells come that want it as it is; the plan's order is not changed for its sake.
type Launching struct {
	Rig
	o       LaunchOptions
	library *prompt.Library
	plan    *record.Plan
	current *running            // nil: none
	starts  int                 // of all servers, for the names of logs
	token   string              // in the names of containers: numbers of processes in containers are often the same
	pools   map[string]kvTokens // KV pools as read back, by stack

	treating treating
	adapters adapters
	quiet    quiet // in tests; zero: afterDrop

	// From Prepare on.
	journal   *restore.Journal // of what is done to this machine
	condition condition
	prepared  bool
}

// LaunchOptions are where the rig finds and leaves what.
type LaunchOptions struct {
	Root, Configs, Results string // folders: of the checkout, of the configurations, of all runs
	Out                    io.Writer
	Getenv                 func(string) (string, bool)
	SkipDoctor             bool // measure without looking whether the machine has what is needed

	// What follows has a default, and is for tests.
	Journals  string            // folder of what is done to this machine: the user's own
	Machine   *doctor.Machine   // this one
	Treatment treatment.Options // its times and sizes
}

// running is a server that has been started.
type running struct {
	key    string // digest of what it was started as
	tier   *tierFolder
	server *launch.Server
	asked  *server
}

// kvTokens is a KV pool.
type kvTokens struct {
	tokens, block float64
	wanted        config.Size
}

// NewLaunching looks at the drive and at what can be done to the machine. It writes nothing.
func NewLaunching(e *config.Experiment, o LaunchOptions) (_ rig.Rig, err error) {
	o.Getenv = orEnvironment(o.Getenv)
	r := &Launching{o: o, pools: map[string]kvTokens{}, token: strings.ToLower(crand.Text()[:8]),
		Rig: Rig{exp: e, out: o.Out, client: outgoing.New(outgoing.Options{}), servers: map[string]*server{}, noise: rand.NewChaCha8([32]byte{1})}}
	if r.journals, err = journalsOf(o.Journals); err != nil {
		return nil, err
	}
	if r.library, err = prompt.Open(filepath.Join(o.Root, "inputs", "prompts")); err != nil {
		return nil, err
	}
	if r.device, err = openDevice(sysRoot, e.Stacks[e.StackNames()[0]].Telemetry.Device); err != nil {
		return nil, err
	}
	r.treating = r.newTreating()
	return r, r.identify(e)
}

// identify settles the facts of the servers that are to be started and of this machine.
func (r *Launching) identify(e *config.Experiment) error {
	var origins []string
	var identity []any
	simulated := false
	for _, name := range e.StackNames() {
		st := e.Stacks[name]
		if st.Launched == nil || st.Server == nil || st.Server.Launch == nil {
			return fmt.Errorf("stack %s has nothing to be started: give its kind with -launch, as in -launch %s=vllm", name, name)
		}
		simulated = simulated || st.Server.Launch.Simulated
		origins = append(origins, fmt.Sprintf("%s: %s, model %s", name, started(st.Server), st.Launched.Model))
		identity = append(identity, name, st.Server, st.Launched)
	}
	if r.adapters = r.findAdapters(e); len(r.adapters.found) > 0 {
		identity = append(identity, r.adapters.sizes())
	}
	machine, err := config.Digest(append(identity, r.device.names, r.device.identity, host())...)
	if err != nil {
		return err
	}
	origin := "servers that this program starts, "
	if simulated {
		origin = "simulated servers as processes, not measured on hardware, "
	}
	capabilities := slices.Sorted(slices.Values(slices.Concat(launchCapabilities(e), r.treating.capabilities())))
	r.facts = record.Facts{Rig: e.Rig, Clock: record.ClockReal, Origin: origin + strings.Join(origins, "; "), Simulated: simulated, Machine: machine, CPUs: runtime.NumCPU(),
		Capabilities: capabilities, Uncalibrated: []string{}, Lacks: lacks(), MaxRequestBytes: r.device.maxRequest}
	return nil
}

func orEnvironment(getenv func(string) (string, bool)) func(string) (string, bool) {
	if getenv == nil {
		return os.LookupEnv
	}
	return getenv
}

// started names a kind with what it is started from.
func started(s *config.Server) string {
	if c := s.Launch.Container; c != nil {
		return s.Server + " (" + c.Image + ")"
	}
	return s.Server
}

// Check refuses what the servers cannot be started as, or from, before any is, and tells how often they are.
func (r *Launching) Check(e *config.Experiment, p *record.Plan) error {
	if err := r.treating.lacks(r.facts, e); err != nil {
		return err
	}
	if err := errors.Join(r.adapters.lacks(), lacksPolicies(e)); err != nil {
		return err
	}
	r.plan = p
	seen := map[string]bool{}
	var needed []launch.Command
	last, changes, anew := "", 0, 0
	for _, pc := range p.Cells {
		st := e.StackOf(pc)
		if pc.Phase != "" {
			anew++
		}
		key, err := startKey(st)
		if err != nil {
			return err
		}
		if key != last {
			last = key
			changes++
		}
		if seen[key] {
			continue
		}
		seen[key] = true
		commands, _, err := launch.Commands(st.Server.Launch, st.Launched, r.place(st, 1))
		if err != nil {
			return fmt.Errorf("stack %s: %w", st.Stack, err)
		}
		needed = append(needed, commands...)
	}
	if err := launch.Missing(context.Background(), needed); err != nil {
		return err
	}
	fmt.Fprintf(r.out, "%s: its %d cells start a server %d times: whenever stack, tier 1 or policy are others than those of the cell before\n", p.Hypothesis, len(p.Cells), changes)
	if anew > 0 {
		fmt.Fprintf(r.out, "%s: %d more times in its cold and warm cells, each of which starts it anew\n", p.Hypothesis, anew)
	}
	return nil
}

// startKey is the same for cells that one server can serve.
func startKey(st *config.Stack) (string, error) {
	return config.Digest(st.Stack, st.Server, st.Launched)
}

// place is what a launch is told of this machine.
func (r *Launching) place(st *config.Stack, port int) launch.Place {
	docker, _ := exec.LookPath(dockerCommand) // "": there is none, which is told where one is needed
	home, _ := os.UserHomeDir()               // "": a path that names it has no value
	absolute := func(path string) string {
		if abs, err := filepath.Abs(path); err == nil {
			return abs
		}
		return path
	}
	name := ""
	if st.Launched.TokenBytes != nil { // of a file of models/
		name = st.Model
	}
	return launch.Place{Kind: st.Server.Server, Host: loopback, Port: port, Root: absolute(r.o.Root), Configs: absolute(r.o.Configs), Home: home,
		Folder: absolute(filepath.Join(r.folder(), st.Stack+"-files")), ModelName: name, Getenv: r.o.Getenv, Docker: docker, CPUs: cpus.Others(),
		Suffix: fmt.Sprintf("%s-%d-%s", st.Stack, os.Getpid(), r.token)}
}

// loopback is where servers listen, and dockerCommand runs those that are containers.
const (
	loopback      = "127.0.0.1"
	dockerCommand = "docker"
)

// folder is where servers' logs and files go: into that of the run.
func (r *Launching) folder() string {
	if r.plan == nil {
		return filepath.Join(r.o.Results, record.DirServers)
	}
	return filepath.Join(r.o.Results, r.plan.RunID, record.DirServers)
}

// Open returns the stack's machine for a cell.
func (r *Launching) Open(_ context.Context, st *config.Stack) (rig.Machine, error) {
	if !r.prepared {
		return nil, errors.New("the rig is not prepared")
	}
	return &launched{machine: machine{rig: &r.Rig, stack: st}, of: r}, nil
}

// Prepare takes the turn to measure on this machine, undoes what a killed run has left, refuses a machine that is not as it was found,
// or lacks what is needed, and lays out what treatments need on the drive.
func (r *Launching) Prepare(ctx context.Context) (err error) {
	if r.prepared {
		return nil
	}
	if r.turn == nil {
		if r.turn, err = restore.TakeTurn(r.journals); err != nil {
			return err
		}
	}
	if r.journal == nil {
		if r.journal, err = restore.Open(r.journals, r.out); err != nil {
			return err
		}
	}
	if err := asFound(r.journal); err != nil {
		return err
	}
	if err := r.lookOver(ctx); err != nil {
		return err
	}
	if err := r.device.proveAll(ctx, r.noise, r.out); err != nil {
		return err
	}
	r.condition = condition{drives: r.device.names, out: r.out, read: health.Read}
	if err := r.treat(); err != nil {
		return err
	}
	if err := r.treating.prepare(ctx, r.exp, r.plan); err != nil {
		return err
	}
	r.prepared = true
	return nil
}

// Close stops the server that runs, undoes all that was done to this machine, and gives the turn back.
func (r *Launching) Close() error {
	r.condition.tell()
	r.prepared = false
	errs := []error{r.end(), r.treating.close()}
	if r.journal != nil {
		errs = append(errs, r.journal.Close())
		r.journal = nil
	}
	return errors.Join(append(errs, r.Rig.Close())...)
}

// end stops the server that runs, if one does, and removes what it has stored on the drive. What cannot be removed is told, and
// what comes after it is measured all the same: no other server looks there.
func (r *Launching) end() error {
	if r.current == nil {
		return nil
	}
	c := r.current
	r.current = nil
	err := c.server.Stop()
	if terr := c.tier.remove(); terr != nil {
		fmt.Fprintln(r.out, "warning:", terr)
	}
	return err
}

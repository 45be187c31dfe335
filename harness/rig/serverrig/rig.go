package serverrig

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"time"

	"sparkharness/harness/config"
	"sparkharness/harness/load"
	"sparkharness/harness/outgoing"
	"sparkharness/harness/prompt"
	"sparkharness/harness/record"
	"sparkharness/harness/restore"
	"sparkharness/harness/rig"
)

// Rig measures servers by their URLs.
type Rig struct {
	exp      *config.Experiment
	out      io.Writer
	client   *outgoing.Client
	servers  map[string]*server // by stack
	facts    record.Facts
	device   device
	noise    io.Reader     // what is written to prove counters
	journals string        // folder of what is done to this machine, and of who measures on it
	turn     *restore.Turn // to measure here, from Prepare on
	// patience bounds, in tests, what a server is waited for between cells; 0: settle, and asking for an answer.
	patience time.Duration
}

// asking bounds what a server is asked for before the first cell.
const asking = 20 * time.Second

// Options are where the rig finds what it sends, and whom it tells.
type Options struct {
	Prompts  string // folder of them
	Journals string // folder of what is done to this machine; "": the user's own
	Out      io.Writer
}

// New asks the servers of an experiment who they are, unless another run measures here: they may be what that one measures. The
// experiment's model becomes the one that they serve. Nothing is written.
func New(e *config.Experiment, o Options) (rig.Rig, error) {
	r := &Rig{exp: e, out: o.Out, client: outgoing.New(outgoing.Options{}), servers: map[string]*server{}, noise: rand.NewChaCha8([32]byte{1})}
	var err error
	if r.journals, err = journalsOf(o.Journals); err != nil {
		return nil, err
	}
	if err := restore.TurnTaken(r.journals); err != nil {
		return nil, err
	}
	library, err := prompt.Open(o.Prompts)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), asking)
	defer cancel()
	var origins, identity []string
	caps := []string{rig.ProvesCounters}
	waits, kv := true, false
	for _, name := range e.StackNames() {
		st := e.Stacks[name]
		if st.Server == nil {
			return nil, fmt.Errorf("stack %s has no server: give its URL with -url, as in -url %s=http://127.0.0.1:8000", name, name)
		}
		s, err := ask(ctx, r.client, st, library)
		if err != nil {
			return nil, fmt.Errorf("stack %s: %w", name, err)
		}
		r.servers[name] = s
		if model := s.plainModel(); e.Hypothesis.Model == "" || len(origins) == 0 {
			e.Hypothesis.Model = model
		} else if e.Hypothesis.Model != model {
			return nil, fmt.Errorf("the servers serve two models, %s and %s: stacks are compared on one", e.Hypothesis.Model, model)
		}
		st.Model = e.Hypothesis.Model
		st.Engine = st.Server.Server
		if t := s.blockTokens; t != nil {
			st.Runtime.TokensPerBlock = int(*t)
		}
		origins = append(origins, fmt.Sprintf("%s: %s at %s", name, s.title(), outgoing.Shown(st.Endpoint.URL)))
		identity = append(identity, name, st.Server.Server, s.build, s.model)
		waits = waits && st.Server.Waits != ""
		if name == "B" {
			// KVBM's page counts blocks, of a size that no page tells; and lookups are counted in blocks.
			kv = st.Server.KV != nil && !st.Server.KVBM && s.blockTokens != nil
		}
	}
	if waits {
		caps = append(caps, rig.TellsWaits)
	}
	if kv {
		caps = append(caps, rig.KVTelemetry)
	}
	if r.device, err = openDevice(sysRoot, e.Stacks[e.StackNames()[0]].Telemetry.Device); err != nil {
		return nil, err
	}
	machine, err := config.Digest(identity, r.device.names, r.device.identity, host())
	if err != nil {
		return nil, err
	}
	r.facts = record.Facts{Rig: e.Rig, Clock: record.ClockReal, Origin: "real servers, " + strings.Join(origins, "; "), Machine: machine, CPUs: runtime.NumCPU(),
		Capabilities: caps, Uncalibrated: []string{}, Lacks: lacks(), MaxRequestBytes: r.device.maxRequest}
	return r, nil
}

// Facts are those of the servers and of this machine.
func (r *Rig) Facts() record.Facts { return r.facts }

// Check refuses what servers that somebody else started cannot be brought to do.
func (r *Rig) Check(e *config.Experiment, _ *record.Plan) error {
	if err := rig.Lacks(r.facts, e); err != nil {
		return fmt.Errorf("%w; a server that is named by its URL runs as it was started", err)
	}
	for _, name := range e.StackNames() {
		if e.Hypothesis.Load.Chat != nil && !load.SameTokens(r.servers[name].ratio) {
			return &rig.UndecidableError{Why: fmt.Sprintf("stack %s: its model has %.3g tokens for each of the harness's, and sessions are laid out in the harness's: "+
				"take a workload of single prompts", name, r.servers[name].ratio.Each)}
		}
	}
	return nil
}

// Prepare takes the turn to measure on this machine, and sees the counters of the servers' drive move.
func (r *Rig) Prepare(ctx context.Context) (err error) {
	if r.turn == nil {
		if r.turn, err = restore.TakeTurn(r.journals); err != nil {
			return err
		}
	}
	return r.device.proveAll(ctx, r.noise, r.out)
}

// Open returns the stack's server for a cell.
func (r *Rig) Open(_ context.Context, st *config.Stack) (rig.Machine, error) {
	s := r.servers[st.Stack]
	if s == nil {
		return nil, errors.New("no server was named for stack " + st.Stack)
	}
	return &machine{rig: r, server: s, stack: st}, nil
}

// Run measures cells one after another.
func (r *Rig) Run(cells []record.PlannedCell, w rig.Work) {
	for _, pc := range cells {
		start := time.Now()
		err := w.Measure(pc)
		if err := w.Done(pc, time.Since(start), err); err != nil && !errors.Is(err, rig.ErrSkipped) {
			fmt.Fprintf(r.out, "cell %s: %v\n", pc.Key, err)
		}
	}
}

// Close lets go of the servers, and gives the turn back.
func (r *Rig) Close() error {
	r.client.CloseIdleConnections()
	return r.turn.End()
}

// title names a server as reports do.
func (s *server) title() string {
	return strings.TrimSpace(s.kind.Server + " " + cmp.Or(s.build, "of a build that it does not tell") + ", model " + s.model)
}

// plainModel is the served model as a label: the last part of a path, in letters that file names have.
func (s *server) plainModel() string {
	name := s.model[strings.LastIndexByte(s.model, '/')+1:]
	plain := strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || slices.Contains([]rune("._-"), c) {
			return c
		}
		return '-'
	}, name)
	return cmp.Or(strings.Trim(plain, "."), "model")
}

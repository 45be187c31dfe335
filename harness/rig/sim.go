package rig

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"sparkharness/harness/memnet"
	"sparkharness/harness/record"
	"sparkharness/harness/sim"
	"sparkharness/harness/telemetry"
)

// TickOffset keeps the sampler off the simulated machine's event grid of whole microseconds.
const TickOffset = 500 * time.Nanosecond

// gpuOffset keeps nvidia-smi's lines off both.
const gpuOffset = 300 * time.Nanosecond

// Sim is the simulated Spark on an in-memory network. It lives on the caller's clock: opened inside a
// testing/synctest bubble, it runs in virtual time.
type Sim struct {
	opts    SimOptions
	spec    sim.Spec
	machine *sim.Machine
	files   *sim.Files
	client  *http.Client
	tr      *http.Transport
	servers []*http.Server
	served  chan error
	gpu     *telemetry.GPU
	gpuEnd  func()
	began   time.Time // zero of the machine's clock
	fio     *telemetry.Fio
	fioRuns *fioStart   // nil: none
	watched []io.Closer // sources that hold files open
}

// OpenSim starts a simulated machine.
func OpenSim(o SimOptions) (*Sim, error) {
	spec, params, err := SimSpec(o)
	if err != nil {
		return nil, err
	}
	s := &Sim{opts: o, spec: spec}
	if s.files, err = sim.NewFiles(o.Dir); err != nil {
		return nil, err
	}
	if s.fio, err = telemetry.NewFio(s.files.Proc); err != nil {
		return nil, errors.Join(err, s.files.Close())
	}
	s.began = time.Now()
	if s.machine, err = sim.Start(spec, params, o.Seed); err != nil {
		return nil, errors.Join(err, s.files.Close())
	}
	if err := s.listen(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.startGPU()
	return s, nil
}

// listen serves the machine's handlers at the addresses that the stack file names.
func (s *Sim) listen() error {
	addrs, err := Addresses(s.opts.Stack)
	if err != nil {
		return err
	}
	network := &memnet.Network{}
	handlers := s.machine.Handlers()
	s.served = make(chan error, len(handlers))
	for _, name := range slices.Sorted(maps.Keys(handlers)) {
		addr := addrs[name]
		if addr == "" {
			return fmt.Errorf("the stack file names no address for the %s server", name)
		}
		l, err := network.Listen(addr)
		if err != nil {
			return fmt.Errorf("the %s server of the stack file: %w", name, err)
		}
		srv := &http.Server{Handler: handlers[name]}
		s.servers = append(s.servers, srv)
		go func() { s.served <- srv.Serve(l) }()
	}
	s.tr = &http.Transport{
		DialContext: network.DialContext, DisableCompression: true,
		MaxIdleConnsPerHost: 1 << 16, MaxIdleConns: 0,
	}
	s.client = &http.Client{Transport: s.tr}
	return nil
}

func (s *Sim) startGPU() {
	r, w := io.Pipe()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	machine, period := s.machine, time.Duration(s.opts.Stack.Telemetry.Cadence)
	go func() {
		defer close(done)
		defer w.Close()
		time.Sleep(gpuOffset)
		machine.StreamGPU(ctx, w, period)
	}()
	s.gpu = telemetry.NewGPU(r)
	s.gpuEnd = func() {
		cancel()
		_ = r.Close() // a pipe's never fails
		<-done
		_ = s.gpu.Close() // the stream was ended on purpose
	}
}

// Endpoint is the simulated server's.
func (s *Sim) Endpoint() Endpoint {
	e := s.opts.Stack.Endpoint
	return Endpoint{BaseURL: e.URL, API: e.API, Dialect: s.spec.Dialect, HTTP: s.client}
}

// Telemetry reads the rendered host files, nvidia-smi's lines and the servers' metrics pages.
func (s *Sim) Telemetry() Telemetry {
	e := s.opts.Stack.Endpoint
	t := Telemetry{Scrapes: map[string]func() []byte{}}
	// The files must hold something before the sources look at what there is.
	err := s.machine.Render(context.Background(), s.files)
	t.Sys = append(t.Sys, orFail("render", render{s}, err))
	proc, err := telemetry.NewProc(s.files.Proc)
	t.Sys = append(t.Sys, orFail("proc", proc, err))
	block, err := telemetry.NewBlock(s.files.Proc, s.files.Sys, s.opts.Stack.Telemetry.Device)
	t.Sys = append(t.Sys, orFail("block", block, err), s.fio, s.gpu)
	s.watched = append(s.watched, proc, block)
	// The sources that go over HTTP come last: they can hang.
	engine := telemetry.NewEngine(s.client, e.EngineMetrics)
	t.Sys = append(t.Sys, engine)
	t.Scrapes["engine.prom"] = engine.LastScrape
	if s.opts.Stack.Stack == "A" {
		t.Perf = telemetry.NewPerf(s.client, e.URL)
	}
	if e.KVBMMetrics != "" {
		kvbm, err := telemetry.NewKVBM(s.client, e.KVBMMetrics, float64(s.spec.BlockBytes()))
		if err != nil {
			t.KV = failed{"kvbm", err}
			return t
		}
		t.KV = kvbm
		t.Scrapes["kvbm.prom"] = kvbm.LastScrape
	}
	return t
}

// ReadBack asks the servers for their model and KV pool.
func (s *Sim) ReadBack(ctx context.Context) (Settings, error) {
	m := s.spec.Model
	out, err := readBack(ctx, s.client, s.opts.Stack, float64(s.spec.BlockBytes()),
		fmt.Sprintf("2 x %d layers x %d KV heads x %d x %d B x %d tokens (%s, %s)",
			m.Layers, m.KVHeads, m.HeadDim, s.spec.KVElemBytes, s.spec.BlockTokens, m.Name, s.opts.Stack.Runtime.KVDtype),
		s.machine.StartupLog())
	for _, a := range s.spec.LoRA.Adapters {
		if out.AdapterBytes == nil {
			out.AdapterBytes = map[string]float64{}
		}
		out.AdapterBytes[a.Name] = float64(a.Bytes)
	}
	return out, err
}

// Treat acts on the simulated machine and reads the effect where one would on a real one: the page cache
// in /proc/meminfo, the restart in the engine's count of finished requests.
func (s *Sim) Treat(ctx context.Context, t Treatment) (Treated, error) {
	out := Treated{Treatment: t}
	var do func(context.Context) error
	var read func(context.Context) (*float64, error)
	switch t {
	case DropCaches:
		out.Reading, do, read = "page cache, B", s.machine.DropCaches, s.cached
	case Restart:
		out.Reading, do, read = "requests finished since the server's start", s.restart, s.finished
	default:
		return out, fmt.Errorf("treatment %q is not known to the simulated machine", t)
	}
	var err error
	if out.Before, err = read(ctx); err != nil {
		return out, err
	}
	if err := do(ctx); err != nil {
		return out, err
	}
	out.After, err = read(ctx)
	return out, err
}

// restart returns when the new server process has answered a request.
func (s *Sim) restart(ctx context.Context) error {
	if err := s.machine.Restart(ctx); err != nil {
		return err
	}
	return answers(ctx, s.client, s.opts.Stack.Endpoint.URL, s.spec.Model.Served)
}

// cached is the page cache as /proc/meminfo has it.
func (s *Sim) cached(ctx context.Context) (*float64, error) {
	if err := s.machine.Render(ctx, s.files); err != nil {
		return nil, err
	}
	proc, err := telemetry.NewProc(s.files.Proc)
	if err != nil {
		return nil, err
	}
	defer proc.Close()
	var sample record.SysSample
	if err := proc.Sample(ctx, &sample); err != nil || sample.Mem == nil {
		return nil, err
	}
	return sample.Mem.Cached, nil
}

// finished is the engine's count of requests; a server that has finished none has no such series.
func (s *Sim) finished(ctx context.Context) (*float64, error) {
	engine := telemetry.NewEngine(s.client, s.opts.Stack.Endpoint.EngineMetrics)
	var sample record.SysSample
	if err := engine.Sample(ctx, &sample); err != nil {
		return nil, err
	}
	v, err := engine.Value("request_success_total")
	if err == nil && v == nil {
		v = new(float64)
	}
	return v, err
}

// Uncalibrated lists what of this machine rests on no measurement.
func (o SimOptions) Uncalibrated() ([]string, error) {
	spec, params, err := SimSpec(o)
	if err != nil {
		return nil, err
	}
	out := params.Uncalibrated(spec)
	if o.Fio {
		out = append(out, params.UncalibratedForeign()...)
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// Close stops the machine and waits for everything that it started.
func (s *Sim) Close() error {
	if s.gpuEnd != nil {
		s.gpuEnd()
	}
	s.machine.Close()
	var errs []error
	if s.tr != nil {
		s.tr.CloseIdleConnections()
	}
	for _, srv := range s.servers {
		errs = append(errs, srv.Close())
	}
	for range s.servers {
		if err := <-s.served; !errors.Is(err, http.ErrServerClosed) {
			errs = append(errs, err)
		}
	}
	for _, w := range s.watched {
		errs = append(errs, w.Close())
	}
	return errors.Join(append(errs, s.files.Close())...)
}

// render is a source that fills nothing: it brings the machine's files up to date before the others
// read them.
type render struct{ s *Sim }

func (render) Name() string { return "render" }

func (r render) Sample(ctx context.Context, _ *record.SysSample) error {
	return r.s.machine.Render(ctx, r.s.files)
}

// failed is a source that could not be opened: it is counted as missing in every slot.
type failed struct {
	name string
	err  error
}

func orFail(name string, src telemetry.SysSource, err error) telemetry.SysSource {
	if err != nil {
		return failed{name, err}
	}
	return src
}

func (f failed) Name() string                                     { return f.name }
func (f failed) Sample(context.Context, *record.SysSample) error  { return f.err }
func (f failed) SampleKV(context.Context, *record.KVSample) error { return f.err }

// trimSlash is the base of a URL to which paths are appended.
func trimSlash(u string) string { return strings.TrimRight(u, "/") }

package simrig

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"
	"time"

	"sparkharness/harness/fio"
	"sparkharness/harness/outgoing"
	"sparkharness/harness/record"
	"sparkharness/harness/rig"
	"sparkharness/harness/sim"
	"sparkharness/harness/telemetry"
)

// tickOffset keeps the sampler off the simulated machine's event grid of whole microseconds.
const tickOffset = 500 * time.Nanosecond

// gpuOffset keeps nvidia-smi's lines off both.
const gpuOffset = 300 * time.Nanosecond

// Machine is the simulated Spark on an in-memory network. It lives on the caller's clock: begun inside a
// testing/synctest bubble, it runs in virtual time.
type Machine struct {
	opts    Options
	spec    sim.Spec
	machine *sim.Machine
	files   *sim.Files
	client  *outgoing.Client
	servers []*http.Server
	served  chan error
	gpu     *telemetry.GPU
	gpuEnd  func()
	began   time.Time // zero of the machine's clock
	fio     *telemetry.Fio
	server  *telemetry.Server
	fioRuns *fioStart // nil: none
	probe   telemetry.Probe
	watched []io.Closer                                 // sources that hold files open
	scratch bool                                        // the folder is the rig's own, and goes with the machine
	without string                                      // kind of treatment that is left out: a test of what notices that
	before  func(record.PlannedCell) ([]fio.Job, error) // what loaded the drive until a cell began; nil: nothing
}

// OpenMachine starts a simulated machine.
func OpenMachine(o Options) (*Machine, error) {
	s := &Machine{opts: o}
	if err := s.start(); err != nil {
		return nil, err
	}
	return s, nil
}

// start builds the machine anew and has its servers listen.
func (s *Machine) start() error {
	spec, params, err := Spec(s.opts)
	if err != nil {
		return err
	}
	s.spec = spec
	if s.files, err = sim.NewFiles(s.opts.Dir); err != nil {
		return err
	}
	if s.fio, err = telemetry.NewFio(s.files.Proc); err != nil {
		return errors.Join(err, s.files.Close())
	}
	if s.server, err = telemetry.NewServer(s.files.Proc); err != nil {
		return errors.Join(err, s.files.Close())
	}
	s.began = time.Now()
	if s.opts.Storage == nil {
		s.machine, err = sim.Start(spec, params, s.opts.Seed)
	} else {
		s.machine, err = sim.StartOn(spec, params, s.opts.Storage)
	}
	if err != nil {
		return errors.Join(err, s.files.Close())
	}
	if err := s.listen(); err != nil {
		err = errors.Join(err, s.Close())
		s.machine = nil // a second Close would wait for servers that have ended
		return err
	}
	s.startGPU()
	return nil
}

// listen serves the machine's handlers at the addresses that the stack file names.
func (s *Machine) listen() error {
	addrs, err := Addresses(s.opts.Stack)
	if err != nil {
		return err
	}
	network := s.opts.Network
	if network == nil {
		network = &inMemory{}
	}
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
	s.client = outgoing.New(outgoing.Options{Dial: network.DialContext})
	return nil
}

func (s *Machine) startGPU() {
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
func (s *Machine) Endpoint() rig.Endpoint {
	e := s.opts.Stack.Endpoint
	return rig.Endpoint{BaseURL: e.URL, API: e.API, Dialect: s.spec.Dialect, HTTP: s.client}
}

// Sources read the rendered host files, nvidia-smi's lines and the servers' metrics pages.
func (s *Machine) Sources() rig.Sources {
	t := rig.Sources{TickOffset: tickOffset, Refresh: func(ctx context.Context) error { return s.machine.Render(ctx, s.files) }}
	// The files must hold something before the sources look at what there is.
	_ = t.Refresh(context.Background()) // a machine that cannot render fails with its first sample
	watched := telemetry.Device(s.files.Sys, s.opts.Stack.Telemetry.Device)
	t.Device = &watched
	proc, err := telemetry.NewProc(s.files.Proc)
	t.Sys = append(t.Sys, telemetry.OrFailed("proc", proc, err))
	block, err := telemetry.NewBlock(s.files.Proc, s.files.Sys, s.opts.Stack.Telemetry.Device)
	t.Sys = append(t.Sys, telemetry.OrFailed("block", block, err), telemetry.OrFailed("server", s.server, s.watchServer(context.Background())), s.fio)
	s.watched = append(s.watched, proc, block, s.server)
	t.Drives = s.countDrives()
	told := s.Told()
	t.Sys = append(t.Sys, told.Sys...)
	if s.opts.Probe { // before the pages, and behind the GPU: evidence of earlier runs has them in this order
		t.Sys = slices.Insert(t.Sys, len(t.Sys)-len(told.Sys)+1, telemetry.SysSource(&s.probe))
	}
	t.KV, t.Perf, t.Scrapes = told.KV, told.Perf, told.Scrapes
	return t
}

// Told are the sources that are not of the machine's kernel: nvidia-smi's lines and the servers' pages. Those that go over HTTP
// come last: they can hang.
func (s *Machine) Told() rig.Sources {
	e := s.opts.Stack.Endpoint
	engine := telemetry.NewEngine(s.client, e.EngineMetrics)
	t := rig.Sources{Sys: []telemetry.SysSource{s.gpu, engine}, Scrapes: map[string]func() []byte{"engine.prom": engine.LastScrape}}
	if s.opts.Stack.Stack == "A" {
		t.Perf = telemetry.NewPerf(s.client, e.URL)
	}
	if e.KVBMMetrics != "" {
		kvbm, err := telemetry.NewKVBM(s.client, e.KVBMMetrics, float64(s.spec.BlockBytes()))
		if err != nil {
			t.KV = telemetry.Failed{Source: "kvbm", Err: err}
			return t
		}
		t.KV = kvbm
		t.Scrapes["kvbm.prom"] = kvbm.LastScrape
	}
	return t
}

// watchServer turns to the process that the server now is.
func (s *Machine) watchServer(ctx context.Context) error {
	pid, err := s.machine.ServerPID(ctx)
	if err == nil {
		s.server.Watch(pid)
	}
	return err
}

// blockFormula is Spec.BlockBytes in words.
func blockFormula(s sim.Spec, dtype string) string {
	m := s.Model
	layers, windows := m.Layers, ""
	if s.WindowAware && m.WindowLayers > 0 {
		layers, windows = layers-m.WindowLayers, " without a window"
	}
	shape := fmt.Sprintf("2 x %d layers%s x %d KV heads x %d", layers, windows, m.KVHeads, m.HeadDim)
	if m.LatentDim > 0 {
		shape = fmt.Sprintf("%d layers%s x %d values", layers, windows, m.LatentDim)
	}
	return fmt.Sprintf("%s x %d B x %d tokens (%s, %s)", shape, s.KVElemBytes, s.BlockTokens, m.Name, dtype)
}

// ReadBack asks the servers for their model and KV pool.
func (s *Machine) ReadBack(ctx context.Context) (record.Settings, error) {
	out, err := rig.ReadBack(ctx, s.client, s.opts.Stack, rig.Model{ID: s.spec.Model.Served, BlockBytes: float64(s.spec.BlockBytes()),
		BlockFormula: blockFormula(s.spec, s.opts.Stack.Runtime.KVDtype)}, s.machine.StartupLog())
	for _, a := range s.spec.LoRA.Adapters {
		if out.AdapterBytes == nil {
			out.AdapterBytes = map[string]float64{}
		}
		out.AdapterBytes[a.Name] = float64(a.Bytes)
	}
	return out, err
}

// Uncalibrated lists what of this machine rests on no measurement.
func (o Options) Uncalibrated() ([]string, error) {
	spec, params, err := Spec(o)
	if err != nil {
		return nil, err
	}
	out, err := o.assumed()
	if err != nil {
		return nil, err
	}
	out = append(out, params.Assumed(spec)...)
	if o.RealDrive {
		out = slices.DeleteFunc(out, func(line string) bool { return line == sim.AssumedMixed })
	}
	if o.Fio {
		out = append(out, params.AssumedForeign()...)
	}
	if o.Probe {
		out = append(out, sim.AssumedProbe)
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// Close stops the machine and waits for everything that it started.
func (s *Machine) Close() error {
	if s.scratch {
		defer os.RemoveAll(s.opts.Dir)
	}
	if s.machine == nil {
		return nil // it was never begun, or did not come up
	}
	if s.gpuEnd != nil {
		s.gpuEnd()
	}
	s.machine.Close()
	errs := []error{s.machine.Err()} // a storage has failed
	if s.client != nil {
		s.client.CloseIdleConnections()
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

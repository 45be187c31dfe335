package simrig

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"sparkharness/harness/config"
	"sparkharness/harness/sim"
)

// refPromptTokens is the prompt length at which a prompt rate holds that follows from an engine's costs.
const refPromptTokens = 2048

// parts are the files that the options' machine is made of.
func (o Options) parts() (*config.Model, *config.Engine, error) {
	if o.Twin == nil {
		return nil, nil, errors.New("the simulated machine needs models, engines, a drive and a machine: load them with the stack")
	}
	m, e := o.Twin.Models[o.Stack.Model], o.Twin.Engines[o.Stack.Engine]
	if m == nil || e == nil {
		return nil, nil, fmt.Errorf("stack %s: model %q or engine %q was not loaded", o.Stack.Stack, o.Stack.Model, o.Stack.Engine)
	}
	return m, e, nil
}

// Configured are the options of a stack file in a world, both of a folder of configurations. The names of another model
// and of another engine, if not empty, take the place of the stack's own.
func Configured(folder *config.Folder, stack, world, model, engine string) (Options, error) {
	w, err := config.LoadWorld(folder.Path("worlds/" + world + ".yaml"))
	if err != nil {
		return Options{}, err
	}
	st, err := config.LoadStack(folder.Path(stack))
	if err != nil {
		return Options{}, err
	}
	st.Model, st.Engine = cmp.Or(model, st.Model), cmp.Or(engine, st.Engine)
	w.Reduce(st)
	twin, err := config.LoadTwin(folder, w, map[string]*config.Stack{st.Stack: st})
	return Options{Stack: st, World: w, Twin: twin}, err
}

// Model is a model as an engine runs it: what was published for the two together, and for the rest what the engine's costs
// make of the model's bytes and parameters.
func Model(m *config.Model, e *config.Engine) (sim.Model, error) {
	s := m.Shape
	out := sim.Model{
		Name: m.Model, Served: m.Served, Layers: s.Layers, KVHeads: s.KVHeads, HeadDim: s.HeadDim, LatentDim: s.LatentDim,
		Hidden: s.Hidden, Intermediate: s.Intermediate,
		KVReadBytesPerSec: float64(e.Costs.KVRead.Value),
		WeightsBytes:      int64(m.Weights.Resident.Value), StepBytes: int64(m.Weights.ReadPerToken.Value),
	}
	if w := s.Window; w != nil {
		out.WindowLayers, out.WindowTokens = w.Layers, w.Tokens
	}
	if e.Costs.Request != nil {
		out.RequestNS = float64(e.Costs.Request.Value)
	}
	r := m.Rates[e.Engine]
	out.DecodeBaseNS = float64(m.Weights.ReadPerToken.Value) / float64(e.Costs.WeightRead.Value) * 1e9
	if f := r.DecodeTokPerS; f != nil {
		out.DecodeBaseNS = 1e9 / f.Value
	}
	switch {
	case r.Experts != nil: // they are the slope
		out.ExpertsTwoNS, out.ExpertsExponent = float64(r.Experts.Two.Value), r.Experts.Exponent.Value
	case r.DecodePerSequence != nil:
		out.DecodePerSeqNS = float64(r.DecodePerSequence.Value)
	default:
		out.DecodePerSeqNS = e.Costs.SequencePerBillion.Value * 1e3 * m.Parameters.Active
	}
	tflops, known := e.Costs.PromptTFLOPS[m.Weights.Quantization]
	flop := 2e9 * m.Parameters.Active // of a token's linear work
	switch {
	case r.PrefillTokPerS != nil:
		out.PrefillTokensPerSec, out.PrefillRefTokens = r.PrefillTokPerS.Value, float64(r.PrefillRefTokens)
	case known:
		out.PrefillTokensPerSec, out.PrefillRefTokens = tflops.Value*1e12/flop, refPromptTokens
	default:
		return out, fmt.Errorf("engine %s has no prompt_tflops for %s, the weights of model %s, nor has the model a prefill rate of that engine: give one of the two",
			e.Engine, m.Weights.Quantization, m.Model)
	}
	if f := r.PrefillPerDepthNS; f != nil {
		out.DepthNS = f.Value
	} else {
		// Scores and their sum: 4 x hidden FLOP a layer and token of depth, at the rate of the linear work.
		out.DepthNS = 4 * float64(s.Hidden) * float64(s.Layers-out.WindowLayers) / flop / out.PrefillTokensPerSec * 1e9
	}
	if m.Parameters.Active < m.Parameters.Total && r.Experts == nil {
		return out, fmt.Errorf("model %s uses a part of its parameters for a token, and says for engine %s no experts: a batch would read no more than one sequence; "+
			"give rates.%s.experts, assumed if nothing is published", m.Model, e.Engine, e.Engine)
	}
	if err := tooSlow(out); err != nil {
		return out, fmt.Errorf("model %s on engine %s: %w", m.Model, e.Engine, err)
	}
	if out.DepthNS*out.PrefillRefTokens/2 >= 1e9/out.PrefillTokensPerSec {
		return out, fmt.Errorf("model %s: attention over %g tokens alone takes longer (%.3g ns a token) than the prefill rate allows (%.3g ns): correct one of them",
			m.Model, out.PrefillRefTokens, out.DepthNS*out.PrefillRefTokens/2, 1e9/out.PrefillTokensPerSec)
	}
	return out, nil
}

// tooSlow refuses times that no machine takes, which a figure in a wrong unit makes and which in ns may be more than can be
// counted.
func tooSlow(m sim.Model) error {
	var errs []error
	for _, part := range []struct {
		what string
		ns   float64
		most time.Duration
	}{
		{"a step", m.DecodeBaseNS, time.Hour}, {"a step of two sequences", m.ExpertsTwoNS, time.Hour},
		{"a further sequence of a step", m.DecodePerSeqNS, time.Minute}, {"a token of a prompt", 1e9 / m.PrefillTokensPerSec, time.Minute},
		{"a token of a prompt for each token before it", m.DepthNS, time.Millisecond},
		{"reading the KV of a token", float64(m.KVBytesPerToken(2)) / m.KVReadBytesPerSec * 1e9, time.Second},
	} {
		if part.ns > float64(part.most) {
			errs = append(errs, fmt.Errorf("%s takes %.3g s, more than %v: look at the units of the rates", part.what, part.ns/1e9, part.most))
		}
	}
	return errors.Join(errs...)
}

// nvme is a drive below an operating system.
func nvme(d *config.Drive, m *config.Machine) sim.NVMeParams {
	p := Drive(d)
	p.JiffyNS = int64(m.System.Jiffy.Value)
	p.BackgroundReadsPerSec, p.BackgroundWritesPerSec = m.System.ReadsPerS.Value, m.System.WritesPerS.Value
	p.BackgroundBytes = int64(m.System.IOBytes.Value)
	return p
}

// Drive is a drive by itself, without the operating system's own requests and clock.
func Drive(d *config.Drive) sim.NVMeParams {
	p := sim.NVMeParams{
		ControllerCmdsPerSec: d.ControllerIOPS.Value, Planes: d.Planes.Value, PageBytes: int64(d.PageBytes.Value),
		PageReadNS: float64(d.PageRead.Value), PageReadJitter: d.PageReadJitter, PageProgramNS: float64(d.PageProgram.Value),
		LinkBytesPerSec: float64(d.Link.Value), FlashWriteBytesPerSec: float64(d.FlashWrite.Value),
		WriteCacheBytes: int64(d.WriteCache.Value), FixedNS: float64(d.Fixed.Value), MaxCommandBytes: int64(d.MaxCommand.Value),
	}
	if w := d.Pauses; w != nil {
		p.PausesPerSec, p.PauseMS, p.PauseSigma = w.PerS.Value, time.Duration(w.Median.Value).Seconds()*1e3, w.Sigma
	}
	if l := d.Limits; l != nil {
		p.Limits = sim.NVMeLimits{ReadIOPS: valueOf(l.ReadIOPS), WriteIOPS: valueOf(l.WriteIOPS),
			ReadBytesPerSec: float64(valueOf(l.Read)), WriteBytesPerSec: float64(valueOf(l.Write))}
	}
	return p
}

// valueOf is that of a figure, 0 without one.
func valueOf[T any](f *config.Figure[T]) (v T) {
	if f != nil {
		v = f.Value
	}
	return v
}

// host is a machine less its drive.
func host(m *config.Machine) sim.HostParams {
	return sim.HostParams{
		CPUs: m.CPUs.Value, MemTotalBytes: int64(m.Memory.Total.Value), OSBytes: int64(m.Memory.System.Value),
		PageCacheBytes: int64(m.Memory.PageCache.Value), ReserveBytes: int64(m.Memory.Reserve.Value),
		DRAMBytesPerSec: float64(m.Memory.Peak.Value), HostCopyBytesPerSec: float64(m.Memory.Copy.Value),
		BufferedReadBytesPerSec: float64(m.Files.Cached.Value), ReadaheadBytes: int64(m.Files.Window.Value), ReadaheadNS: int64(m.Files.WindowTime.Value),
		EngineCores: m.System.EngineCores.Value, IdleCores: m.System.IdleCores.Value, SystemShare: m.System.KernelShare.Value,
		ForeignNSPerIO: int64(m.System.ForeignCPUPerIO.Value),
		GPUIdleW:       m.GPU.IdleW.Value, GPUBusyW: m.GPU.BusyW.Value, GPUIdleClockMHz: m.GPU.IdleMHz.Value, GPUMaxMHz: m.GPU.BusyMHz.Value,
	}
}

// assumed are the figures behind the options' machine that rest on no measurement of it, a line a part. Where each comes from
// stands in its file, and in the configuration that a run saves.
func (o Options) assumed() ([]string, error) {
	m, e, err := o.parts()
	if err != nil {
		return nil, err
	}
	// Of engine and model only what the other does not decide.
	r, used, costs := m.Rates[e.Engine], *m, e.Costs
	used.Rates = map[string]config.Rates{e.Engine: r}
	if r.DecodeTokPerS != nil {
		costs.WeightRead = config.Figure[config.Rate]{}
	}
	if r.DecodePerSequence != nil || r.Experts != nil {
		costs.SequencePerBillion = config.Figure[float64]{}
	}
	tflops := costs.PromptTFLOPS[m.Weights.Quantization]
	costs.PromptTFLOPS = map[string]config.Figure[float64]{}
	if r.PrefillTokPerS == nil {
		costs.PromptTFLOPS[m.Weights.Quantization] = tflops
	}
	var out []string
	add := func(kind, name string, part any) {
		by := config.Assumptions(part)
		var words []string
		for _, basis := range config.Bases {
			if len(by[basis]) > 0 {
				words = append(words, basis+" "+strings.Join(by[basis], ", "))
			}
		}
		if len(words) > 0 {
			out = append(out, fmt.Sprintf("%s %s: %s", kind, name, strings.Join(words, "; ")))
		}
	}
	add("model", m.Model, &used)
	add("engine", e.Engine, &config.Engine{Costs: costs})
	if !o.RealDrive {
		add("drive", o.Twin.Drive.Drive, o.Twin.Drive)
		if second := o.Twin.Second; second != nil && second.Drive != o.Twin.Drive.Drive {
			add("drive", second.Drive, second)
		}
	}
	add("machine", o.Twin.Machine.Machine, o.Twin.Machine)
	if told := fitErrors(e, r, tflops); told != "" {
		out = append(out, told)
	}
	if r.PrefillPerDepthNS == nil {
		out = append(out, fmt.Sprintf("model %s: arithmetic attention depth cost", m.Model))
	}
	return out, nil
}

// fitErrors is a line on how far off the engine's fitted costs were on rows that they had not seen, of the regions that they
// decide beside what was published for the model, r; "" if there is none. Figures that other engines or arithmetic gave
// are not what those rows were about; they stay among the assumptions.
func fitErrors(e *config.Engine, r config.Rates, tflops config.Figure[float64]) string {
	if e.Errors == nil {
		return ""
	}
	var words []string
	tell := func(first, next string, err *config.Error, decides bool) {
		if err == nil || !decides {
			return
		}
		if len(words) == 0 {
			next = first + " is off"
		}
		most := math.Ceil(100*err.Largest - 1e-9) // at most is not rounded down, but for the rounding of the product
		words = append(words, fmt.Sprintf("%s by %.0f %% (at most %.0f %%)", next, 100*err.Median, most))
	}
	one := r.DecodeTokPerS == nil && e.Costs.WeightRead.Basis == config.BasisFitted
	tell("decode of one stream", "", e.Errors.DecodeOne, one)
	tell("decode of several streams", "of several", e.Errors.DecodeStreams,
		r.DecodePerSequence == nil && r.Experts == nil && e.Costs.SequencePerBillion.Basis == config.BasisFitted)
	tell("prefill", "prefill", e.Errors.Prefill, r.PrefillTokPerS == nil && tflops.Basis == config.BasisFitted)
	if len(words) == 0 {
		return ""
	}
	return fmt.Sprintf("engine %s: on published rows left out of the fit %s (%s)", e.Engine, strings.Join(words, ", "), e.Errors.Source)
}

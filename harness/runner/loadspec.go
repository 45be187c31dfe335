package runner

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sparkharness/harness/config"
	"sparkharness/harness/load"
	"sparkharness/harness/outgoing"
	"sparkharness/harness/prompt"
	"sparkharness/harness/record"
)

// drive sends the cell's load.
func (c *cellRun) drive(ctx context.Context, w *record.Writer) (record.LoadSummary, error) {
	spec, err := c.spec()
	if err != nil {
		return record.LoadSummary{}, err
	}
	if c.plan.Facts.Clock != record.ClockVirtual {
		return load.Run(ctx, spec, func(r *record.Request) error { c.noteSent(r); return w.Write(r) }, c.enter)
	}
	lines := &instants{w: w}
	sum, err := load.Run(ctx, spec, func(r *record.Request) error { c.noteSent(r); return lines.add(r) }, c.enter)
	return sum, errors.Join(err, lines.flush())
}

// spec is the cell's load from the configuration, for the machine that has been read back.
func (c *cellRun) spec() (load.Spec, error) {
	s, err := c.asked()
	if err != nil {
		return s, err
	}
	ep := c.machine.Endpoint()
	s.BaseURL, s.API, s.Dialect, s.ModelID = ep.BaseURL, ep.API, ep.Dialect, c.info.Settings.Model
	s.HTTP, s.Start, s.RealTime = ep.HTTP, c.start, c.plan.Facts.Clock == record.ClockReal
	if s.Adapters != nil {
		s.Adapters.AsModel = ep.AdapterAsModel
	}
	return s, nil
}

// asked is the cell's load as far as the configuration says it.
func (c *cellRun) asked() (load.Spec, error) {
	hc := c.exp.Hypothesis
	output, err := distribution(hc.Load.OutputTokens.Plain())
	if err != nil {
		return load.Spec{}, fmt.Errorf("load.output_tokens: %w", err)
	}
	s := load.Spec{
		RunID: c.plan.RunID, Stack: c.pc.Stack, Model: hc.Model, Workload: hc.Load.Workload,
		ContextTokens: c.pc.ContextTokens, Output: output, Nonce: load.Nonce(hc.Load.Nonce),
		Timeout: time.Duration(hc.Load.RequestTimeout), Seed: c.pc.LoadSeed,
		Warmup:   load.Warmup{Min: time.Duration(hc.Run.Warmup.Min), Max: time.Duration(hc.Run.Warmup.Max), Passes: hc.Run.Warmup.Passes},
		Duration: time.Duration(hc.Run.Duration), MaxDuration: time.Duration(hc.Run.MaxDuration),
		MinRequests: hc.Run.MinRequests,
	}
	if s.Prompter, err = c.prompter(output); err != nil {
		return s, err
	}
	if a := hc.Load.Adapters; a != nil {
		s.Adapters = &load.Adapters{Names: c.exp.Adapters, Pick: a.Pick, HotSet: a.HotSet, HotShare: a.HotShare, Dir: a.Dir}
	}
	if c.pc.RateRPS != nil {
		s.Loop = load.Open{Pacer: pacer(&hc.Sweep, *c.pc.RateRPS)}
		return s, nil
	}
	law, err := hc.Load.ThinkTime.Seconds()
	if chat := hc.Load.Chat; chat != nil {
		law = law.Scaled(float64(c.pc.Users) / float64(chat.ReferenceSessions))
	}
	think, err := distribution(law, err)
	if err != nil {
		return s, fmt.Errorf("load.think_time: %w", err)
	}
	closed := load.Closed{Users: c.pc.Users, Think: think}
	if p := hc.Load.Popularity; p != nil {
		closed.Weights = load.ZipfWeights(c.pc.Users, p.Exponent)
	}
	s.Loop = closed
	return s, nil
}

// pacer is how an open loop of that many requests a second arrives.
func pacer(s *config.Sweep, rps float64) load.Pacer {
	switch s.Arrivals {
	case config.ArrivalsConstant:
		return load.Constant{RPS: rps}
	case config.ArrivalsGamma:
		return load.Gamma{RPS: rps, CV: s.GapCV}
	case config.ArrivalsRamp:
		return load.Ramp{From: *s.Ramp.FromRPS, To: rps, Over: time.Duration(s.Ramp.Over)}
	}
	return load.Poisson{RPS: rps}
}

// prompter makes the prompts of the cell's workload.
func (c *cellRun) prompter(output load.Dist) (load.Prompter, error) {
	chat := c.exp.Hypothesis.Load.Chat
	if chat == nil {
		return load.FixedContext{Seed: c.pc.LoadSeed, Body: c.prompts.Body}, nil
	}
	w := &load.SessionedChat{Seed: c.pc.LoadSeed, Answer: output, Text: c.segments.Text, Least: prompt.MinSegment}
	var err error
	if w.Message, w.Fresh, err = load.Chat(chatShape(c.exp, c.pc, output)); err != nil {
		return nil, err
	}
	w.Turns, err = around(float64(c.pc.Turns), chat.TurnSpread)
	return w, err
}

// chatShape is what the sessions of a cell are to look like.
func chatShape(e *config.Experiment, pc record.PlannedCell, output load.Dist) load.ChatShape {
	return load.ChatShape{Prompt: float64(pc.ContextTokens), Turns: pc.Turns, Reuse: pc.Reuse,
		Answer: output.Mean(), Spread: e.Hypothesis.Load.Chat.LengthSpread, Least: prompt.MinSegment}
}

// around is uniform from (1 - spread) to (1 + spread) times the mean.
func around(mean, spread float64) (load.Dist, error) {
	if spread == 0 {
		return load.NewConstant(mean)
	}
	return load.NewUniform(mean*(1-spread), mean*(1+spread))
}

func distribution(l config.Law, err error) (load.Dist, error) {
	if err != nil {
		return nil, err
	}
	switch l.Dist {
	case config.Constant:
		return load.NewConstant(l.A)
	case config.Uniform:
		return load.NewUniform(l.A, l.B)
	case config.Exponential:
		return load.NewExponential(l.A)
	case config.LogNormal:
		return load.NewLognormal(l.A, l.B)
	}
	return nil, fmt.Errorf("distribution %q is not known", l.Dist)
}

// checkLoads refuses a cell whose load cannot be. Cells of one load are looked at once.
func checkLoads(e *config.Experiment, p *record.Plan) error {
	type traffic struct {
		context, turns, users int
		reuse, rps            float64
	}
	seen := map[traffic]bool{}
	for _, pc := range p.Cells {
		l := traffic{context: pc.ContextTokens, turns: pc.Turns, users: pc.Users, reuse: pc.Reuse}
		if pc.RateRPS != nil {
			l.rps = *pc.RateRPS
		}
		if seen[l] {
			continue
		}
		seen[l] = true
		if err := checkLoad(&cellRun{tools: &tools{exp: e, plan: p}, pc: pc}); err != nil {
			return fmt.Errorf("cell %s: %w", pc.Key, err)
		}
	}
	return nil
}

// checkLoad refuses a load that no machine could be sent, with a stand-in for what the machine says of itself.
func checkLoad(c *cellRun) error {
	s, err := c.asked()
	if err != nil {
		return err
	}
	s.BaseURL, s.API, s.Dialect, s.ModelID = "http://127.0.0.1:1", load.APICompletions, load.DialectTRTLLM, "model"
	s.HTTP, s.Start = outgoing.New(outgoing.Options{}), time.Unix(1, 0)
	return s.Check()
}

package harness

import (
	"context"
	"fmt"
	"time"

	"sparkharness/harness/config"
	"sparkharness/harness/load"
	"sparkharness/harness/record"
)

// drive sends the cell's load.
func (c *cellRun) drive(ctx context.Context, w *record.Writer) (load.Summary, error) {
	spec, err := c.spec()
	if err != nil {
		return load.Summary{}, err
	}
	return load.Run(ctx, spec, func(r *record.Request) error {
		c.order = append(c.order, lineKey{r.IntendedTS, r.User, r.Seq})
		return w.Write(r)
	}, c.enter)
}

// spec is the cell's load from the configuration.
func (c *cellRun) spec() (load.Spec, error) {
	hc, ep := c.exp.Hypothesis, c.rig.Endpoint()
	output, err := distribution(hc.Load.OutputTokens.Plain())
	if err != nil {
		return load.Spec{}, fmt.Errorf("load.output_tokens: %w", err)
	}
	s := load.Spec{
		RunID: c.runID, Stack: c.pc.Stack, Model: hc.Model, Workload: hc.Load.Workload,
		ContextTokens: c.pc.ContextTokens, Output: output, Nonce: load.Nonce(hc.Load.Nonce),
		Prompter: load.FixedContext{Seed: c.pc.LoadSeed, Body: c.prompts.Body},
		Timeout:  time.Duration(hc.Load.RequestTimeout), Seed: c.pc.LoadSeed,
		BaseURL: ep.BaseURL, API: ep.API, Dialect: ep.Dialect, ModelID: c.info.Settings.Model,
		APIKey: load.Secret(ep.APIKey), HTTP: ep.HTTP,
		Warmup:   load.Warmup{Min: time.Duration(hc.Run.Warmup.Min), Max: time.Duration(hc.Run.Warmup.Max), Passes: hc.Run.Warmup.Passes},
		Duration: time.Duration(hc.Run.Duration), MaxDuration: time.Duration(hc.Run.MaxDuration),
		MinRequests: hc.Run.MinRequests, Start: c.start,
	}
	if c.pc.RateRPS != nil {
		var pacer load.Pacer = load.Poisson{RPS: *c.pc.RateRPS}
		if hc.Sweep.Arrivals == "constant" {
			pacer = load.Constant{RPS: *c.pc.RateRPS}
		}
		s.Loop = load.Open{Pacer: pacer}
		return s, nil
	}
	think, err := distribution(hc.Load.ThinkTime.Seconds())
	if err != nil {
		return s, fmt.Errorf("load.think_time: %w", err)
	}
	s.Loop = load.Closed{Users: c.pc.Users, Think: think}
	return s, nil
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

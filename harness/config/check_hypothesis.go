package config

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
)

// check holds a hypothesis against itself; what its thresholds mean is the business of its test.
func (h *Hypothesis) check(r *reader) {
	r.plain("hypothesis", h.Hypothesis)
	r.plain("model", h.Model)
	for _, letter := range slices.Sorted(maps.Keys(h.Stacks)) {
		path, file := join("stacks", letter), h.Stacks[letter]
		if letter != "A" && letter != "B" {
			r.refuse(path, "no such stack; there are A and B")
		}
		if !filepath.IsLocal(file) {
			r.refuse(path, "must be a path inside the folder of configurations, relative to it, not %q", file)
		}
	}
	if h.Profile != "" {
		r.plain("profile", h.Profile)
	}
	for _, world := range slices.Sorted(maps.Keys(h.Controls)) {
		r.plain(join("controls", world), world)
		r.plain(join("controls", world), h.Controls[world])
	}
	h.Load.check(r)
	increasing(r, "sweep.ctx", h.Sweep.Ctx)
	increasing(r, "sweep.conc", h.Sweep.Conc)
	increasing(r, "sweep.rate_rps", h.Sweep.RateRPS)
	switch {
	case len(h.Sweep.RateRPS) > 0:
		r.oneOf("sweep.arrivals", h.Sweep.Arrivals, "poisson", "constant")
	case h.Sweep.Arrivals != "":
		r.refuse("sweep.arrivals", "says how an open loop arrives, but sweep.rate_rps lists no rate")
	}
	h.Run.check(r)
	h.Gates.check(r)
	for _, name := range slices.Sorted(maps.Keys(h.Thresholds)) {
		r.plain(join("thresholds", name), name)
	}
}

// checkFiles asks for the files that the hypothesis names, under the folder of configurations.
func (h *Hypothesis) checkFiles(r *reader, configs string) {
	exists := func(path, file string) {
		// A fault that the name already has is not followed to the disk.
		if !r.ok(path) {
			return
		}
		if info, err := os.Stat(filepath.Join(configs, filepath.FromSlash(file))); err != nil || info.IsDir() {
			r.refuse(path, "there is no file %s in the folder of configurations", file)
		}
	}
	for _, letter := range slices.Sorted(maps.Keys(h.Stacks)) {
		exists(join("stacks", letter), h.Stacks[letter])
	}
	if h.Profile != "" {
		exists("profile", "profiles/"+h.Profile+".yaml")
	}
	for _, world := range slices.Sorted(maps.Keys(h.Controls)) {
		exists(join("controls", world), "worlds/"+world+".yaml")
	}
}

func (l *Load) check(r *reader) {
	r.oneOf("load.workload", l.Workload, "fixed_context")
	r.oneOf("load.nonce", l.Nonce, "none", "per_user", "per_request")
	_, err := l.ThinkTime.Seconds()
	refuseLaw(r, "load.think_time", err)
	tokens, err := l.OutputTokens.Plain()
	refuseLaw(r, "load.output_tokens", err)
	if err == nil && tokens.A < 1 {
		r.refuse("load.output_tokens", "must be at least one token, not %v", tokens.A)
	}
	if err == nil && tokens.Dist == Constant && tokens.A != math.Trunc(tokens.A) {
		r.refuse("load.output_tokens.value", "must be a whole number of tokens, not %v", tokens.A)
	}
}

// refuseLaw reports each field of a distribution that Distribution.law complained about.
func refuseLaw(r *reader, path string, err error) {
	if !r.ok(path) {
		return
	}
	all, _ := err.(interface{ Unwrap() []error })
	if all == nil {
		return
	}
	for _, e := range all.Unwrap() {
		var p *parameterError
		if errors.As(e, &p) {
			r.refuse(join(path, p.field), "%s", p.problem)
		}
	}
}

// increasing asks for levels that grow, so that none stands twice and neighbours are neighbours.
func increasing[T cmp.Ordered](r *reader, path string, levels []T) {
	for i := 1; i < len(levels); i++ {
		at, before := fmt.Sprintf("%s[%d]", path, i), fmt.Sprintf("%s[%d]", path, i-1)
		if r.ok(before) && levels[i] <= levels[i-1] {
			r.refuse(at, "levels must increase: %v comes after %v", levels[i], levels[i-1])
		}
	}
}

func (c *Run) check(r *reader) {
	if r.ok("run.duration") && c.MaxDuration < c.Duration {
		r.refuse("run.max_duration", "must be at least run.duration (%v), not %v", c.Duration, c.MaxDuration)
	}
	if r.ok("run.warmup.min") && c.Warmup.Max < c.Warmup.Min {
		r.refuse("run.warmup.max", "must be at least run.warmup.min (%v), not %v", c.Warmup.Min, c.Warmup.Max)
	}
}

func (g *Gates) check(r *reader) {
	shares := []struct {
		path               string
		value, least, most float64
	}{
		{"gates.min_coverage", g.MinCoverage, 0.5, 1},
		{"gates.max_send_lag_share", g.MaxSendLagShare, 0, 1},
		{"gates.prompt_tolerance", g.PromptTolerance, 0, 1},
		{"gates.max_error_rate", g.MaxErrorRate, 0, 1},
		{"gates.max_cov", g.MaxCoV, 0, 1},
		{"gates.steady_alpha", g.SteadyAlpha, 0, 0.5},
		{"gates.steady_max_drift", g.SteadyMaxDrift, 0, 1},
		{"gates.reproduced_within", g.ReproducedWithin, 0, 1},
	}
	for _, s := range shares {
		if s.value < s.least || s.value > s.most {
			r.refuse(s.path, "is a share from %v to %v, not %v; 5 %% is written 0.05", s.least, s.most, s.value)
		}
	}
}

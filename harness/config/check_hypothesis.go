package config

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"sparkharness/harness/record"
)

// check holds a hypothesis against itself; what its thresholds mean is the business of its test.
func (h *Hypothesis) check(r *reader) {
	r.plain("hypothesis", h.Hypothesis)
	if h.Expected != "" && !slices.Contains(Outcomes, h.Expected) {
		r.refuse("expected", "must be one of %s, not %q", strings.Join(Outcomes, ", "), h.Expected)
	}
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
		h.Controls[world].check(r, join("controls", world))
	}
	for _, check := range slices.Sorted(maps.Keys(h.Unshown)) {
		r.plain(join("unshown", check), check)
		if h.Unshown[check] == "" {
			r.refuse(join("unshown", check), "gives no reason")
		}
	}
	h.checkNear(r)
	h.Load.check(r)
	h.Sweep.check(r)
	h.checkDrives(r)
	h.Sweep.checkArrivals(r, h.Run.Warmup.Min)
	h.checkChat(r)
	h.checkStacks(r)
	h.Run.check(r)
	if w := h.Windows; w != nil && r.ok("windows.length") && (w.Length < Duration(time.Second) || w.Length > Duration(10*time.Second)) {
		r.refuse("windows.length", "must be from 1s to 10s, not %v", w.Length)
	}
	h.Gates.check(r)
	for _, name := range slices.Sorted(maps.Keys(h.Thresholds)) {
		r.plain(join("thresholds", name), name)
	}
}

// Outcomes are the outcomes that a hypothesis may have.
var Outcomes = []string{"Supported", "Refuted", "Inconclusive", "Invalid"}

// checkDrives asks for what two drives need, and for nothing of it without them.
func (h *Hypothesis) checkDrives(r *reader) {
	swept := len(h.Sweep.Drive) > 0
	switch {
	case h.SecondDrive != "":
		r.plain("second_drive", h.SecondDrive)
		if !swept {
			r.refuse("second_drive", "belongs to sweep.drive: [A, B]")
		}
	case swept:
		r.refuse("second_drive", "required field of sweep.drive is missing: the simulated machine's other drive, a file of drives/")
	}
	if swept && h.Stacks["B"] == "" {
		r.refuse("sweep.drive", "is where tier 2 of Stack B lies, which stacks does not name")
	}
	if swept && len(h.Sweep.Fio) > 0 {
		r.refuse("sweep.fio", "loads one drive: leave it out where two are compared (sweep.drive)")
	}
}

// checkFiles asks for the files that the hypothesis names, in the folder of configurations.
func (h *Hypothesis) checkFiles(r *reader, folder *Folder) {
	for _, letter := range slices.Sorted(maps.Keys(h.Stacks)) {
		folder.asks(r, join("stacks", letter), h.Stacks[letter])
	}
	if h.Profile != "" {
		folder.asks(r, "profile", "profiles/"+h.Profile+".yaml")
	}
	if h.SecondDrive != "" {
		folder.asks(r, "second_drive", "drives/"+h.SecondDrive+".yaml")
	}
	for _, world := range slices.Sorted(maps.Keys(h.Controls)) {
		folder.asks(r, join("controls", world), "worlds/"+world+".yaml")
	}
	for i, n := range h.Near {
		folder.asks(r, fmt.Sprintf("near[%d].world", i), "worlds/"+n.World+".yaml")
	}
	for i, name := range h.Sweep.Fio {
		folder.asksFio(r, fmt.Sprintf("sweep.fio[%d]", i), name)
	}
}

// Policies are the eviction policies that a tier may have.
var Policies = []string{"LRU", "FIFO", "LFU", "SEGMENTED"}

// serverPolicies are those that only servers of other people have, such as vLLM's CPU tier.
var serverPolicies = []string{"ARC"}

func (s *Sweep) check(r *reader) {
	increasing(r, "sweep.tier1", s.Tier1)
	increasing(r, "sweep.cadence", s.Cadence)
	for i, cadence := range s.Cadence {
		checkCadence(r, fmt.Sprintf("sweep.cadence[%d]", i), cadence)
	}
	increasing(r, "sweep.turns", s.Turns)
	increasing(r, "sweep.reuse", s.Reuse)
	increasing(r, "sweep.ctx", s.Ctx)
	increasing(r, "sweep.sessions", s.Sessions)
	increasing(r, "sweep.conc", s.Conc)
	increasing(r, "sweep.rate_rps", s.RateRPS)
	known(r, "sweep.drive", s.Drive, record.DriveA, record.DriveB)
	if len(s.Drive) == 1 {
		r.refuse("sweep.drive", "one drive is compared with none: give [A, B]")
	}
	known(r, "sweep.phase", s.Phase, "cold", "warm")
	known(r, "sweep.policy", s.Policy, append(slices.Clone(Policies), serverPolicies...)...)
	s.checkPoliciesAt(r)
	for i, name := range s.Fio {
		at := fmt.Sprintf("sweep.fio[%d]", i)
		r.plain(at, name)
		if slices.Contains(s.Fio[:i], name) {
			r.refuse(at, "%s stands twice", name)
		}
	}
	for i, q := range s.Reuse {
		if q >= 1 {
			r.refuse(fmt.Sprintf("sweep.reuse[%d]", i), "is a share of the prompt tokens below 1, not %v", q)
		}
	}
	if len(s.Conc)+len(s.Sessions)+len(s.RateRPS) == 0 {
		r.refuse("sweep.conc", "required field is missing: how many users the closed loop has (or sweep.sessions, or sweep.rate_rps of an open loop)")
	}
}

// known asks for levels from a list, each once.
func known(r *reader, path string, levels []string, allowed ...string) {
	for i, level := range levels {
		at := fmt.Sprintf("%s[%d]", path, i)
		r.oneOf(at, level, allowed...)
		if slices.Contains(levels[:i], level) {
			r.refuse(at, "%s stands twice", level)
		}
	}
}

// checkChat asks for what sessions need, and for nothing of it without sessions.
func (h *Hypothesis) checkChat(r *reader) {
	s := &h.Sweep
	chat := h.Load.Workload == "sessioned_chat"
	for _, f := range []struct {
		path  string
		given bool
	}{
		{"load.chat", h.Load.Chat != nil}, {"sweep.turns", len(s.Turns) > 0}, {"sweep.reuse", len(s.Reuse) > 0},
		{"sweep.sessions", len(s.Sessions) > 0},
	} {
		switch {
		case chat && !f.given:
			r.refuse(f.path, "required field of the workload sessioned_chat is missing")
		case !chat && f.given:
			r.refuse(f.path, "belongs to the workload sessioned_chat")
		}
	}
	if !chat {
		return
	}
	if len(s.Conc)+len(s.RateRPS) > 0 {
		r.refuse("sweep.conc", "sessioned_chat has a user for each live session: give sweep.sessions alone")
	}
	if h.Load.Nonce != "none" {
		r.refuse("load.nonce", "must be none for sessioned_chat, whose sessions share nothing as it is, not %q", h.Load.Nonce)
	}
	if h.Load.Chat != nil && h.Load.Chat.TurnSpread >= 1 {
		r.refuse("load.chat.turn_spread", "is a share below 1 of the mean, not %v", h.Load.Chat.TurnSpread)
	}
}

// checkStacks asks for the stack that a factor treats.
func (h *Hypothesis) checkStacks(r *reader) {
	if h.Stacks["B"] != "" {
		return
	}
	const why = "treats the host tier of Stack B, which stacks does not name"
	if len(h.Sweep.Tier1) > 0 {
		r.refuse("sweep.tier1", why)
	}
	if len(h.Sweep.Policy) > 0 {
		r.refuse("sweep.policy", why)
	}
}

func (l *Load) check(r *reader) {
	r.oneOf("load.workload", l.Workload, "fixed_context", "sessioned_chat")
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
	if l.Popularity != nil {
		l.Popularity.check(r, "load.popularity")
	}
	if l.Adapters != nil {
		l.Adapters.check(r)
	}
}

func (p *Popularity) check(r *reader, path string) {
	r.oneOf(path+".dist", p.Dist, "uniform", "zipf")
	switch {
	case p.Dist == "zipf" && p.Exponent == 0:
		r.refuse(path+".exponent", "required field of zipf is missing, such as 0.8")
	case p.Dist == "uniform" && p.Exponent != 0:
		r.refuse(path+".exponent", "is no parameter of uniform")
	}
}

func (a *Adapters) check(r *reader) {
	const at = "load.adapters."
	r.plain(at+"list", a.List)
	r.oneOf(at+"pick", a.Pick, "uniform", "hot_set", "round_robin", "all_once")
	hot := a.Pick == "hot_set"
	for _, f := range []struct {
		name  string
		value float64
	}{{"hot_set", a.HotSet}, {"hot_share", a.HotShare}} {
		switch {
		case hot && (f.value == 0 || f.value >= 1):
			r.refuse(at+f.name, "is a share above 0 and below 1, not %v", f.value)
		case !hot && f.value != 0:
			r.refuse(at+f.name, "belongs to pick: hot_set")
		}
	}
	if !strings.HasPrefix(a.Dir, "/") {
		r.refuse(at+"dir", "must be an absolute path on the server, not %q", a.Dir)
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
	if c.Cadence > 0 {
		checkCadence(r, "run.cadence", c.Cadence)
	}
	if c.Observer != 0 && (c.Observer < Duration(100*time.Millisecond) || c.Observer > Duration(10*time.Minute)) {
		r.refuse("run.observer", "is from 100ms to 10m, not %v: leave it out for 20s", c.Observer)
	}
	if c.Cadence > 0 && c.Baseline < 10*c.Cadence {
		r.refuse("run.cadence", "must leave at least ten samples to run.baseline (%v), not one every %v", c.Baseline, c.Cadence)
	}
	if r.ok("run.duration") && c.MaxDuration < c.Duration {
		r.refuse("run.max_duration", "must be at least run.duration (%v), not %v", c.Duration, c.MaxDuration)
	}
	c.checkLooks(r)
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
		{"gates.steady_tail_alpha", g.SteadyTailAlpha, 0, 0.5},
		{"gates.steady_max_tail_drift", g.SteadyMaxTailDrift, 0, 2},
		{"gates.reproduced_within", g.ReproducedWithin, 0, 1},
		{"gates.cadence_tolerance", g.CadenceTolerance, 0, 1},
		{"gates.min_fio_presence", g.MinFioPresence, 0.5, 1},
		{"gates.max_foreign_reads", g.MaxForeignReads, 0, 1},
		{"gates.max_carry_over", g.MaxCarryOver, 0, 1},
		{"gates.min_told", g.MinTold, 0.5, 1},
		{"gates.max_clock_difference", g.MaxClockDifference, 0, 1},
		{"gates.max_again_share", g.MaxAgainShare, 0, 0.5},
	}
	if g.MaxBaselineFactor < 1 {
		r.refuse("gates.max_baseline_factor", "is at least 1, not %v: half of all baselines are above their median", g.MaxBaselineFactor)
	}
	for _, s := range shares {
		if s.value < s.least || s.value > s.most {
			r.refuse(s.path, "is a share from %v to %v, not %v; 5 %% is written 0.05", s.least, s.most, s.value)
		}
	}
}

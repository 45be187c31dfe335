package main

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sparkharness/harness/prompt"
)

// loadFlags say what a load is. One of its loops is chosen.
type loadFlags struct {
	users, sessions int
	rate            float64
	ramp, trace     string

	think     time.Duration
	arrivals  string
	cv        float64
	over      time.Duration
	turns     int
	shared    float64
	timeScale float64
	reuse     string
	prompt    int
	output    string

	duration time.Duration
	requests int
	seed     uint64
}

// loops are the flags of which one chooses the loop.
var loops = []string{"users", "rate", "ramp", "sessions", "trace"}

// goesWith says of a flag with which loops it means something; one that is not here goes with all.
var goesWith = map[string][]string{
	"think": {"users", "sessions"}, "arrivals": {"rate"}, "cv": {"rate"}, "over": {"ramp"}, "turns": {"sessions"}, "shared": {"sessions"},
	"time-scale": {"trace"}, "reuse": {"users", "rate", "ramp"}, "prompt": {"users", "rate", "ramp", "sessions"}, "output": {"users", "rate", "ramp", "sessions"},
}

func (o *loadFlags) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.IntVar(&o.users, "users", 0, "closed loop: so many users, each with one request at a time")
	f.Float64Var(&o.rate, "rate", 0, "open loop: so many requests a second, whatever the server does")
	f.StringVar(&o.ramp, "ramp", "", "open loop whose rate goes from `FROM:TO` requests a second, such as 1:8")
	f.IntVar(&o.sessions, "sessions", 0, "closed loop: so many sessions of several turns at a time, each prompt with the history of its session")
	f.StringVar(&o.trace, "trace", "", "send the requests of a trace `file` when they are due, as trace replay does")

	f.DurationVar(&o.think, "think", 0, "time of users and sessions between an answer and the next request")
	f.StringVar(&o.arrivals, "arrivals", "poisson", "of --rate: poisson, constant or gamma")
	f.Float64Var(&o.cv, "cv", 2, "of gamma arrivals: coefficient of variation of the gaps; above 1 is bursts")
	f.DurationVar(&o.over, "over", time.Minute, "of --ramp: the time from the first rate to the last, warm-up included")
	f.IntVar(&o.turns, "turns", 4, "of --sessions: turns of each")
	f.Float64Var(&o.shared, "shared", 0.5, "of --sessions: `share` of all prompt tokens that stood in an earlier turn")
	f.Float64Var(&o.timeScale, "time-scale", 1, "of --trace: factor of all times; 2 is half the rate")
	f.StringVar(&o.reuse, "reuse", "none", "which prompts are the same: none, those of a user, or all")
	f.IntVar(&o.prompt, "prompt", 512, "tokens of a prompt as the server counts, about; the mean of --sessions")
	f.StringVar(&o.output, "output", "64", "tokens of an answer: N, or lognormal:MEDIAN:SIGMA")

	f.DurationVar(&o.duration, "duration", time.Minute, "time to measure; beside --requests and --trace the longest")
	f.IntVar(&o.requests, "requests", 0, "end after that many measured requests")
	f.Uint64Var(&o.seed, "seed", 0, "seed of texts, lengths and arrivals (default: another each time, so that no cache has the texts)")
}

// loop is the one that was chosen; a seed that was not is drawn. Flags that mean nothing beside it are refused, and so are values that cannot be.
func (o *loadFlags) loop(cmd *cobra.Command) (string, error) {
	changed := cmd.Flags().Changed
	var chosen []string
	for _, name := range loops {
		if changed(name) {
			chosen = append(chosen, "--"+name)
		}
	}
	if len(chosen) != 1 {
		said := "none is given"
		if len(chosen) > 1 {
			said = strings.Join(chosen, " and ") + " are given"
		}
		return "", fmt.Errorf("what is to be sent? One of --%s is needed, such as --users 8; %s", strings.Join(loops, ", --"), said)
	}
	loop := strings.TrimPrefix(chosen[0], "--")
	for _, name := range slices.Sorted(maps.Keys(goesWith)) {
		if with := goesWith[name]; changed(name) && !slices.Contains(with, loop) {
			return "", fmt.Errorf("--%s means nothing beside --%s: it goes with --%s", name, loop, strings.Join(with, ", --"))
		}
	}
	if changed("cv") && o.arrivals != "gamma" {
		return "", fmt.Errorf("--cv means nothing beside %s arrivals: it goes with --arrivals gamma", o.arrivals)
	}
	if !changed("seed") {
		// A server that still holds the KV of an earlier load would answer an equal one from it.
		o.seed = uint64(rand.Uint32()) + 1
	}
	return loop, o.check(loop, changed)
}

func (o *loadFlags) check(loop string, changed func(string) bool) error {
	between := func(name string, n, from, to int) error {
		if n < from || n > to {
			return fmt.Errorf("--%s %d: from %d to %d is needed", name, n, from, to)
		}
		return nil
	}
	for _, e := range []error{
		between("prompt", o.prompt, prompt.MinSegment, mostTokens), between("turns", o.turns, 2, 1000),
		oneOf("arrivals", o.arrivals, "poisson", "constant", "gamma"), oneOf("reuse", o.reuse, "none", "user", "all"),
	} {
		if e != nil {
			return e
		}
	}
	if loop == "users" || loop == "sessions" {
		if err := between(loop, map[string]int{"users": o.users, "sessions": o.sessions}[loop], 1, mostUsers); err != nil {
			return err
		}
	}
	if o.reuse == "user" && loop != "users" {
		return fmt.Errorf("--reuse user means nothing beside --%s, where each request is of another user: say all, or none", loop)
	}
	if o.think < 0 || o.think > loadLimit {
		return fmt.Errorf("--think %v: at least 0 and at most %v is needed", o.think, loadLimit)
	}
	if o.duration <= 0 || o.duration > loadLimit {
		return fmt.Errorf("--duration %v: above 0 and at most %v is needed", o.duration, loadLimit)
	}
	if changed("requests") {
		return between("requests", o.requests, 1, 1<<40)
	}
	return nil
}

// oneOf refuses a word that is none of those.
func oneOf(name, word string, words ...string) error {
	if !slices.Contains(words, word) {
		return fmt.Errorf("--%s %.40q: one of %s is needed", name, word, strings.Join(words, ", "))
	}
	return nil
}

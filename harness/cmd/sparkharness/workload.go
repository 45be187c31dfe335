package main

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"sparkharness/harness/load"
	"sparkharness/harness/prompt"
	"sparkharness/harness/record"
	"sparkharness/harness/trace"
)

// workload is what a load sends, and when.
type workload struct {
	name     string
	loop     load.Loop
	prompter load.Prompter
	output   load.Dist  // nil where a trace brings its own
	context  int        // tokens of a prompt, as the harness counts them; 0 likewise
	nonce    load.Nonce // which prompts share
	said     string     // all that in a line
}

const (
	// mostTokens is more than any model takes or gives.
	mostTokens = 1 << 20
	// mostUsers are those whose connections a machine can hold, as requests of an open loop may be outstanding.
	mostUsers = 20_000
)

// nonces are what --reuse can say.
var nonces = map[string]load.Nonce{"none": load.NoncePerRequest, "user": load.NoncePerUser, "all": load.NonceNone}

// workload lays the load out, with texts of the seed, for a server that counts tokens so. What a trace needs of t is noted.
func (o *loadFlags) workload(loop string, segments *prompt.Segments, ratio *record.TokenRatio, t *tally) (w workload, closed func() error, err error) {
	closed = func() error { return nil }
	if loop == "trace" {
		return o.replayed(segments, t)
	}
	w = workload{name: "fixed_context", context: inOwn(o.prompt, ratio), prompter: load.FixedContext{Seed: o.seed, Body: keyed(segments)}, nonce: nonces[o.reuse]}
	if w.output, err = outputLaw(o.output); err != nil {
		return w, nil, err
	}
	lengths := fmt.Sprintf("prompts of %d tokens, answers of %s", o.prompt, o.output)
	switch loop {
	case "users":
		w.loop, err = users(o.users, o.think)
		w.said = fmt.Sprintf("closed loop, users %d, think %v; %s; shared: %s", o.users, o.think, lengths, o.reuse)
	case "sessions":
		w.name, w.nonce = "sessioned_chat", load.NonceNone
		w.said = fmt.Sprintf("closed loop, sessions %d, turns %d, think %v; %s; %v of the prompts' tokens stand in an earlier turn",
			o.sessions, o.turns, o.think, lengths, o.shared)
		if w.loop, err = users(o.sessions, o.think); err == nil {
			w.prompter, err = o.chat(segments, ratio, w.output)
		}
	case "rate":
		w.loop = load.Open{Pacer: o.pacer()}
		w.said = fmt.Sprintf("open loop of %v requests/s, %s arrivals; %s; shared: %s", o.rate, o.arrivals, lengths, o.reuse)
	case "ramp":
		var from, to float64
		from, to, err = ramp(o.ramp)
		w.loop = load.Open{Pacer: load.Ramp{From: from, To: to, Over: o.over}}
		w.said = fmt.Sprintf("open loop from %v to %v requests/s over %v, poisson arrivals; %s; shared: %s", from, to, o.over, lengths, o.reuse)
	}
	return w, closed, err
}

func users(n int, think interface{ Seconds() float64 }) (load.Loop, error) {
	law, err := load.NewConstant(think.Seconds())
	return load.Closed{Users: n, Think: law}, err
}

// pacer is how an open loop of one rate arrives.
func (o *loadFlags) pacer() load.Pacer {
	switch o.arrivals {
	case "constant":
		return load.Constant{RPS: o.rate}
	case "gamma":
		return load.Gamma{RPS: o.rate, CV: o.cv}
	}
	return load.Poisson{RPS: o.rate}
}

// ramp reads FROM:TO, requests a second.
func ramp(text string) (from, to float64, err error) {
	a, b, ok := strings.Cut(text, ":")
	if ok {
		from, err = strconv.ParseFloat(a, 64)
		if err == nil {
			to, err = strconv.ParseFloat(b, 64)
		}
	}
	if !ok || err != nil {
		return 0, 0, fmt.Errorf("--ramp %.40q: two rates in requests a second are needed, such as 1:8", text)
	}
	return from, to, nil
}

// outputLaw reads how long answers are to be: N, or lognormal:MEDIAN:SIGMA, tokens.
func outputLaw(text string) (load.Dist, error) {
	refused := fmt.Errorf("--output %.40q: a number of tokens from 1 to %d is needed, such as 64, or lognormal:MEDIAN:SIGMA, such as lognormal:64:0.7", text, mostTokens)
	if n, err := strconv.Atoi(text); err == nil {
		if n < 1 || n > mostTokens {
			return nil, refused
		}
		return load.NewConstant(float64(n))
	}
	parts := strings.Split(text, ":")
	if len(parts) != 3 || parts[0] != "lognormal" {
		return nil, refused
	}
	median, err := strconv.ParseFloat(parts[1], 64)
	sigma, other := strconv.ParseFloat(parts[2], 64)
	if errors.Join(err, other) != nil || !(median >= 1 && median <= mostTokens) || !(sigma > 0 && sigma <= 3) {
		return nil, fmt.Errorf("%w; a median from 1 to %d and a sigma above 0 and at most 3", refused, mostTokens)
	}
	return load.NewLognormal(median, sigma)
}

// inOwn is how many of the harness's tokens a prompt has that is to have so many of the server's.
func inOwn(tokens int, ratio *record.TokenRatio) int {
	if ratio == nil || load.SameTokens(*ratio) {
		return tokens
	}
	return max(prompt.MinSegment, int(math.Round((float64(tokens)-ratio.More)/ratio.Each)))
}

// keyed are prompts of any length: a line that the nonce decides, then prose.
func keyed(s *prompt.Segments) load.Body {
	return func(tokens int, nonce string) (string, error) {
		var key uint64
		if nonce != "" {
			var err error
			if key, err = strconv.ParseUint(strings.Trim(nonce, "[]"), 16, 64); err != nil {
				return "", fmt.Errorf("nonce %q is no number: %w", nonce, err)
			}
		}
		return s.Text(key, tokens)
	}
}

// chat are the prompts of sessions. Their texts are counted in the harness's tokens, so that the shape is that of the flags as
// far as the server's tokens for each of those are the same everywhere.
func (o *loadFlags) chat(segments *prompt.Segments, ratio *record.TokenRatio, output load.Dist) (load.Prompter, error) {
	each := 1.
	if ratio != nil {
		each = ratio.Each
	}
	answer, err := load.NewConstant(math.Round(max(prompt.MinSegment, output.Mean()/each)))
	if err != nil {
		return nil, err
	}
	w := &load.SessionedChat{Seed: o.seed, Answer: answer, Text: segments.Text, Least: prompt.MinSegment}
	if w.Turns, err = load.NewConstant(float64(o.turns)); err != nil {
		return nil, err
	}
	w.Message, w.Fresh, err = load.Chat(load.ChatShape{Prompt: float64(inOwn(o.prompt, ratio)), Turns: o.turns, Reuse: o.shared, Answer: answer.Mean(), Least: prompt.MinSegment})
	if err != nil {
		return nil, fmt.Errorf("--sessions: %w (--shared is the reuse; --prompt, --turns and --output are the rest)", err)
	}
	return w, nil
}

// replayed is the load of a trace.
func (o *loadFlags) replayed(segments *prompt.Segments, t *tally) (w workload, closed func() error, err error) {
	choice := trace.Options{TimeScale: o.timeScale, Sessions: 1, Seed: o.seed}
	st, err := describe(o.trace, choice)
	if err != nil {
		return w, nil, err
	}
	requests, err := trace.OpenWith(o.trace, choice)
	if err != nil {
		return w, nil, err
	}
	t.seen = map[int64]bool{}
	return workload{
		name: "trace", loop: load.Replay{Items: items(requests, t.offer)}, nonce: load.NonceNone,
		prompter: load.BlockPrompts{Text: blockText(segments), Least: 1},
		said: fmt.Sprintf("trace of %d requests in %.1f s; prompts of %.0f tokens in the mean, %.1f %% of them reusable; answers of %.0f",
			st.Requests, st.SpanS, st.Input.Mean, 100*st.ReusableShare, st.Output.Mean),
	}, requests.Close, nil
}

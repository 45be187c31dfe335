package simrig

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"
)

// ridge is the weight with which an engine's fit is drawn to the pooled one, beside a weight of 1 a row: rows are some
// 3 % off a fit and engines some 30 % apart, (0.03 / 0.3)^2.
const ridge = 0.01

// peakRead is the rate of the memory, B/s, that nothing may beat; a hair less, for the rounding of its inverse.
const peakRead = 273e9 * (1 - 1e-9)

// Scales of the parameters: what the ridge calls a whole.
const (
	scaleRead     = 1 / 220e9 // s/B
	scaleSequence = 66e-6     // s a sequence and billion
	scalePrompt   = 1 / 100.0 // s a TFLOP
)

// costs are what a fit says of an engine.
type costs struct {
	weight, kv float64            // s a byte read
	sequence   float64            // s a sequence and billion
	prompt     map[string]float64 // s a TFLOP, by quantization
	anyPrompt  float64            // for quantizations that no row has
	request    float64            // s
}

// promptOf is the time of a TFLOP of prompt work.
func (c costs) promptOf(quantization string) float64 {
	if s, known := c.prompt[quantization]; known {
		return s
	}
	return c.anyPrompt
}

// equation says that factors times parameters should be value. Its weight is that of its square, relative to the value.
type equation struct {
	factors []float64
	value   float64
	weight  float64
}

// solve is the least squares of relative errors, sum of weight x (factors x p / value - 1)^2, plus pull x
// ((p - prior) / scale)^2, with no parameter below its least. The parameters at their least are found by trying all sets:
// the sum is convex, so the best feasible point among them is the answer.
func solve(eqs []equation, prior, scale, least []float64, pull float64) ([]float64, error) {
	n := len(scale)
	var best []float64
	bestCost := math.Inf(1)
	for set := range 1 << n {
		p, ok := solveFree(eqs, prior, scale, least, pull, set)
		if !ok {
			continue
		}
		cost := 0.0
		for _, e := range eqs {
			sum := -e.value
			for i, f := range e.factors {
				sum += f * p[i]
			}
			cost += e.weight * math.Pow(sum/e.value, 2)
		}
		for i := range p {
			if pull > 0 {
				cost += pull * math.Pow((p[i]-prior[i])/scale[i], 2)
			}
		}
		if cost < bestCost {
			best, bestCost = p, cost
		}
	}
	if best == nil {
		return nil, errors.New("the rows do not decide the parameters")
	}
	return best, nil
}

// solveFree solves for the parameters that are not in the set, which are at their least.
func solveFree(eqs []equation, prior, scale, least []float64, pull float64, set int) ([]float64, bool) {
	var free []int
	p := slices.Clone(least)
	for i := range p {
		if set>>i&1 == 0 {
			free = append(free, i)
		}
	}
	if len(free) == 0 {
		return p, true
	}
	a, b := mat.NewSymDense(len(free), nil), mat.NewVecDense(len(free), nil)
	for _, e := range eqs {
		rest := e.value
		for i, f := range e.factors {
			if set>>i&1 == 1 {
				rest -= f * least[i]
			}
		}
		for j, i := range free {
			x := e.factors[i] * scale[i] / e.value
			b.SetVec(j, b.AtVec(j)+e.weight*x*rest/e.value)
			for k := j; k < len(free); k++ {
				a.SetSym(j, k, a.At(j, k)+e.weight*x*e.factors[free[k]]*scale[free[k]]/e.value)
			}
		}
	}
	if pull > 0 {
		for j, i := range free {
			a.SetSym(j, j, a.At(j, j)+pull)
			b.SetVec(j, b.AtVec(j)+pull*prior[i]/scale[i])
		}
	}
	var c mat.Cholesky
	if !c.Factorize(a) || c.Cond() > 1e10 {
		return nil, false
	}
	var u mat.VecDense
	if c.SolveVecTo(&u, b) != nil {
		return nil, false
	}
	for j, i := range free {
		if p[i] = u.AtVec(j) * scale[i]; p[i] < least[i] {
			return nil, false
		}
	}
	return p, true
}

// promptWork is the work of a prompt in TFLOP of linear work, attention over what stands before included: with Model's
// prompt rate R at 2,048 tokens and its depth cost, the time of n tokens at depth d is n / R x (1 + a (d + n/2 - 1024)).
func promptWork(r row) float64 {
	s := r.model.Shape
	flop := 2e9 * r.model.Parameters.Active
	attention := 4 * float64(s.Hidden) * float64(s.Layers) / flop
	n := float64(r.Prompt)
	return n * flop / 1e12 * (1 + attention*(float64(r.Depth)+n/2-refPromptTokens/2))
}

// promptEquation is that of a row of a prompt: [TFLOP, requests].
func promptEquation(r row) equation {
	e := equation{factors: []float64{promptWork(r), 0}, value: float64(r.Prompt) / r.Value, weight: 1}
	if r.Quantity == quantityTTFT {
		e.value, e.factors[1] = r.Value/1e3, 1
	}
	return e
}

// decodeEquation is that of a decode row: [bytes of weights, bytes of KV, billions of further sequences]. On a server a
// stream of B waits for the prompts of those that come after it, on average (B-1)/2 of them, in an answer.
func decodeEquation(r row, c costs) equation {
	streams := float64(r.Streams)
	kv := float64(r.model.Shape.KVBytesPerToken)
	if r.kv == "fp8" {
		kv /= 2
	}
	context := float64(r.Depth+r.Prompt) + float64(r.Output)/2
	step := 1 / r.Value
	if r.Quantity == quantityDecodeAll {
		step *= streams
	}
	e := equation{weight: 1, value: step,
		factors: []float64{float64(r.model.Weights.ReadPerToken.Value), kv * context * streams, (streams - 1) * r.model.Parameters.Active}}
	if r.by.Method == "server" && r.Streams > 1 {
		prompts := (streams - 1) / 2
		tokens := float64(r.Output - 1)
		waits := prompts / tokens * (promptWork(r)*c.promptOf(r.model.Weights.Quantization) + c.request)
		// The steps beside a prompt are not the stream's own.
		own := 1 - prompts/tokens
		for i := range e.factors {
			e.factors[i] *= own
		}
		e.value -= waits
		e.weight = math.Pow(e.value/step, 2) // the error stays relative to what was published
	}
	return e
}

// equations are those of the rows that a fit of a region takes, each row's weight divided among those of its source if
// sources weigh alike.
func equations(rows []row, take func(row) bool, of func(row) equation, alike bool) []equation {
	count := map[string]float64{}
	for _, r := range rows {
		if r.fitted() && take(r) {
			count[r.source]++
		}
	}
	var out []equation
	for _, r := range rows {
		if !r.fitted() || !take(r) {
			continue
		}
		e := of(r)
		if alike {
			e.weight /= count[r.source]
		}
		out = append(out, e)
	}
	return out
}

// fittedCosts are the engines' costs that follow from rows, and those of all engines together, which stand for an engine
// without rows.
type fittedCosts struct {
	pooled  costs
	engines map[string]costs
}

// of are the costs of an engine.
func (f fittedCosts) of(engine string) costs {
	if c, known := f.engines[engine]; known {
		return c
	}
	return f.pooled
}

// fitAll fits all engines: first the prompt rates, of all rows, then by quantization, then by engine, each drawn to the one
// before; then the steps, of all rows and by engine.
func fitAll(rows []row) (fittedCosts, error) {
	out := fittedCosts{engines: map[string]costs{}}
	var engines, quantizations []string
	for _, r := range rows {
		if r.fitted() && r.engine != engineUnknown && !slices.Contains(engines, r.engine) {
			engines = append(engines, r.engine)
		}
		if q := r.model.Weights.Quantization; r.fitted() && r.region() == regionPrefill && !slices.Contains(quantizations, q) {
			quantizations = append(quantizations, q)
		}
	}
	isPrompt := func(r row) bool { return r.region() == regionPrefill }
	requests := map[string]float64{}
	for _, engine := range engines {
		requests[engine] = requestOf(rows, engine)
	}
	rate := func(take func(row) bool, prior, pull float64, alike bool) (float64, error) {
		eqs := equations(rows, take, func(r row) equation {
			e := promptEquation(r)
			published := e.value
			e.value -= e.factors[1] * requests[r.engine]
			e.factors = e.factors[:1]
			e.weight = math.Pow(e.value/published, 2)
			return e
		}, alike)
		p, err := solve(eqs, []float64{prior}, []float64{scalePrompt}, []float64{0}, pull)
		if err != nil {
			return 0, fmt.Errorf("prompt rate: %w", err)
		}
		return p[0], nil
	}
	var err error
	if out.pooled.anyPrompt, err = rate(isPrompt, 0, 0, true); err != nil {
		return out, err
	}
	out.pooled.prompt = map[string]float64{}
	for _, q := range quantizations {
		of := func(r row) bool { return isPrompt(r) && r.model.Weights.Quantization == q }
		if out.pooled.prompt[q], err = rate(of, out.pooled.anyPrompt, ridge, true); err != nil {
			return out, err
		}
	}
	for _, engine := range engines {
		c := costs{prompt: map[string]float64{}, anyPrompt: out.pooled.anyPrompt, request: requests[engine]}
		for _, q := range quantizations {
			of := func(r row) bool { return isPrompt(r) && r.model.Weights.Quantization == q && r.engine == engine }
			if c.prompt[q], err = rate(of, out.pooled.prompt[q], ridge, false); err != nil {
				return out, err
			}
		}
		out.engines[engine] = c
	}
	least, scale := []float64{1 / peakRead, 1 / peakRead, 0}, []float64{scaleRead, scaleRead, scaleSequence}
	steps := func(c costs, take func(row) bool, prior []float64, pull float64, alike bool) (costs, error) {
		eqs := equations(rows, func(r row) bool { return !isPrompt(r) && take(r) }, func(r row) equation {
			return decodeEquation(r, out.of(r.engine))
		}, alike)
		p, err := solve(eqs, prior, scale, least, pull)
		if err != nil {
			return c, fmt.Errorf("decode steps: %w", err)
		}
		c.weight, c.kv, c.sequence = p[0], p[1], p[2]
		return c, nil
	}
	if out.pooled, err = steps(out.pooled, func(row) bool { return true }, nil, 0, true); err != nil {
		return out, err
	}
	prior := []float64{out.pooled.weight, out.pooled.kv, out.pooled.sequence}
	for _, engine := range engines {
		of := func(r row) bool { return r.engine == engine }
		if out.engines[engine], err = steps(out.engines[engine], of, prior, ridge, false); err != nil {
			return out, err
		}
	}
	return out, nil
}

// requestOf is an engine's own time for a request, s: 0 unless its TTFTs, of three prompts at least, each predicted from
// the others, are met better with it.
func requestOf(rows []row, engine string) float64 {
	eqs := equations(rows, func(r row) bool { return r.Quantity == quantityTTFT && r.engine == engine }, promptEquation, false)
	if len(eqs) < 3 {
		return 0
	}
	left := func(n int) float64 {
		sum := 0.0
		for i, e := range eqs {
			p, err := solve(firstFactors(slices.Delete(slices.Clone(eqs), i, i+1), n), nil, []float64{scalePrompt, 1}[:n], []float64{0, 0}[:n], 0)
			if err != nil {
				return math.Inf(1)
			}
			got := 0.0
			for j, x := range p {
				got += e.factors[j] * x
			}
			sum += math.Abs(got/e.value - 1)
		}
		return sum
	}
	if left(2) >= left(1) {
		return 0
	}
	p, err := solve(eqs, nil, []float64{scalePrompt, 1}, []float64{0, 0}, 0)
	if err != nil {
		return 0
	}
	return p[1]
}

// firstFactors are equations in their first n parameters.
func firstFactors(eqs []equation, n int) []equation {
	out := slices.Clone(eqs)
	for i := range out {
		out[i].factors = out[i].factors[:n]
	}
	return out
}

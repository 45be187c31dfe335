package load

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"

	"sparkharness/harness/record"
)

// Adapters are the LoRA adapters that requests ask for. During warm-up requests go to the base model,
// unless InWarmup is set.
//
// Which adapter a request gets follows from (Spec.Seed, user, seq) and from its ordinal k among its user's
// requests of its phase, and from nothing that a server does.
type Adapters struct {
	Names []string // no two alike
	Pick  string   // PickUniform, PickHotSet, PickRoundRobin or PickAllOnce
	// HotSet is the share of the names that are hot, the first of the list and at least one of them, and
	// HotShare the share of the requests that go to them. Both are for PickHotSet.
	HotSet, HotShare float64
	Dir              string // folder on the server with a folder for each adapter; for a lora_request
	// AsModel says that a request names its adapter in the place of the model, as DialectDynamo always has it, and not in a
	// lora_request.
	AsModel  bool
	InWarmup bool
}

// Ways to pick an adapter. The last two count requests n = user + k*users, or in an open loop by arrival.
const (
	PickUniform    = "uniform"     // each as likely as the next
	PickHotSet     = "hot_set"     // mostly a few
	PickRoundRobin = "round_robin" // name n modulo their number
	PickAllOnce    = "all_once"    // name n, and the base model when all have had their request
)

// hot is the number of hot names.
func (a *Adapters) hot() int {
	return min(max(1, int(math.Round(a.HotSet*float64(len(a.Names))))), len(a.Names)-1)
}

// draw is the index of the adapter for a request with that source of randomness.
func (a *Adapters) draw(rng *rand.Rand) int {
	switch a.Pick {
	case PickUniform:
		return rng.IntN(len(a.Names))
	case PickHotSet:
		if rng.Float64() < a.HotShare {
			return rng.IntN(a.hot())
		}
		return a.hot() + rng.IntN(len(a.Names)-a.hot())
	}
	return -1 // by turns
}

// rota counts the requests that go by turns: those of user slot of slots.
type rota struct {
	slot, slots     int
	warmup, measure int // requests so far
}

// next is the number of the slot's next request of the phase.
func (s *rota) next(phase string) int {
	k := &s.measure
	if phase == record.PhaseWarmup {
		k = &s.warmup
	}
	*k++
	return s.slot + (*k-1)*s.slots
}

// assign gives a request that begin has let through its adapter.
func (r *run) assign(req *request, turns *rota) {
	a := r.spec.Adapters
	if a == nil || req.phase == record.PhaseWarmup && !a.InWarmup {
		return
	}
	index := req.drawn
	if index < 0 {
		index = turns.next(req.phase)
	}
	if index >= len(a.Names) {
		if a.Pick == PickAllOnce {
			return
		}
		index %= len(a.Names)
	}
	req.adapt(r.spec, index)
}

// adapt makes req a request for adapter number index.
func (r *request) adapt(spec *Spec, index int) {
	r.adapter = &spec.Adapters.Names[index]
	r.body.adapt(spec, index)
}

// asModel says whether requests name the adapter in the place of the model.
func (a *Adapters) asModel(dialect string) bool { return a.AsModel || dialect == DialectDynamo }

func (a *Adapters) check(dialect string) error {
	var errs []error
	refuse := func(bad bool, format string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf("adapters: "+format, args...))
		}
	}
	refuse(len(a.Names) == 0, "no name is given: list them, or leave adapters out")
	seen := map[string]bool{}
	for i, name := range a.Names {
		refuse(name == "", "name %d is empty", i+1)
		refuse(name != "" && seen[name], "%q is listed twice", name)
		seen[name] = true
	}
	switch a.Pick {
	case PickUniform, PickRoundRobin, PickAllOnce:
	case PickHotSet:
		refuse(len(a.Names) < 2, "hot_set needs at least 2 names, a hot and a cold one")
		refuse(!(a.HotSet > 0 && a.HotSet < 1), "hot set %v is not a share above 0 and below 1 of the names", a.HotSet)
		refuse(!(a.HotShare >= 0 && a.HotShare <= 1), "hot share %v is not a share from 0 to 1 of the requests", a.HotShare)
	default:
		refuse(true, "pick %q is not %s, %s, %s or %s", a.Pick, PickUniform, PickHotSet, PickRoundRobin, PickAllOnce)
	}
	refuse(!a.asModel(dialect) && a.Dir == "", "folder (dir) is not set: TensorRT-LLM is told where on the server each adapter lies")
	// Both pass over what they do not know, and answer as the base model.
	refuse(!a.asModel(dialect) && dialect != DialectTRTLLM, "dialect %s knows no lora_request: name adapters as models", dialect)
	return errors.Join(errs...)
}

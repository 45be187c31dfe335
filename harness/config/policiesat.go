package config

import (
	"slices"
	"strconv"

	"sparkharness/harness/record"
)

// PoliciesAt is the one place of a sweep at which policies are compared: those other than the first that is listed are
// planned at this capacity of the host tier and this context alone, the first at all of them.
type PoliciesAt struct {
	Tier1 Size   `yaml:"tier1"` // one of sweep.tier1
	Ctx   Tokens `yaml:"ctx"`   // one of sweep.ctx
}

// Plans reports whether the sweep plans a combination of its levels.
func (s *Sweep) Plans(c record.Cell) bool {
	at := s.PoliciesAt
	if at == nil || c.Level("policy") == s.Policy[0] {
		return true
	}
	return c.Level("tier1") == at.Tier1.String() && c.Level("ctx") == strconv.Itoa(int(at.Ctx))
}

// Planned is the share of all combinations of the levels that the sweep plans.
func (s *Sweep) Planned() float64 {
	if s.PoliciesAt == nil {
		return 1
	}
	policies := float64(len(s.Policy))
	return (1 + (policies-1)/float64(len(s.Tier1)*len(s.Ctx))) / policies
}

// checkPoliciesAt asks for a place that the sweep has, and for policies to compare there.
func (s *Sweep) checkPoliciesAt(r *reader) {
	at := s.PoliciesAt
	switch {
	case at == nil:
		return
	case len(s.Policy) < 2:
		r.refuse("sweep.policies_at", "says where policies other than the first are planned, but sweep.policy lists no other")
		return
	}
	if r.ok("sweep.policies_at.tier1", "sweep.tier1") && !slices.Contains(s.Tier1, at.Tier1) {
		r.refuse("sweep.policies_at.tier1", "%v is no level of sweep.tier1", at.Tier1)
	}
	if r.ok("sweep.policies_at.ctx", "sweep.ctx") && !slices.Contains(s.Ctx, at.Ctx) {
		r.refuse("sweep.policies_at.ctx", "%d is no level of sweep.ctx", int(at.Ctx))
	}
}

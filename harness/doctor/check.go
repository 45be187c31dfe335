package doctor

import (
	"context"
	"slices"
	"sync"

	"sparkharness/harness/outgoing"
)

// check is one row. Of look and of, one is set.
type check struct {
	id       string
	class    Class
	needed   []string // hypotheses that cannot do without
	why, fix string
	root     bool
	source   string
	look     func(*visit) seen
	of       func(*visit, *Instance) seen // once for each server
}

// visit is one look at a machine. What several checks look at is looked at once.
type visit struct {
	ctx context.Context
	m   *Machine
	n   *Needs
	gpu func() gpuState
	// loaded is the GPU under load where Needs.Probe allows that.
	loaded func() gpuState
	drive  func() driveState
	facts  map[string]func() *serverFacts // by stack
	procs  map[string]func() *process
}

// Run looks at everything that the needs ask for, in the order of the classes. Checks that the chosen hypotheses do not need,
// and others do, are left out; advice is always given. Needs that Check refuses are not looked at.
func Run(ctx context.Context, n Needs) []Finding {
	v := newVisit(ctx, &n)
	var out []Finding
	for _, c := range checks() {
		chosen := n.chosen(c.needed)
		if len(c.needed) > 0 && len(chosen) == 0 {
			continue
		}
		out = append(out, c.findings(v, chosen)...)
	}
	return out
}

// servers are the flags that name them.
const servers = "--url A=URL,B=URL --server KIND"

func newVisit(ctx context.Context, n *Needs) *visit {
	if n.Machine == nil {
		n.Machine = Here()
	}
	v := &visit{ctx: ctx, m: n.Machine, n: n, facts: map[string]func() *serverFacts{}, procs: map[string]func() *process{}}
	v.gpu = sync.OnceValue(v.askGPU)
	v.loaded = sync.OnceValue(v.loadGPU)
	v.drive = sync.OnceValue(v.findDrive)
	for i := range n.Servers {
		s := &n.Servers[i]
		v.facts[s.Stack] = sync.OnceValue(func() *serverFacts { return v.askServer(s) })
		v.procs[s.Stack] = sync.OnceValue(func() *process { return v.findProcess(s) })
	}
	return v
}

// findings are one, or one for each server.
func (c *check) findings(v *visit, chosen []string) (out []Finding) {
	if c.look != nil {
		return []Finding{c.finding("", chosen, c.look(v))}
	}
	if len(v.n.Servers) == 0 {
		return []Finding{c.finding("", chosen, unnamed("a server", servers))}
	}
	for i := range v.n.Servers {
		s := &v.n.Servers[i]
		out = append(out, c.finding(s.Stack, chosen, c.of(v, s)))
	}
	return out
}

// mostSeen bounds what a finding says that it saw, bytes: much of it is foreign text.
const mostSeen = 600

func (c *check) finding(subject string, chosen []string, s seen) Finding {
	f := Finding{ID: c.id, Subject: subject, Class: c.class, Status: s.status, Seen: outgoing.Clean(s.text, mostSeen),
		Figure: s.figure, Why: c.why, Fix: c.fix, Root: c.root,
		Source: c.source, NeededBy: chosen}
	if f.NeededBy == nil {
		f.NeededBy = []string{}
	}
	if s.fix != "" {
		f.Fix = s.fix
	}
	if s.source != "" {
		f.Source = s.source
	}
	return f
}

// checks are all of them, class by class.
func checks() []check {
	return slices.Concat(machineChecks(), memoryChecks(), gpuChecks(), driveChecks(), serverChecks(), processChecks(), logChecks(),
		answerChecks(),
		toolChecks(), clientChecks(), goChecks())
}

package config

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// Plan is configs/plans/*.yaml, a profile of the whole plan (-profile): which hypotheses it has, and what of each is other
// than its file says. It may change what is measured, and never what decides.
type Plan struct {
	Plan       string              `yaml:"plan"` // its own name, that of its file
	Note       string              `yaml:"note"`
	Hypotheses map[string]PlanPart `yaml:"hypotheses"` // by id; one that is not there is left out
}

// PlanPart is what a plan says of a hypothesis: fields that lie over those of its file. An empty one takes the file as it is.
type PlanPart struct {
	// Expected are the outcomes that pass where -expect names none; absent: any, the verdict is only printed.
	Expected []string `yaml:"expected,omitempty"`

	Model   overlay `yaml:"model,omitempty"`
	Stacks  overlay `yaml:"stacks,omitempty"` // null takes a stack away
	Profile overlay `yaml:"profile,omitempty"`
	Load    overlay `yaml:"load,omitempty"`
	Sweep   overlay `yaml:"sweep,omitempty"`
	Run     overlay `yaml:"run,omitempty"`

	// Known only to be refused with the reason.
	Windows    overlay `yaml:"windows,omitempty"`
	Gates      overlay `yaml:"gates,omitempty"`
	Thresholds overlay `yaml:"thresholds,omitempty"`
}

// overlay is what files say of a field that is read later, over what others say of it.
type overlay struct{ layers []layer }

// LoadPlan reads a file of plans/. The hypotheses that it names must have files in the folder.
func LoadPlan(folder *Folder, name string) (*Plan, error) {
	if !plain(name) || filepath.Base(name) != name {
		return nil, fmt.Errorf("%.40q is no name of a file of plans/ (%s)", name, listPlans(folder))
	}
	path := folder.Path("plans/" + name + ".yaml")
	r := newReader(readFile)
	in, err := r.chain(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no file plans/%s.yaml in the folder of configurations, %s (%s)", name, folder.where(), listPlans(folder))
	}
	if err != nil {
		return nil, err
	}
	return parse(r, in, nil, func(p *Plan, r *reader) { p.check(r, folder, name) })
}

// listPlans names the plans that exist.
func listPlans(folder *Folder) string {
	names := folder.Names("plans", ".yaml")
	if len(names) == 0 {
		return "there is none"
	}
	return "there are " + strings.Join(names, ", ")
}

func (p *Plan) check(r *reader, folder *Folder, name string) {
	r.plain("plan", p.Plan)
	if p.Plan != name {
		r.refuse("plan", "must be %s, as the file is called, not %q", name, p.Plan)
	}
	for _, id := range p.IDs() {
		path, part := join("hypotheses", id), p.Hypotheses[id]
		if id != strings.ToUpper(id) || !plain(id) {
			r.refuse(path, "is no id of a hypothesis, such as H2B")
		}
		folder.asks(r, path, "hypotheses/"+strings.ToLower(id)+".yaml")
		known(r, join(path, "expected"), part.Expected, Outcomes...)
		for _, f := range []struct {
			name string
			is   overlay
		}{{"windows", part.Windows}, {"gates", part.Gates}, {"thresholds", part.Thresholds}} {
			if f.is.layers != nil {
				r.refuse(join(path, f.name), "is not for a profile to say: what decides is the same in every plan (a profile has expected, "+
					"model, stacks, profile, load, sweep and run)")
			}
		}
	}
}

// IDs are the hypotheses of the plan, in order.
func (p *Plan) IDs() []string { return slices.Sorted(maps.Keys(p.Hypotheses)) }

// Has says that the plan has a hypothesis.
func (p *Plan) Has(id string) bool {
	_, ok := p.Hypotheses[id]
	return ok
}

// LoadHypothesis is the function of that name, with what the plan says of the hypothesis over its file.
func (p *Plan) LoadHypothesis(folder *Folder, path, id string) (*Hypothesis, error) {
	part := p.Hypotheses[id]
	over := slices.Concat(under("model", part.Model.layers), under("stacks", part.Stacks.layers), under("profile", part.Profile.layers), under("load", part.Load.layers),
		under("sweep", part.Sweep.layers), under("run", part.Run.layers))
	r := newReader(readFile)
	for _, l := range over { // whose faults come first
		if !slices.Contains(r.files, l.at.file) {
			r.files = append(r.files, l.at.file)
		}
	}
	return loadHypothesis(r, folder, path, over)
}

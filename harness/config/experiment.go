package config

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"

	"gopkg.in/yaml.v3"

	"sparkharness/harness/disk"
	"sparkharness/harness/record"
	"sparkharness/harness/regular"
)

// Experiment is the effective configuration of a run: every file read, every override applied. It is
// saved as config.yaml, and its digest stands in the report.
type Experiment struct {
	Rig        string            `yaml:"rig"`
	Plan       *UsedPlan         `yaml:"plan,omitempty"` // the profile that it is laid out by; null for none
	Hypothesis *Hypothesis       `yaml:"hypothesis"`
	Stacks     map[string]*Stack `yaml:"stacks"`
	World      *World            `yaml:"world"`              // of a simulated machine; null elsewhere
	Twin       *Twin             `yaml:"twin,omitempty"`     // of a simulated machine: what it is made of
	Adapters   []string          `yaml:"adapters,omitempty"` // names of the adapter list
	Fio        map[string]string `yaml:"fio,omitempty"`      // text of the job files by profile
}

// UsedPlan is the profile that an experiment was laid out by.
type UsedPlan struct {
	Plan string `yaml:"plan"`
	Note string `yaml:"note"`
	// Expected are the outcomes that pass, none where any does. They decide nothing of what is measured and judged, so they are
	// no part of a digest.
	Expected []string `yaml:"expected,omitempty"`
}

// Expected are the outcomes that pass where -expect names none: what the profile says, if there is one, of which none is any;
// else that of the hypothesis's file, else Supported.
func (e *Experiment) Expected() []string {
	if e.Plan != nil {
		return e.Plan.Expected
	}
	return []string{cmp.Or(e.Hypothesis.Expected, "Supported")}
}

// StackNames are the experiment's stacks in order.
func (e *Experiment) StackNames() []string {
	names := make([]string, 0, len(e.Stacks))
	for n := range e.Stacks {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// StackOf is the stack as the cell treats it.
func (e *Experiment) StackOf(pc record.PlannedCell) *Stack {
	st := *e.Stacks[pc.Stack]
	if st.Dynamo != nil {
		d := *st.Dynamo
		st.Dynamo = &d
	}
	if st.Launched != nil {
		l := *st.Launched
		st.Launched = &l
	}
	for _, f := range Factors() {
		if f.treat != nil {
			f.treat(&st, pc)
		}
	}
	return &st
}

// Threshold is a number of the decision rule; a loaded experiment has all that its hypothesis requires.
func (e *Experiment) Threshold(name string) float64 { return e.Hypothesis.Thresholds[name] }

// Save writes config.yaml into a run's folder.
func (e *Experiment) Save(dir string) error {
	b, err := Encode(e)
	if err == nil && len(b) > record.MaxConfig {
		err = fmt.Errorf("the effective configuration has %d bytes, and one of more than %d cannot be read again: name fewer job files or adapters",
			len(b), record.MaxConfig)
	}
	if err != nil {
		return err
	}
	return disk.Replace(record.Path(dir, record.FileConfig), b)
}

// ReadExperiment is the inverse of Save. Of the world it takes what this version knows; gates that an earlier version did
// not save are those that it had.
func ReadExperiment(dir string) (*Experiment, error) {
	path := record.Path(dir, record.FileConfig)
	b, err := regular.Read(path, record.MaxConfig)
	if err != nil {
		return nil, err
	}
	return ParseExperiment(path, b)
}

// ParseExperiment is ReadExperiment of a text; path is what errors call it.
func ParseExperiment(path string, b []byte) (*Experiment, error) {
	var e Experiment
	dec := yaml.NewDecoder(bytes.NewReader(b))
	dec.KnownFields(true)
	if err := dec.Decode(&e); err != nil {
		return nil, fmt.Errorf("%s: not the saved configuration of a run: %w", path, err)
	}
	for name, st := range e.Stacks {
		if st == nil {
			return nil, fmt.Errorf("%s: not the saved configuration of a run: stack %s is missing", path, name)
		}
	}
	if e.Hypothesis == nil || len(e.Stacks) == 0 {
		return nil, fmt.Errorf("%s: not the saved configuration of a run: hypothesis or stacks are missing", path)
	}
	e.Hypothesis.Gates.asMeasured()
	return &e, nil
}

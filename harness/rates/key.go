package rates

import (
	"sparkharness/harness/config"
	"sparkharness/harness/record"
)

// key says of what a line speaks: a line counts for a program that would leave the same three.
type key struct {
	// Design is the digest of what is measured: the configuration, seed included, without what only judges it.
	Design string `json:"design"`
	// Machine is the fingerprint of what the simulated machine does in the first block of this hypothesis in this world.
	Machine string `json:"machine"`
	// Rules are the digest of what judges: sources of the rules, thresholds, gates and looks.
	Rules string `json:"rules"`
}

// digits of a digest are enough to tell a project's configurations and machines apart.
const digits = 16

// design is the digest of what is measured in an experiment: not of what judges it, of notes, and of how many blocks there are.
func (d Door) design(exp *config.Experiment, facts record.Facts) (string, error) {
	e, h := *exp, *exp.Hypothesis
	h.Thresholds, h.Gates, h.Controls, h.Run.Reps, h.Run.EarlyLooks = nil, config.Gates{}, nil, 0, nil
	e.Hypothesis = &h
	if e.World != nil {
		w := *e.World
		w.Note = ""
		e.World = &w
	}
	digest, err := d.Digest(&e, facts)
	if err != nil {
		return "", err
	}
	return digest[:digits], nil
}

// rulesOf is the digest of what judges a hypothesis, of which rules are the sources.
func rulesOf(h *config.Hypothesis, rules string) (string, error) {
	digest, err := config.Digest(rules, h.Thresholds, h.Gates, h.Run.Reps, h.Run.EarlyLooks)
	if err != nil {
		return "", err
	}
	return digest[:digits], nil
}

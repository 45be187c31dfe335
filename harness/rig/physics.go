package rig

import "sparkharness/harness/sim"

// Physics are the constants that the simulated machine computes with; they are part of a run's digest.
type Physics struct {
	Model  sim.Model
	Params sim.Params
}

// Physics returns the constants for these options.
func (o SimOptions) Physics() (Physics, error) {
	spec, params, err := SimSpec(o)
	return Physics{Model: spec.Model, Params: params}, err
}

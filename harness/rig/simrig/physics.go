package simrig

import "sparkharness/harness/sim"

// Physics are the constants that the simulated machine computes with; they are part of a run's digest.
type Physics struct {
	Model  sim.Model
	Params sim.Params
}

// Physics returns the constants for these options.
func (o Options) Physics() (Physics, error) {
	spec, params, err := Spec(o)
	return Physics{Model: spec.Model, Params: params}, err
}

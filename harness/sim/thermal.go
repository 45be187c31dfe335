package sim

import (
	"math"
	"time"
)

// ThermalSpec is a GPU that gets too hot (mechanism ThermalSlowdown).
//
// Its heat h is a share: it follows the GPU, 1 while it works and 0 while it does not, with TimeConstant, as a body does
// with one thermal resistance and one capacity. Up to thermalOnset the clock is the highest one, beyond it falls in a
// straight line to LowestMHz at h = 1. What the clock decides takes as much longer: prompt work and the slope of
// sequences; reads of the memory, whose clock is another, do not. The clock of an iteration is that of its begin.
type ThermalSpec struct {
	TimeConstant time.Duration
	LowestMHz    float64
	Reasons      string // one of the Reasons below
}

// What nvidia-smi says of a clock that heat holds down.
const (
	ReasonsShown  = "shown"  // SwThermalSlowdown, 0x20
	ReasonsUnset  = "unset"  // no bit is set, as where a supply of power negotiated too little
	ReasonsNA     = "na"     // [N/A]
	ReasonsAbsent = "absent" // there is no such column
)

// thermalOnset is the heat at which the clock begins to fall: a GPU that works without a break reaches it after 0.69 time
// constants. An assumption.
const thermalOnset = 0.5

// thermal is the state of the GPU's heat.
type thermal struct {
	spec     ThermalSpec
	highest  float64 // clock, MHz
	heat     float64 // at atNS
	atNS     int64
	clockMHz float64 // of the present iteration, or of the last
}

func newThermal(spec ThermalSpec, highest float64) thermal {
	return thermal{spec: spec, highest: highest, clockMHz: highest}
}

// until brings the heat to a time up to which the GPU has been working, or not.
func (t *thermal) until(now int64, working bool) {
	if t.spec.TimeConstant == 0 {
		return
	}
	kept := math.Exp(-float64(max(0, now-t.atNS)) / float64(t.spec.TimeConstant))
	t.heat *= kept
	if working {
		t.heat += 1 - kept
	}
	t.atNS = max(t.atNS, now)
}

// pace is how many times as long compute takes in an iteration that begins at a time; 1 exactly without the mechanism.
func (t *thermal) pace(begin int64) float64 {
	if t.spec.TimeConstant == 0 {
		return 1
	}
	t.until(begin, false)
	t.clockMHz = t.highest - (t.highest-t.spec.LowestMHz)*max(0, t.heat-thermalOnset)/(1-thermalOnset)
	return t.highest / t.clockMHz
}

// reasons are nvidia-smi's clock event reasons of a GPU that works.
func (t *thermal) reasons() string {
	switch {
	case t.spec.Reasons == ReasonsNA:
		return "[N/A]"
	case t.spec.Reasons == ReasonsShown && t.clockMHz < t.highest:
		return "0x0000000000000020"
	}
	return "0x0000000000000000"
}

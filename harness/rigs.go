package harness

import (
	"maps"
	"slices"
	"testing"

	"sparkharness/harness/config"
	"sparkharness/harness/rig"
	"sparkharness/harness/rig/simrig"
)

// kindOfRig is a rig that this build has.
type kindOfRig struct {
	open   func(*testing.T, *config.Experiment) (rig.Rig, error)
	worlds bool // its machine is a file of configs/worlds
	// scratch is the folder for runs of which only a line is kept, "" for the system's.
	scratch func() string
}

// rigs are those of this build, by the name that -rig takes.
var rigs = map[string]kindOfRig{
	defaultRig: {simrig.New, true, simrig.MemoryBacked},
}

const defaultRig = "sim"

// rigNames are the rigs of this build in order.
func rigNames() []string { return slices.Sorted(maps.Keys(rigs)) }

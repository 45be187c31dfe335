package harness

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"sparkharness/harness/config"
	"sparkharness/harness/rig"
	"sparkharness/harness/rig/mixedrig"
	"sparkharness/harness/rig/serverrig"
	"sparkharness/harness/rig/simrig"
)

// kindOfRig is a rig that this build has.
type kindOfRig struct {
	open    func(*testing.T, *config.Experiment) (rig.Rig, error)
	worlds  bool // its machine is a file of configs/worlds
	servers bool // its stacks are servers that run already, named by their URLs
	starts  bool // its stacks are servers that it starts itself
	dir     bool // its machine's drive is a real one, named by a folder on it
	// scratch is the folder for runs of which only a line is kept, "" for the system's.
	scratch func() string
}

// rigs are those of this build, by the name that -rig takes.
var rigs = map[string]kindOfRig{
	defaultRig: {open: simrig.New, worlds: true, scratch: simrig.MemoryBacked},
	"disk": {worlds: true, dir: true, scratch: func() string { return "" },
		open: func(_ *testing.T, e *config.Experiment) (rig.Rig, error) {
			first, second := session.options.dirs()
			return mixedrig.New(e, mixedrig.Options{Dir: first, Second: second, SameDrive: session.options.SameDrive, Out: os.Stdout})
		}},
	"server": {servers: true, scratch: func() string { return "" },
		open: func(_ *testing.T, e *config.Experiment) (rig.Rig, error) {
			return serverrig.New(e, serverrig.Options{Prompts: filepath.Join(session.options.Root, "inputs", "prompts"), Out: os.Stdout})
		}},
}

const (
	defaultRig = "sim"
	sparkRig   = "spark"
)

func init() {
	if serverrig.Launches {
		rigs[sparkRig] = kindOfRig{starts: true, scratch: func() string { return "" },
			open: func(_ *testing.T, e *config.Experiment) (rig.Rig, error) {
				o := session.options
				return serverrig.NewLaunching(e, serverrig.LaunchOptions{Root: o.Root, Configs: o.configs(), Results: o.results(), Out: os.Stdout, SkipDoctor: o.SkipDoctor})
			}}
	}
}

// real says that cells take real time, and that what is asserted of a machine of the configurations may not be of this one.
func (k kindOfRig) real() bool { return k.servers || k.starts || k.dir }

// rigNames are the rigs of this build in order.
func rigNames() []string { return slices.Sorted(maps.Keys(rigs)) }

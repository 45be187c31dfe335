package experiment

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"sparkharness/harness/config"
	"sparkharness/harness/prompt"
)

// Demand is what a hypothesis asks of its configuration.
type Demand struct {
	ID       string
	Config   string   // file below configs/hypotheses
	Requires []string // names of the thresholds that Config must have, and no others
	OneLevel []string // factors (ctx, conc, fio) of which the sweep may have one level only
	Windows  bool     // the configuration must have windows, otherwise it must not
	Validate func(*config.Experiment) error
	// EitherStack says that each stack is judged by itself, so that one alone is enough.
	EitherStack bool
}

// Choices are what a user chose: which files, and what instead of their numbers.
type Choices struct {
	Root     string // folder that holds configs/ and inputs/
	Configs  string // folder of the configuration files
	Config   string // hypothesis file instead of the demand's; "" for none
	Rig      string
	Profile  string // a file of plans/ that lies over the hypotheses, "" for none
	World    string // of a simulated machine, "" for none
	Seed     uint64 // 0 for the configuration's
	Reps     int
	Duration time.Duration
	// Servers are those that run already, by stack; nil: the stacks are as their files say. Device is the block device that they
	// use, and Dir a folder on it.
	Servers map[string]ServerChoice
	Device  string
	Dir     string // a folder on it, for tiers of servers that the harness starts
	// Launches are the kinds of servers that the harness starts itself, by stack; nil: it starts none. Model is a file of models/, or
	// what a server finds a model by; "" for the hypothesis's own.
	Launches map[string]string
	Model    string
}

// LeftOutError says that a profile has other hypotheses.
type LeftOutError struct {
	Hypothesis, Profile string
	Has                 []string // what the profile has
}

func (e *LeftOutError) Error() string {
	return fmt.Sprintf("%s: left out by -profile %s, which has %s", e.Hypothesis, e.Profile, strings.Join(e.Has, ", "))
}

// LoadPlan reads the profile that was chosen, nil for none.
func LoadPlan(o Choices) (*config.Plan, error) {
	if o.Profile == "" {
		return nil, nil
	}
	folder, err := config.OpenFolder(o.Configs)
	if err != nil {
		return nil, err
	}
	p, err := config.LoadPlan(folder, o.Profile)
	if err != nil {
		return nil, fmt.Errorf("-profile %s: %w", o.Profile, err)
	}
	return p, nil
}

// Load reads the files that a hypothesis names and applies the choices. It is a LeftOutError if the profile that was chosen
// does not have the hypothesis.
func Load(h Demand, o Choices) (*config.Experiment, error) {
	folder, err := config.OpenFolder(o.Configs)
	if err != nil {
		return nil, err
	}
	path := o.Config
	if path == "" {
		path = folder.Path("hypotheses/" + h.Config)
	}
	plan, err := LoadPlan(o)
	if err != nil {
		return nil, err
	}
	var hc *config.Hypothesis
	switch {
	case plan == nil:
		hc, err = config.LoadHypothesis(folder, path)
	case plan.Has(h.ID):
		hc, err = plan.LoadHypothesis(folder, path, h.ID)
	default:
		err = &LeftOutError{Hypothesis: h.ID, Profile: plan.Plan, Has: plan.IDs()}
	}
	if errors.Is(err, fs.ErrNotExist) && o.Config != "" {
		return nil, fmt.Errorf("-config %s: %w", o.Config, err)
	}
	if err != nil {
		return nil, err
	}
	if hc.Hypothesis != h.ID {
		return nil, fmt.Errorf("%s is the configuration of %s, not of %s: choose the test with -run", path, hc.Hypothesis, h.ID)
	}
	if err := checkThresholds(path, h, hc); err != nil {
		return nil, err
	}
	if h.Windows != (hc.Windows != nil) {
		return nil, fmt.Errorf("%s: windows: %s", path, map[bool]string{true: "missing: " + h.ID + " joins requests and telemetry in windows, such as {length: 10s, min_reads: 1000}",
			false: h.ID + " uses none"}[h.Windows])
	}
	for _, factor := range h.OneLevel {
		n := map[string]int{"ctx": len(hc.Sweep.Ctx), "conc": len(hc.Sweep.Conc), "fio": max(1, len(hc.Sweep.Fio))}[factor]
		if n != 1 { // without fio no cell has it
			return nil, fmt.Errorf("%s: sweep.%s has %d levels; %s compares cells of a single one", path, factor, n, h.ID)
		}
	}
	if o.Seed != 0 {
		hc.Run.Seed = o.Seed
	}
	if o.Reps > 0 {
		hc.Run.Reps = o.Reps
	}
	if o.Duration > 0 {
		hc.Run.Duration = config.Duration(o.Duration)
		hc.Run.MaxDuration = max(hc.Run.MaxDuration, hc.Run.Duration)
	}
	e := &config.Experiment{Rig: o.Rig, Hypothesis: hc, Stacks: map[string]*config.Stack{}}
	if plan != nil {
		e.Plan = &config.UsedPlan{Plan: plan.Plan, Note: plan.Note, Expected: plan.Hypotheses[h.ID].Expected}
		hc.Expected = "" // of the plan that the hypothesis's file lays out
	}
	if o.World != "" {
		if filepath.Base(o.World) != o.World {
			return nil, fmt.Errorf("-world %s is a path, not a name (%s)", o.World, listWorlds(folder))
		}
		if e.World, err = config.LoadWorld(folder.Path("worlds/" + o.World + ".yaml")); err != nil {
			return nil, fmt.Errorf("world %q (%s): %w", o.World, listWorlds(folder), err)
		}
	}
	if e.World != nil && e.World.Load.Popularity != nil {
		hc.Load.Popularity = e.World.Load.Popularity
	}
	if e.World != nil && e.World.Load.Fio != "" && len(hc.Sweep.Fio) > 0 {
		hc.Sweep.Fio = []string{e.World.Load.Fio}
	}
	if a := hc.Load.Adapters; a != nil {
		if e.Adapters, err = adapterList(filepath.Join(o.Root, "inputs", "lora_lists"), a.List); err != nil {
			return nil, err
		}
	}
	if e.Fio, err = loadFio(folder, hc.Sweep.Fio); err != nil {
		return nil, err
	}
	var profile *config.Profile
	if hc.Profile != "" {
		if profile, err = config.LoadProfile(folder.Path("profiles/" + hc.Profile + ".yaml")); err != nil {
			return nil, err
		}
	}
	if o.Servers != nil {
		if err := chosen(h, hc, o.Servers); err != nil {
			return nil, err
		}
	}
	if o.Launches != nil {
		if err := launches(h, hc, o.Launches); err != nil {
			return nil, err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(hc.Stacks)) {
		file := hc.Stacks[name]
		if o.Launches != nil {
			st, err := launchedStack(folder, name, file, profile, hc, o)
			if err != nil {
				return nil, err
			}
			if hc.Run.Cadence > 0 {
				st.Telemetry.Cadence = hc.Run.Cadence
			}
			e.Stacks[name] = st
			continue
		}
		if o.Servers != nil {
			st, err := serverStack(folder, name, file, o.Servers[name], o.Device)
			if err != nil {
				return nil, err
			}
			if hc.Run.Cadence > 0 {
				st.Telemetry.Cadence = hc.Run.Cadence
			}
			e.Stacks[name] = st
			continue
		}
		st, err := config.LoadStack(folder.Path(file))
		if err != nil {
			return nil, err
		}
		if st.Stack != name {
			return nil, fmt.Errorf("%s: stacks.%s names %s, which is stack %s", path, name, file, st.Stack)
		}
		st.Model = hc.Model
		if hc.Run.Cadence > 0 {
			st.Telemetry.Cadence = hc.Run.Cadence
		}
		if profile != nil && st.Dynamo != nil {
			st.Dynamo.Tiers.Tier0.CapacityBytes = profile.Tier0Bytes
			st.Dynamo.Tiers.Tier1.CapacityBytes = profile.Tier1Bytes
			if b := profile.Tier2Bytes; b != nil {
				st.Dynamo.Tiers.Tier2.CapacityBytes = *b
			}
		}
		if e.World != nil {
			e.World.Reduce(st)
		}
		e.Stacks[name] = st
	}
	if e.World != nil {
		if e.Twin, err = config.LoadTwin(folder, e.World, e.Stacks); err != nil {
			return nil, err
		}
		if len(hc.Sweep.Drive) > 0 {
			if err := e.Twin.AddSecond(folder, e.World, hc); err != nil {
				return nil, err
			}
		}
	}
	if h.Validate != nil {
		if err := h.Validate(e); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	return e, nil
}

// checkThresholds refuses a configuration that leaves a threshold out or has one that nobody reads.
func checkThresholds(path string, h Demand, hc *config.Hypothesis) error {
	var faults []string
	for _, name := range h.Requires {
		if _, ok := hc.Thresholds[name]; !ok {
			faults = append(faults, fmt.Sprintf("%s: thresholds.%s: missing", path, name))
		}
	}
	for name := range hc.Thresholds {
		if !slices.Contains(h.Requires, name) {
			faults = append(faults, fmt.Sprintf("%s: thresholds.%s: %s decides nothing by it", path, name, h.ID))
		}
	}
	if len(faults) > 0 {
		slices.Sort(faults)
		return fmt.Errorf("%s", strings.Join(faults, "\n"))
	}
	return nil
}

// listWorlds names the worlds that exist.
func listWorlds(folder *config.Folder) string {
	names := folder.Names("worlds", ".yaml")
	if len(names) == 0 {
		return "there is none in the folder of configurations"
	}
	return "there are " + strings.Join(names, ", ")
}

// adapterList reads a list of LoRA adapters, and says which there are where that is not one of them.
func adapterList(dir, name string) ([]string, error) {
	names, err := prompt.ReadAdapters(filepath.Join(dir, name))
	if !errors.Is(err, fs.ErrNotExist) {
		return names, err
	}
	lists, _ := filepath.Glob(filepath.Join(dir, "*.txt")) // without a folder there is none
	for i := range lists {
		lists[i] = filepath.Base(lists[i])
	}
	return nil, fmt.Errorf("load.adapters.list: %w (there are %s)", err, strings.Join(lists, ", "))
}

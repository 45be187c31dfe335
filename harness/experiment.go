package harness

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"sparkharness/harness/config"
	"sparkharness/harness/load"
	"sparkharness/harness/prompt"
	"sparkharness/harness/rig"
)

// Experiment is the effective configuration of a run: every file read, every override applied. It is
// saved as config.yaml, and its digest stands in the report.
type Experiment struct {
	Rig        string                   `yaml:"rig"`
	Hypothesis *config.Hypothesis       `yaml:"hypothesis"`
	Stacks     map[string]*config.Stack `yaml:"stacks"`
	World      *config.World            `yaml:"world"`
	Adapters   []string                 `yaml:"adapters,omitempty"` // names of the adapter list
	Fio        map[string]string        `yaml:"fio,omitempty"`      // job files by profile
}

// simOptions are the simulated machine with the given stack.
func (e *Experiment) simOptions(st *config.Stack) rig.SimOptions {
	o := rig.SimOptions{Stack: st, World: e.World, Model: e.Hypothesis.Model, Adapters: e.Adapters}
	o.Fio = len(e.Hypothesis.Sweep.Fio) > 0
	if a := e.Hypothesis.Load.Adapters; a != nil {
		o.AdapterRank = a.Rank
	}
	return o
}

// loadExperiment reads the files that a hypothesis names and applies the overrides of the options.
func loadExperiment(h Hypothesis, o *Options) (*Experiment, error) {
	folder, err := config.OpenFolder(o.configs())
	if err != nil {
		return nil, err
	}
	path := o.Config
	if path == "" {
		path = folder.Path("hypotheses/" + h.Config)
	}
	hc, err := config.LoadHypothesis(folder, path)
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
		if n := map[string]int{"ctx": len(hc.Sweep.Ctx), "conc": len(hc.Sweep.Conc)}[factor]; n != 1 {
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
	e := &Experiment{Rig: o.Rig, Hypothesis: hc, Stacks: map[string]*config.Stack{}}
	if o.Rig == rigSim {
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
		if e.Adapters, err = prompt.ReadAdapters(filepath.Join(o.Root, "inputs", "lora_lists", a.List)); err != nil {
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
	for _, name := range slices.Sorted(maps.Keys(hc.Stacks)) {
		file := hc.Stacks[name]
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
		}
		rig.Reduce(st, e.World)
		e.Stacks[name] = st
	}
	if h.Validate != nil {
		if err := h.Validate(e); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	return e, nil
}

// checkCells refuses, before anything runs, a cell whose load or machine cannot be.
func (e *Experiment) checkCells(p *Plan) error {
	for _, pc := range p.Cells {
		if e.Hypothesis.Load.Chat != nil {
			output, err := distribution(e.Hypothesis.Load.OutputTokens.Plain())
			if err != nil {
				return err
			}
			if _, _, err := load.Chat(e.chatShape(pc, output)); err != nil {
				return fmt.Errorf("cell %s: %w", pc.Key, err)
			}
		}
		if e.Rig == rigSim {
			if _, err := e.simOptions(e.stackOf(pc)).Physics(); err != nil {
				return fmt.Errorf("cell %s: %w", pc.Key, err)
			}
		}
	}
	return nil
}

// checkThresholds refuses a configuration that leaves a threshold out or has one that nobody reads.
func checkThresholds(path string, h Hypothesis, hc *config.Hypothesis) error {
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

// digest is the SHA-256 of the configuration, of the prompts, and of the simulated machine's constants.
// The program itself is not part of it: manifest.json has its commit.
func (e *Experiment) digest(root string) (string, error) {
	prompts, err := os.ReadFile(filepath.Join(root, "inputs", "prompts", "index.json"))
	if err != nil {
		return "", fmt.Errorf("index of the prompts: %w (make inputs writes it)", err)
	}
	parts := []any{e.Rig, e.Hypothesis, e.Stacks, e.World, e.Adapters, e.Fio, string(prompts)}
	if e.Rig == rigSim {
		for _, name := range e.stackNames() {
			physics, err := e.simOptions(e.Stacks[name]).Physics()
			if err != nil {
				return "", err
			}
			parts = append(parts, physics)
		}
	}
	return config.Digest(parts...)
}

// stackNames are the experiment's stacks in order.
func (e *Experiment) stackNames() []string {
	names := make([]string, 0, len(e.Stacks))
	for n := range e.Stacks {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// threshold is a number of the decision rule; checkThresholds has made sure that it is there.
func (e *Experiment) threshold(name string) float64 { return e.Hypothesis.Thresholds[name] }

// save writes config.yaml.
func (e *Experiment) save(path string) error {
	b, err := config.Encode(e)
	if err != nil {
		return err
	}
	return os.WriteFile(path, b, 0o644)
}

// readExperiment is the inverse of save.
func readExperiment(path string) (*Experiment, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var e Experiment
	dec := yaml.NewDecoder(bytes.NewReader(b))
	dec.KnownFields(true)
	if err := dec.Decode(&e); err != nil {
		return nil, fmt.Errorf("%s: not the saved configuration of a run: %w", path, err)
	}
	if e.Hypothesis == nil || len(e.Stacks) == 0 {
		return nil, fmt.Errorf("%s: not the saved configuration of a run: hypothesis or stacks are missing", path)
	}
	return &e, nil
}

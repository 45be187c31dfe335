package config

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
)

// Twin is what a simulated machine is made of: files of machines/, drives/, engines/ and models/.
type Twin struct {
	Machine *Machine           `yaml:"machine"`
	Drive   *Drive             `yaml:"drive"`
	Second  *Drive             `yaml:"second_drive,omitempty" json:",omitempty"` // that is compared with it; null where none is
	Engines map[string]*Engine `yaml:"engines"`                                  // by name
	Models  map[string]*Model  `yaml:"models"`                                   // by name
}

// defaultMachine is the machine of a world that names none: the one that the hypotheses are about.
const defaultMachine = "dgx-spark"

// LoadTwin reads the parts that a world and stacks name. The faults of all files come back together.
func LoadTwin(folder *Folder, w *World, stacks map[string]*Stack) (*Twin, error) {
	t := &Twin{Engines: map[string]*Engine{}, Models: map[string]*Model{}}
	var errs []error
	t.Machine = part(folder, "machines", cmp.Or(w.Machine, defaultMachine), "world "+w.World, (*Machine).check, &errs)
	switch {
	case w.Drive != "":
		t.Drive = part(folder, "drives", w.Drive, "world "+w.World, (*Drive).check, &errs)
	case t.Machine != nil:
		t.Drive = part(folder, "drives", t.Machine.Drive, "machine "+t.Machine.Machine, (*Drive).check, &errs)
	}
	for _, name := range slices.Sorted(maps.Keys(stacks)) {
		st := stacks[name]
		if _, read := t.Models[st.Model]; !read {
			t.Models[st.Model] = part(folder, "models", st.Model, "stack "+name, modelOf(folder), &errs)
		}
		if st.Engine == "" {
			errs = append(errs, fmt.Errorf("stack %s names no engine: a simulated machine needs one of engines/ (%v)", name, folder.Names("engines", ".yaml")))
		} else if _, read := t.Engines[st.Engine]; !read {
			t.Engines[st.Engine] = part(folder, "engines", st.Engine, "stack "+name, (*Engine).check, &errs)
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return t, nil
}

// AddSecond reads the drive that is compared with the machine's own, a file of drives/: the world's, or else the hypothesis's.
func (t *Twin) AddSecond(folder *Folder, w *World, h *Hypothesis) error {
	name, by := h.SecondDrive, "hypothesis "+h.Hypothesis
	if w.SecondDrive != "" {
		name, by = w.SecondDrive, "world "+w.World
	}
	var errs []error
	t.Second = part(folder, "drives", name, by, (*Drive).check, &errs)
	return errors.Join(errs...)
}

// LoadModelFile reads a file of models/.
func LoadModelFile(folder *Folder, name string) (*Model, error) {
	var errs []error
	m := part(folder, "models", name, "", modelOf(folder), &errs)
	return m, errors.Join(errs...)
}

// LoadDriveFile reads a file of drives/.
func LoadDriveFile(folder *Folder, name string) (*Drive, error) {
	var errs []error
	d := part(folder, "drives", name, "", (*Drive).check, &errs)
	return d, errors.Join(errs...)
}

// LoadModel reads a file of models/ and one of engines/.
func LoadModel(folder *Folder, model, engine string) (*Model, *Engine, error) {
	var errs []error
	m := part(folder, "models", model, "", modelOf(folder), &errs)
	e := part(folder, "engines", engine, "", (*Engine).check, &errs)
	return m, e, errors.Join(errs...)
}

// modelOf is the check of a model of a folder, which must have the engines that the model has rates of: those of a wrong name
// would be passed over.
func modelOf(folder *Folder) func(*Model, *reader) {
	return func(m *Model, r *reader) {
		m.check(r)
		names := folder.Names("engines", ".yaml")
		for _, engine := range slices.Sorted(maps.Keys(m.Rates)) {
			if !slices.Contains(names, engine) {
				r.refuse(join("rates", engine), "there is no engine of that name: there %s%s", listed(names), didYouMean(engine, names))
			}
		}
	}
}

// part reads a part, which by names, and adds what is wrong to errs.
func part[T any](folder *Folder, kind, name, by string, check func(*T, *reader), errs *[]error) *T {
	there := fmt.Sprintf("there %s", listed(folder.Names(kind, ".yaml")))
	if by != "" {
		by += " names "
	}
	if !plain(name) {
		*errs = append(*errs, fmt.Errorf("%s%q, which is not a plain name of a file in %s/: %s", by, name, kind, there))
		return nil
	}
	path := folder.Path(kind + "/" + name + ".yaml")
	p, err := load(path, func(p *T, r *reader) {
		check(p, r)
		if field, own := any(p).(calledPart).called(); own != name {
			r.refuse(field, "is %q in the file of %s: a part is called by the name of its file", own, name)
		}
	})
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if by != "" {
			by += name + ", and "
		}
		*errs = append(*errs, fmt.Errorf("%sthere is no file %s/%s.yaml in the folder of configurations, %s: %s", by, kind, name, folder.where(), there))
	case err != nil:
		*errs = append(*errs, err)
	}
	return p
}

// calledPart is a part that says its name.
type calledPart interface{ called() (field, name string) }

func (m *Model) called() (field, name string)   { return "model", m.Model }
func (e *Engine) called() (field, name string)  { return "engine", e.Engine }
func (d *Drive) called() (field, name string)   { return "drive", d.Drive }
func (m *Machine) called() (field, name string) { return "machine", m.Machine }

// listed are the names that there are.
func listed(names []string) string {
	if len(names) == 0 {
		return "is none"
	}
	return "are " + strings.Join(names, ", ")
}

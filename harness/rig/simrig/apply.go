package simrig

import (
	"context"
	"fmt"

	"sparkharness/harness/record"
	"sparkharness/harness/rig"
)

// treatment is how the simulated machine carries out a kind of treatment.
type treatment func(context.Context, *Machine, rig.Treatment) (rig.Applied, error)

// treatments are the kinds that it knows, each in a file of its own.
var treatments = map[string]treatment{rig.DropCaches: dropCaches, rig.Restart: restart, rig.Fio: runFio, rig.Probe: runProbe}

// Apply acts on the machine and reads the effect where one would on a real one.
func (s *Machine) Apply(ctx context.Context, t rig.Treatment) (rig.Applied, error) {
	do := treatments[t.Kind]
	if do == nil {
		return rig.Applied{}, fmt.Errorf("treatment %q is not known to the simulated machine", t.Kind)
	}
	return do(ctx, s, t)
}

// seen does something between two readings of what it should change.
func (s *Machine) seen(ctx context.Context, kind, reading string, read func(context.Context) (*float64, error), do func(context.Context) error) (rig.Applied, error) {
	out := record.Treated{Treatment: kind, Reading: reading}
	var err error
	if out.Before, err = read(ctx); err != nil {
		return rig.Applied{}, err
	}
	if kind != s.without {
		if err := do(ctx); err != nil {
			return rig.Applied{}, err
		}
	}
	if out.After, err = read(ctx); err != nil {
		return rig.Applied{}, err
	}
	return rig.Applied{Seen: &out}, nil
}

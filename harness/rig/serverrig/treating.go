package serverrig

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"sparkharness/harness/config"
	"sparkharness/harness/cpus"
	"sparkharness/harness/record"
	"sparkharness/harness/rig"
	"sparkharness/harness/treatment"
)

// treating is what can be done to this machine, beside starting servers anew.
type treating struct {
	treater *treatment.Treater // from prepare on; nil: nothing can
	cannot  map[string]string  // why not, with what to do, by the kind of treatment
}

// newTreating finds out what can be done.
func (r *Launching) newTreating() treating {
	t := treating{cannot: map[string]string{}}
	if r.device.drive == nil {
		for _, kind := range []string{rig.Fio, rig.Probe, rig.DropCaches} {
			t.cannot[kind] = "only a name of the drive is given, and files are needed on it: name a folder with -device, or leave that out beside -dir"
		}
		return t
	}
	if _, err := exec.LookPath("fio"); err != nil {
		t.cannot[rig.Fio] = "fio is not installed: apt install fio"
	}
	if err := mayDropCaches(); err != nil {
		t.cannot[rig.DropCaches] = fmt.Sprintf("the page cache cannot be emptied (%v): run as root", err)
	}
	return t
}

// treat makes what treats the machine, which notes that in the journal. Files go into a folder of their own in the one that was named.
func (r *Launching) treat() (err error) {
	if r.device.drive == nil || r.treating.treater != nil {
		return nil
	}
	o := r.o.Treatment
	o.Drive, o.Proof, o.Journal, o.Noise, o.Out = r.device.drive, r.device.proof, r.journal, r.noise, r.out
	o.Elsewhere = cpus.Elsewhere
	o.Rng = rand.New(rand.NewPCG(r.exp.Hypothesis.Run.Seed, 1))
	r.treating.treater, err = treatment.New(o)
	return err
}

// mayDropCaches says whether the page cache may be emptied, and leaves it as it is.
func mayDropCaches() error {
	f, err := os.OpenFile(filepath.Join(procRoot, "sys/vm/drop_caches"), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	return f.Close()
}

// capabilities are the kinds of treatments that can be done.
func (t *treating) capabilities() (out []string) {
	for _, kind := range []string{rig.Fio, rig.Probe, rig.DropCaches} {
		if t.cannot[kind] == "" {
			out = append(out, kind)
		}
	}
	return out
}

// lacks adds to a refusal why the machine cannot be treated so.
func (t *treating) lacks(f record.Facts, e *config.Experiment) error {
	err := rig.Lacks(f, e)
	if err == nil {
		return nil
	}
	for _, kind := range []string{rig.Fio, rig.Probe, rig.DropCaches} {
		if why := t.cannot[kind]; why != "" && strings.Contains(err.Error(), " asks for "+kind+" (") {
			return fmt.Errorf("%w; %s", err, why)
		}
	}
	return fmt.Errorf("%w; the kinds of -launch say what can be done to them (configs/servers)", err)
}

// prepare lays out the files that the cells' treatments use.
func (t *treating) prepare(ctx context.Context, e *config.Experiment, p *record.Plan) error {
	if t.treater == nil || p == nil {
		return nil
	}
	profiles := map[string]string{}
	for _, pc := range p.Cells {
		if pc.Fio != "" {
			profiles[pc.Fio] = e.Fio[pc.Fio]
		}
	}
	if probed := e.Hypothesis.Sweep.Probed(); probed || len(profiles) > 0 {
		return t.treater.Prepare(ctx, profiles, probed)
	}
	return nil
}

// apply treats the machine.
func (t *treating) apply(ctx context.Context, tr rig.Treatment) (rig.Applied, error) {
	if t.treater == nil || !slices.Contains(t.capabilities(), tr.Kind) {
		return rig.Applied{}, errors.New(tr.Kind + " cannot be done: " + t.cannot[tr.Kind])
	}
	return t.treater.Apply(ctx, tr)
}

// close ends what still runs and removes the files.
func (t *treating) close() error {
	if t.treater == nil {
		return nil
	}
	treater := t.treater
	t.treater = nil
	return treater.Close()
}

package harness

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"sparkharness/harness/config"
	"sparkharness/harness/disk"
	"sparkharness/harness/evidence"
	"sparkharness/harness/experiment"
	"sparkharness/harness/record"
	"sparkharness/harness/regular"
	"sparkharness/harness/runner"
)

// digits of a digest are enough to tell a project's configurations and machines apart.
const digits = 16

// designOf is the digest of what is measured in an experiment: not of what judges it, of notes, and of how many blocks there are.
func designOf(exp *config.Experiment, facts record.Facts, root string) (string, error) {
	e, h := *exp, *exp.Hypothesis
	h.Thresholds, h.Gates, h.Controls, h.Run.Reps, h.Run.EarlyLooks = nil, config.Gates{}, nil, 0, nil
	e.Hypothesis = &h
	if e.World != nil {
		w := *e.World
		w.Note = ""
		e.World = &w
	}
	digest, err := experiment.Digest(&e, root, facts)
	if err != nil {
		return "", err
	}
	return digest[:digits], nil
}

// rulesOf is the digest of what judges a plan.
func rulesOf(exp *config.Experiment, program record.Program) (string, error) {
	h := exp.Hypothesis
	digest, err := config.Digest(program.Judges, h.Thresholds, h.Gates, h.Run.Reps, h.Run.EarlyLooks)
	if err != nil {
		return "", err
	}
	return digest[:digits], nil
}

// fingerprints are those of machines, by hypothesis and world, as this program has seen them. They are kept in a file, because a
// program behaves alike whenever it is asked.
type fingerprints struct {
	path  string
	known map[string]fingerprint
}

type fingerprint struct {
	Program record.Program `json:"program"`
	Design  string         `json:"design"` // under the seed of the fingerprint
	Machine string         `json:"machine"`
}

// fingerprintSeed is that of the run of which a machine's fingerprint is taken.
const fingerprintSeed = 1

const maxFingerprints = 4 << 20

func readFingerprints(path string) (*fingerprints, error) {
	f := &fingerprints{path: path, known: map[string]fingerprint{}}
	b, err := regular.Read(path, maxFingerprints)
	if errors.Is(err, os.ErrNotExist) {
		return f, nil
	}
	if err == nil {
		err = json.Unmarshal(b, &f.known)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w (remove it: it is made again)", path, err)
	}
	return f, nil
}

func (f *fingerprints) save() error {
	b, err := json.MarshalIndent(f.known, "", " ")
	if err != nil {
		return err
	}
	return disk.Replace(f.path, append(b, '\n'))
}

// takeFingerprint measures the first block of a hypothesis in a world. What it measures is the machine as rules see it: a change
// of how lines are reduced shows, too.
func takeFingerprint(t *testing.T, h Hypothesis, o *Options) (string, error) {
	p, err := plan(t, h, o)
	if err != nil {
		return "", err
	}
	defer p.close()
	r, err := runner.Open(runner.Options{Exp: p.exp, Plan: p.plan, Rig: p.rig, Parts: p.parts, Root: o.Root, Dir: o.results(), Stop: &session.stop, Out: io.Discard})
	if err != nil {
		return "", err
	}
	defer func() { _ = r.Close() }() // the folder is thrown away
	if err := r.Walk(func(string, runner.Asked) (runner.Answer, error) {
		return runner.Answer{Stop: "after the first block"}, nil
	}); err != nil {
		return "", err
	}
	if r.Failed() || session.stop.Load() {
		return "", fmt.Errorf("%s in world %s: its first block could not be measured", h.ID, o.World)
	}
	ev, err := evidence.Load(r.Dir(), nil)
	if err != nil {
		return "", err
	}
	print, err := ev.Fingerprint()
	if err != nil {
		return "", err
	}
	return print[:digits], nil
}

// keptPath is the file of the reduced evidence of a run.
func keptPath(dir string, j rateJob) string {
	return filepath.Join(dir, "evidence", fmt.Sprintf("%s.%s.%d.%s-%s.json.gz", j.h.ID, j.world, j.seed, j.key.Design, j.key.Machine))
}

package rates

import (
	"fmt"
	"io"

	"sparkharness/harness/config"
	"sparkharness/harness/evidence"
	"sparkharness/harness/record"
	"sparkharness/harness/verdict"
)

// Run is a hypothesis in a world under a seed.
type Run struct {
	Hypothesis verdict.Hypothesis
	World      string
	Seed       uint64
}

// String names the run.
func (r Run) String() string { return nameOf(r.Hypothesis.ID, r.World, r.Seed) }

func nameOf(h, world string, seed uint64) string { return fmt.Sprintf("%s/%s/%d", h, world, seed) }

// Door is what a count asks of package harness, which alone knows the side that measures. Its functions are called from several
// goroutines at once.
type Door struct {
	// Load reads the configuration of a hypothesis in the default world.
	Load func(verdict.Hypothesis) (*config.Experiment, error)
	// Plan reads that of a run, and refuses what the run would refuse.
	Plan func(Run) (*config.Experiment, record.Facts, error)
	// Digest is that of an experiment on a rig of which the facts are true, hexadecimal.
	Digest func(*config.Experiment, record.Facts) (string, error)
	// Rules is the digest of the sources of the rules that judge a hypothesis.
	Rules func(id string) (string, error)
	// Extend appends a stage of cells to a plan.
	Extend Extend
	// FirstBlock measures the first block of a run below a folder.
	FirstBlock func(r Run, results string) (*evidence.Evidence, error)
	// Execute runs below a folder: what it comes to and the folder of the run. Without a judgement the run has failed, or was
	// left out; without a folder nothing of it can be kept.
	Execute func(r Run, results string) (rep *verdict.Judgement, folder string)
	// Stopping says whether the execution is to end.
	Stopping func() bool
	// Scratch is the folder for those of runs, "" for the system's.
	Scratch func() string
	// Out takes what is told of the progress.
	Out io.Writer
	// Fail tells of a run that could not be counted; the others go on.
	Fail func(error)
}

// Extend appends a stage of cells to a plan of an experiment.
type Extend func(*record.Plan, *config.Experiment, []record.Cell) error

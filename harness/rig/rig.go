package rig

import (
	"context"
	"errors"
	"time"

	"sparkharness/harness/config"
	"sparkharness/harness/outgoing"
	"sparkharness/harness/record"
	"sparkharness/harness/telemetry"
)

// Rig is where the cells of one run are measured.
type Rig interface {
	// Facts are what is fixed before the first cell: the clock, the machine's identity, what it can do.
	Facts() record.Facts
	// Check refuses, before anything runs, a plan that the rig cannot carry out. The error says what is lacking and
	// what to do, in one line.
	Check(*config.Experiment, *record.Plan) error
	// Prepare takes what the cells need of this computer: in real time first the turn to measure there, which one run at a time has. It
	// comes before the run's folder is made and an earlier run is set aside: what cannot be had is told here. When the context ends it
	// ends, too; Close removes what it has laid out. It may be called twice.
	Prepare(context.Context) error
	// Open returns the machine with a stack on it. How long its servers live is the rig's own affair: Machine.Begin
	// brings them into the state in which a cell starts.
	Open(context.Context, *config.Stack) (Machine, error)
	// Run does the work for each of the cells, on the rig's clock: side by side where each has a machine of its
	// own, one after another elsewhere. It returns when all is done.
	Run([]record.PlannedCell, Work)
	// Close stops what outlives the cells, and gives back what Prepare has taken.
	Close() error
}

// Work is what is done for a cell.
type Work struct {
	// Measure runs on the rig's clock.
	Measure func(record.PlannedCell) error
	// Done runs on the wall clock, with the time that Measure took on the rig's. What it returns is what became of
	// the cell: nil, ErrSkipped, or the error that the rig may show in its own way.
	Done func(pc record.PlannedCell, took time.Duration, err error) error
}

// ErrSkipped says that a cell was not measured, because the run has been stopped.
var ErrSkipped = errors.New("not measured: the run was stopped")

// Machine has one serving stack on it and runs one cell at a time.
type Machine interface {
	// Begin brings the machine into the state in which the cell starts.
	Begin(context.Context, record.PlannedCell) error
	// Endpoint is where requests go, and Sources are what is watched, from Begin on.
	Endpoint() Endpoint
	Sources() Sources
	// ReadBack asks the machine what it really runs with.
	ReadBack(context.Context) (record.Settings, error)
	// ProveCounters makes a small read and a small write on the watched device and returns what its counters showed of
	// them. It is asked between Begin and Sources, of a rig with that capability.
	ProveCounters(context.Context) (record.CountersProof, error)
	// Apply does something to the machine and returns when it has taken effect.
	Apply(context.Context, Treatment) (Applied, error)
	// Close ends the cell.
	Close() error
}

// Endpoint is an OpenAI-compatible server. Its API key, if it wants one, is in the client: outgoing.SecretFrom reads it
// from the environment, and Client.For binds it to the server.
type Endpoint struct {
	BaseURL string
	API     string // completions or chat
	Dialect string // trtllm or dynamo: which fields a request may have
	HTTP    *outgoing.Client
	// AdapterAsModel says that requests name a LoRA adapter in the place of the model.
	AdapterAsModel bool
}

// Sources are what a machine can be watched by. Perf is nil where the server has no per-request records.
type Sources struct {
	Sys  []telemetry.SysSource
	KV   telemetry.KVSource
	Perf *telemetry.Perf
	// Scrapes are the newest raw pages by file name, saved with a cell when it ends.
	Scrapes map[string]func() []byte
	// Server is what was seen of the server by the end of a cell; nil where the rig has started it.
	Server func() *record.ServerSeen
	// Storage is what was moved on a real drive by the end of a cell; nil where the whole machine is either real or not.
	Storage func(context.Context) *record.StorageUse
	// Drives are those that are compared, with what their counters moved by since the sources were asked for; nil where none are.
	Drives func(context.Context) []record.ArmDrive
	// Health reads the machine's state after a cell, beside that before it; nil where it is not read.
	Health func(context.Context) *record.Around
	// Refresh comes before each sample; nil where nothing has to be brought up to date.
	Refresh func(context.Context) error
	// Device is what the kernel says of the block device that Sys watches; nil where there is none.
	Device *record.Device
	// Drive is what holds a folder that was named on that device; nil where none was, or where Storage tells it.
	Drive *record.Drive
	// TickOffset keeps the sampler off the instants at which a simulated machine acts; 0 elsewhere.
	TickOffset time.Duration
}

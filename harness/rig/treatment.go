package rig

import (
	"context"

	"sparkharness/harness/record"
)

// Treatment is something that is done to a machine. What it did is read back, and what lasts can be undone.
type Treatment struct {
	Kind string // one of the kinds below, which are capabilities of a rig, too
	// Name and Text parametrize it: of Fio the profile and its job file's text, which the real fio and a simulated
	// one both read. A text without jobs is the arm in which nothing is started.
	Name, Text string
	// Begins, if there is one, is called by machines of real time when the drive has been watched without fio, and before that starts or, in
	// the arm without, is watched for as long again.
	Begins func(context.Context) error
}

// Kinds of treatments.
const (
	Fio        = "fio"         // other programs load the drive, from a job file
	DropCaches = "drop_caches" // the page cache is emptied, as by /proc/sys/vm/drop_caches
	Restart    = "restart"     // the server process is restarted, until it answers again
	Probe      = "probe"       // a task reads a little of the drive that fio loads, to see how long that takes
)

// What the probe reads: one read at a time, direct, at random places of a file of its own. It is 2.6 MB/s.
const (
	ProbeBytes     = 128 << 10
	ProbePerSecond = 20
)

// Applied is what a treatment did.
type Applied struct {
	// Undo ends what lasts, also when its context has ended; nil if nothing does.
	Undo func(context.Context) error
	// Seen is what the machine showed before and after; Fio is more of it for fio.
	Seen *record.Treated
	Fio  *record.FioRun
	// Probe is the probe that runs until Undo.
	Probe *record.ProbeRun
}

package record

// Treated is a treatment with what the machine showed before and after it.
type Treated struct {
	Treatment string   `json:"treatment"`
	Reading   string   `json:"reading"` // what was read, with its unit
	Before    *float64 `json:"before"`
	After     *float64 `json:"after"`
}

// ProbeRun is the probe beside a cell: reads of so many bytes, one at a time, so many a second on average.
type ProbeRun struct {
	Bytes float64 `json:"bytes"`
	PerS  float64 `json:"per_s"`
	// Kept is how the times at which reads were meant to begin were kept; null where they are kept by design.
	Kept *ProbeKept `json:"kept,omitempty"`
}

// ProbeKept is the probe as an open loop: each read is meant for a time that does not depend on how long others take.
type ProbeKept struct {
	Reads float64 `json:"reads"`
	// Late reads began more than a millisecond after the time that they were meant for, Missed ones never: another read was
	// under way then and at the time of the next one.
	Late   float64 `json:"late"`
	Missed float64 `json:"missed"`
}

// FioRun is fio running beside the server, with what the machine showed of it. In the arm without fio
// nothing is started, the same time passes, and the figures of fio itself are nil.
//
// What shows the treatment is fio's own bytes and RAwaitAfter; RAwaitBefore is nil on an idle drive, whose
// few reads in a span are too short for the kernel's counters. Arms are to be compared over whole phases,
// from the samples' sums of read_ms and reads, and with care: the mean is over everybody's reads, and small
// reads of a moderate fio can lower it where large ones of a KV loader stood alone.
type FioRun struct {
	Jobs     []string `json:"jobs"`      // as fio.Job prints them
	InFlight int      `json:"in_flight"` // I/Os of all jobs together
	SpanS    float64  `json:"span_s"`    // s, length of each of the two spans

	// The drive's mean read latency, everybody's reads; nil if it had too few.
	RAwaitBefore *float64 `json:"r_await_before_ms"`
	RAwaitAfter  *float64 `json:"r_await_after_ms"`
	// Bytes of the second span: by fio's own counters, and by the drive's.
	ReadBytes       *float64 `json:"read_bytes"`
	WriteBytes      *float64 `json:"write_bytes"`
	DriveReadBytes  float64  `json:"drive_read_bytes"`
	DriveWriteBytes float64  `json:"drive_write_bytes"`
	// End is what fio itself said in the end; null in the arm without and where a fio is simulated.
	End *FioEnd `json:"end,omitempty"`
}

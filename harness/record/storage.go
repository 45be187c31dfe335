package record

// StorageUse is the real drive that a simulated machine stores on, and what its loader moved there in a cell.
type StorageUse struct {
	Drive Drive `json:"drive"`
	// Proof is what was written and read at the run's start, to see the drive's counters move by as much.
	Proof  CountersProof  `json:"proof"`
	Layout string         `json:"layout,omitempty"` // where and how the KV tier lies; "" of a stack that stores nothing
	Reads  *LoaderFigures `json:"reads"`            // null of a stack that stores nothing
	Writes *LoaderFigures `json:"writes"`
	// Idle is how long a read of the idle drive takes before the cell and after its load. Cells that follow one another at once share one.
	Idle []IdleReads `json:"idle_reads,omitempty"`
}

// LoaderFigures are the I/Os of a loader in one direction. Times are sums over them, in s.
type LoaderFigures struct {
	IOs   float64 `json:"ios"`
	Bytes float64 `json:"bytes"`
	TookS float64 `json:"took_s"` // in pread or pwrite
	// Took is how long each of them took, in pread or pwrite; null in cells of earlier versions.
	Took *GapHist `json:"took,omitempty"`
	// Software time: what the stack file asks for, what this program spent itself, in CPU time of its threads, and what
	// it waited for beside that. Where more is spent than configured the loader is slower than it is meant to be.
	ConfiguredS float64 `json:"configured_s"`
	MeasuredS   float64 `json:"measured_s"`
	WaitedS     float64 `json:"waited_s"`
}

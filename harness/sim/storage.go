package sim

// Storage is what the engine's I/O goes to: the modelled drives, or something that keeps bytes, such as files on
// a real SSD. The engine submits, is told of completions, and cannot tell which of them it has.
//
// All methods are called by one goroutine, the engine's, and must not block it; Cancel may, for as long as the
// device's own I/Os take. At most four I/Os are under way: a load, a write, an adapter, weights, and two more with WriteOnlySpill and Bursts; with the manager fs as
// many loads and writes as it has threads. Times are ns since the machine's start, and may lie a little before those of an earlier call; a storage with a clock of its own
// can ignore them. Whoever opens a storage closes it, after the machine.
type Storage interface {
	// Submit begins an I/O. Its end is told by io.Complete, once, from any goroutine, Submit itself included.
	Submit(now int64, io IO)
	// Cancel gives an I/O up. When it returns nothing reads or writes the bytes of the I/O any more; whether
	// Complete is still called does not matter. An id that has ended is ignored.
	Cancel(now, id int64)
	// Advance completes what ends by now and returns when to come back: the time of the next completion if the
	// storage knows it beforehand, as a model does, or Never. Complete wakes the engine in any case.
	Advance(now int64) (next int64)
	// Counters are asked for at every iteration, so they must be cheap.
	Counters(now int64) StorageCounters
	// Diskstats are the kernel's counters of each drive, always of as many: a model's own, or what
	// /proc/diskstats says of the device below the files.
	Diskstats(now int64) ([]NVMeCounters, error)
}

// Never is later than any event.
const Never int64 = nvmeNever

// IO is one transfer of the engine: all blocks of a load or of a write, or a file from its start. Stream says
// in I/Os of which size and how many at a time; ReadShare is 1 for reads and 0 for writes.
type IO struct {
	ID     int64 // of its own
	Area   Area
	Name   string        // of the adapter
	Blocks []StoredBlock // in the KV and swap areas; not to be changed or kept after Complete
	Bytes  int64         // of all blocks, or of the file
	Stream NVMeStream

	ended *completions
}

// Write tells whether the I/O writes; else it reads.
func (io IO) Write() bool { return io.Stream.ReadShare == 0 }

// Complete tells the engine that the I/O has ended. It never blocks, and means nothing after a Cancel, a
// second time or when the machine has stopped. An error of the device stops the machine: requests that are
// open end with it, and so do later ones.
func (io IO) Complete(err error) { io.ended.put(endedIO{id: io.ID, err: err}) }

// Area is a part of the storage with slots or files of its own.
type Area int

// Areas.
const (
	AreaKV       Area = iota // the KV tier's file, by slots of a block each
	AreaSwap                 // swapped sequences (KVSwapToNVMe), by slots of a block each
	AreaAdapters             // a file for each LoRA adapter, there before the machine starts
	AreaWeights              // the model's weights, there before the machine starts
	AreaSpill                // KV of sequences that have ended, which nothing reads (WriteOnlySpill): bytes, no blocks
	AreaOther                // another file of the server (Bursts), there before the machine starts: bytes, no blocks
)

// StoredBlock is a KV block with its place: Slot times Spec.BlockBytes is its offset in the area. What is written
// under a key into a slot is read from there under the same key until the slot is written again, and nothing
// is written into a slot that is being read. Slots are given away from 0 up, so that a file is as long as the blocks
// of its tier and of the transfers that are queued. After a restart of the server all slots are free.
type StoredBlock struct {
	Key  uint64 // names the content
	Slot int32
}

// StorageCounters feed the simulated GPU and the host's counters.
type StorageCounters struct {
	// AtNS is the time that they hold at: now, or just before a completion that the engine has not been told of.
	AtNS int64
	// BytesPerSec is what moves now, by other programs too: bandwidth of the memory that the GPU lacks. It must be
	// less than the memory has; 0 leaves it all to the GPU.
	BytesPerSec float64
	// Stalls are the times that tasks were blocked on each drive, always of as many; valid until the next call.
	Stalls []Stall
	// SoftwareNS is the CPU time that I/Os have taken on the host until now, in ns: SoftwareNS of its Stream for each.
	SoftwareNS float64
}

// Stall is the time that tasks were blocked in a place: with at least one, and summed over them, ns.
type Stall struct{ SomeNS, TasksNS float64 }

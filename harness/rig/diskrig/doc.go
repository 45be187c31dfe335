// Package diskrig keeps what the simulated machine stores in real files, on a directory of this machine and in real time:
// a sim.Storage whose bytes are written and read with O_DIRECT, in the sizes and as many at a time as the simulated stack
// asks for. What is simulated is the compute; what is measured is the drive.
//
// What lies where, all of it in one folder of its own below the directory:
//
//   - The KV tier of KVBM and of vLLM's disk backend is one file of slots, allocated and written once before the machine
//     starts: a read of what was never written does not reach the device, and a first write is more than a write. Writes that
//     are queued beyond the tier's capacity lengthen it.
//   - That of vLLM's manager fs is a file a chunk, written under another name and renamed, without fsync.
//   - Swapped sequences have a file of slots that grows, KV that is only written a file that is written round and round.
//   - Adapters, weights and the server's other file are there before the machine starts.
//
// All of them go around the page cache. The simulated host decides what its own page cache holds, of adapters and of a
// buffered KV tier too, and asks only for what it lacks: a cache of this machine must not answer that.
//
// Each page of 4 KiB says which block it is of and has a checksum, so that whatever is read back is known to be what was
// written (ErrCorruption). The rest is noise, which no drive can compress.
//
// A loader's software time is waited for only as far as this program does not spend it itself (Software).
package diskrig

// Package mixedrig is the rig disk: what would this drive do to a Spark's tail latency? The compute, the memory and the serving
// stack are the simulated machine's, in real time; the drive is a real one. Tier 2 is real files on it (package diskrig), the
// neighbour is the real fio and the probe real reads (package treatment), and requests go over TCP on loopback.
//
// What is real and what is simulated, by who reads it:
//
//   - requests: answered by the simulated engine, whose fetches take as long as the drive and this machine's kernel take;
//   - the block device's counters, pressure stall information, CPU and memory figures: this machine's;
//   - the server's own I/O: what its loader moved on the drive, counted where it moves it;
//   - GPU, the engine's and the KV manager's pages: the simulated machine's.
//
// Where two drives are compared each has a folder with files of its own, a cell uses one of them, and the counters of both are read.
//
// Cells run one after another, each on a machine that has just been started and whose tiers are empty. A KV tier of one file is
// written once for all of them, because that wears the drive and an index that is empty reads nothing of it.
package mixedrig

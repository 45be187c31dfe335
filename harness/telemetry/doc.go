// Package telemetry watches the machine and the KV manager while a cell runs: sources that each read
// one thing (the kernel's files, a block device, nvidia-smi, Prometheus pages, /perf_metrics) and a
// Sampler that reads them at a fixed cadence on the cell's clock.
//
// A source reads a mount point, a stream or a URL, and cannot tell a rendered machine from a real one.
// A value that a source does not provide is nil, never 0. A source that fails leaves its group nil and
// returns an error; the Sampler counts it and goes on.
package telemetry

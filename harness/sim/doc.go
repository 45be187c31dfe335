// Package sim is a simulated DGX Spark: a serving engine with iteration-level batching, a tiered KV
// block manager, LoRA adapters that are read through a page cache, an NVMe device, the host counters that
// a kernel would keep, and the HTTP dialects of trtllm-serve, of Dynamo with KVBM and of vLLM.
//
// It holds mechanisms, not outcomes. Nothing here knows a hypothesis, and every constant has a unit and
// a source. Where nothing has been published the constant says "uncalibrated" and Calibration lists it.
//
// # Time
//
// The machine uses package time only, so it runs in real time or inside a testing/synctest bubble.
// In a bubble the results are a function of the seed alone, because
//   - one goroutine owns all engine state;
//   - every event of the machine lies on a grid of whole microseconds, and after an event the engine
//     waits one more nanosecond (in virtual time alone) before it forms a batch, so that all arrivals of the
//     instant are in;
//   - arrivals of one instant are taken in the order of their request ids;
//   - metrics are to be scraped off the grid (a tick at +500 ns never meets an event).
//
// # Storage
//
// I/O goes through the interface Storage. Start puts the modelled drives behind it, StartOn what the caller brings,
// such as files on a real device in real time. Whose completions they are makes no difference to the engine.
package sim

package sheet

import (
	"math"

	"sparkharness/harness/config"
)

// pattern is how an arm's loader asks for I/O of tier 2, in one direction.
type pattern struct {
	request  float64 // bytes of an I/O; 0: not known
	measured bool    // the size is that of the I/Os that were made, else the configured one
	depth    float64 // I/Os in flight, as configured
	// run is how many I/Os follow each other in the file: those of a KV block.
	run int
}

// reading and writing are the patterns of the arm's loader; the zero value of a stack without one.
func (a *Arm) reading() pattern {
	reads, _ := a.loader()
	return a.pattern(reads, defaultThreads, func(o *config.Offload) int { return o.ReadThreads })
}

func (a *Arm) writing() pattern {
	_, writes := a.loader()
	return a.pattern(writes, defaultThreads, func(o *config.Offload) int { return o.WriteThreads })
}

// defaultThreads are the readers and the writers of vLLM's manager fs where the stack names none (config.Offload).
const defaultThreads = 16

// sameSize is by which share a measured mean may differ from the configured size and still be it: a block's last I/O is shorter.
const sameSize = 0.02

func (a *Arm) pattern(moved loaderSums, threads int, of func(*config.Offload) int) pattern {
	d := a.Stack.Dynamo
	if d == nil {
		return pattern{}
	}
	p := pattern{request: float64(d.Loader.IOBytes), depth: max(1, float64(d.Loader.QueueDepth)), run: 1}
	if o := d.Offload; o != nil && o.Manager == config.OffloadFS {
		if n := of(o); n > 0 {
			threads = n
		}
		p.depth = float64(threads)
	}
	if mean := moved.mean(); mean != nil {
		p.measured = true
		if math.Abs(*mean-p.request) > sameSize*p.request {
			p.request = *mean
		}
	}
	if block := a.blockBytes(); block > 0 && p.request > 0 {
		p.run = max(1, int(block/p.request))
	}
	return p
}

// blockBytes is the size of a KV block, 0 if no sample tells it.
func (a *Arm) blockBytes() float64 {
	for _, c := range a.Cells {
		if c.KV != nil && c.KV.BlockBytes > 0 {
			return c.KV.BlockBytes
		}
	}
	return 0
}

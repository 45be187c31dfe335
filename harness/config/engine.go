package config

import "slices"

// Engine is a file of engines/: a serving engine, how it schedules and what its work costs on the machine.
type Engine struct {
	Engine string `yaml:"engine"` // name of the file
	Note   string `yaml:"note"`
	Ways   Ways   `yaml:"ways"`
	Costs  Costs  `yaml:"costs"`
	// Errors say how far off the fitted costs are; absent: nobody has looked.
	Errors *Errors `yaml:"errors,omitempty"`
}

// Ways are what an engine does.
type Ways struct {
	// Scheduler is continuous (any sequence takes blocks of one pool) or slots (as many slots as max_batch_size, each with an
	// equal part of the pool, as llama.cpp has).
	Scheduler      string `yaml:"scheduler"`
	ChunkedPrefill *bool  `yaml:"chunked_prefill"` // a prompt may take part in several iterations
	// WindowAware says that the KV cache keeps of layers with a sliding window no more than the window.
	WindowAware *bool  `yaml:"window_aware_cache"`
	Source      string `yaml:"source"`
}

// Schedulers are the ways in which engines give sequences their part of the KV pool.
var Schedulers = []string{SchedulerContinuous, SchedulerSlots}

// The schedulers.
const (
	SchedulerContinuous = "continuous"
	SchedulerSlots      = "slots"
)

// Costs are what an engine's work takes on the machine.
type Costs struct {
	WeightRead Figure[Rate] `yaml:"weight_read"` // rate at which a decode step reads the weights, launch overheads included
	KVRead     Figure[Rate] `yaml:"kv_read"`     // rate at which it reads the KV of its sequences
	// SequencePerBillion is what each further sequence adds to a step, us for each billion active parameters.
	SequencePerBillion Figure[float64] `yaml:"sequence_us_per_billion"`
	// PromptTFLOPS is the rate of a prompt's linear work, 2 FLOP a parameter and token, by the weights' quantization.
	PromptTFLOPS map[string]Figure[float64] `yaml:"prompt_tflops"`
	// Request is the engine's own time for a request, in the iteration that first works on it; absent: none.
	Request *Figure[Duration] `yaml:"request,omitempty"`
}

// Errors are those of a fit on published rows whose source was left out of it. A region without rows is absent.
type Errors struct {
	DecodeOne     *Error `yaml:"decode_one_stream,omitempty"`
	DecodeStreams *Error `yaml:"decode_streams,omitempty"`
	Prefill       *Error `yaml:"prefill,omitempty"`
	Source        string `yaml:"source"` // where the rows and their errors stand
}

// Error is the relative error of simulated figures, in size: 0.08 is 8 %.
type Error struct {
	Median  float64 `yaml:"median"`
	Largest float64 `yaml:"largest"`
	Rows    int     `yaml:"rows"`
}

// What no error of a fit is beyond.
const (
	mostError     = 10
	mostErrorRows = 100_000
)

func (e *Engine) check(r *reader) {
	r.plain("engine", e.Engine)
	if !slices.Contains(Schedulers, e.Ways.Scheduler) {
		r.oneOf("ways.scheduler", e.Ways.Scheduler, Schedulers...)
	}
	r.figures(e)
	if e.Errors != nil {
		e.Errors.check(r)
	}
}

// check asks for a region, and for errors that can be.
func (e *Errors) check(r *reader) {
	if e.DecodeOne == nil && e.DecodeStreams == nil && e.Prefill == nil {
		r.refuse("errors", "name no region: give decode_one_stream, decode_streams or prefill, or leave the block out")
	}
	for _, region := range []struct {
		name string
		*Error
	}{{"decode_one_stream", e.DecodeOne}, {"decode_streams", e.DecodeStreams}, {"prefill", e.Prefill}} {
		if region.Error == nil {
			continue
		}
		at := "errors." + region.name
		switch {
		case region.Largest > mostError:
			r.refuse(at+".largest", "is at most %d, not %v: it is relative, and 8 %% is written 0.08", mostError, region.Largest)
		case r.ok(at+".median", at+".largest") && region.Median > region.Largest:
			r.refuse(at+".median", "is %v, more than the largest of %v", region.Median, region.Largest)
		}
		if region.Rows > mostErrorRows {
			r.refuse(at+".rows", "is at most %d, not %d: nobody has published more", mostErrorRows, region.Rows)
		}
	}
}

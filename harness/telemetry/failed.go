package telemetry

import (
	"context"

	"sparkharness/harness/record"
)

// Failed is a source that could not be opened: it is missing in every slot, and says why.
type Failed struct {
	Source string
	Err    error
}

// OrFailed is the source, or a Failed of that name if there is an error.
func OrFailed(name string, src SysSource, err error) SysSource {
	if err != nil {
		return Failed{name, err}
	}
	return src
}

// Name is that of the source that it stands for.
func (f Failed) Name() string { return f.Source }

// Sample fails.
func (f Failed) Sample(context.Context, *record.SysSample) error { return f.Err }

// SampleKV fails.
func (f Failed) SampleKV(context.Context, *record.KVSample) error { return f.Err }

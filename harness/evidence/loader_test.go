package evidence

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"sparkharness/harness/config"
)

// The kernel splits what is larger than the drive takes; a rig that does not say what that is splits nothing.
func TestLoaderRequestBytes(t *testing.T) {
	ev := repetitions()
	ev.Plan.Facts.MaxRequestBytes = ptr(512.0 * (1 << 10))
	assert.Zero(t, ev.LoaderRequestBytes(), "no loader")
	for _, tc := range []struct {
		io   config.Size
		want float64
	}{{128 << 10, 128 << 10}, {512 << 10, 512 << 10}, {2 << 20, 512 << 10}} {
		ev.Exp.Stacks["B"] = &config.Stack{Stack: "B", Dynamo: &config.Dynamo{Loader: config.Loader{IOBytes: tc.io}}}
		assert.InDelta(t, tc.want, ev.LoaderRequestBytes(), 0, tc.io.String())
	}
	ev.Plan.Facts.MaxRequestBytes = nil
	assert.InDelta(t, 2<<20, ev.LoaderRequestBytes(), 0)
}

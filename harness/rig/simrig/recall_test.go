package simrig

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"sparkharness/harness/load"
	"sparkharness/harness/sim"
)

// The simulated model understands the question that servers are asked.
func TestRecallQuestion(t *testing.T) {
	assert.True(t, strings.HasSuffix(load.RecallQuestion, sim.RecallQuestion))
}

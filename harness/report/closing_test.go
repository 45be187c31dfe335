package report

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"sparkharness/harness/gate"
)

// Grades decide nothing and are not counted, met or not: what is counted is what could have failed the verdict.
func TestGateCountLeavesGradesOut(t *testing.T) {
	count := func(gates ...gate.Gate) [2]int {
		passed, total := gateCount(gates)
		return [2]int{passed, total}
	}
	pass, fail := gate.Pass("client", ""), gate.Fail("samples", gate.Inconclusive, "few_samples", "")
	met, unmet := gate.Grade("reproducibility", true, ""), gate.Grade("reproducibility", false, "")
	assert.Equal(t, [2]int{1, 1}, count(pass, met), "met")
	assert.Equal(t, [2]int{1, 1}, count(pass, unmet), "not met")
	assert.Equal(t, [2]int{1, 2}, count(pass, fail, met, unmet))
	assert.Equal(t, [2]int{0, 0}, count(met, unmet))
	unmet.Grade = false
	assert.Equal(t, [2]int{1, 1}, count(pass, unmet), "of an earlier version, whose reports do not mark grades")
}

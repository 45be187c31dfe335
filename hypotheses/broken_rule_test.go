package hypotheses

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// A rule that breaks fails its own test and no other one, says which hypothesis, where, and how to go on; what was
// measured is there, and judged when the rule is mended.
func TestBrokenRuleCostsNoCells(t *testing.T) {
	leftOutWithShort(t)
	t.Parallel()
	configs := shortConfigs(t, "h2a.yaml", fewSamples+"sweep: {fine_step: 1}\n")
	for _, tc := range []struct {
		fault string
		cells bool
	}{{"breaks when it plans", false}, {"breaks when it refines", true}, {"breaks when it decides", true}} {
		t.Run(tc.fault, func(t *testing.T) {
			results := t.TempDir()
			run := func(fault string, flags ...string) child {
				u := start(t, childCommand(t, "^(TestOfAChild|TestH1)$", append([]string{"-configs", configs, "-results", results}, flags...)...), faultMark+"="+fault)
				c := u.end()
				u.leavesNothing(results)
				return c
			}
			c := run(tc.fault)
			assert.Equal(t, 1, c.status, c.err)
			assert.Contains(t, c.stdout, "hanging_test.go", "where")
			assert.Contains(t, c.stdout, "H1: verdict Inconclusive", "another one goes on")
			if !tc.cells {
				assert.Contains(t, c.stdout, "H2A: cannot be planned (panic: the rule broke); nothing has been measured")
				return
			}
			said := "H2A: a gate or a rule of it has a fault (panic: the rule broke); 4 of 4 cells are complete and kept in " + onlyRun(t, results)
			assert.Contains(t, c.stdout, said+": when it is mended, the same flags and -resume go on, -replay "+onlyRun(t, results)+" judges what is there")

			u := start(t, childCommand(t, "^TestOfAChild$", "-replay", onlyRun(t, results)), faultMark+"=breaks when it decides")
			c = u.end()
			assert.Equal(t, 1, c.status)
			assert.Contains(t, c.stdout, "H2A: a gate or a rule of it has a fault (panic: the rule broke): when it is mended, -replay "+onlyRun(t, results))
			c = runChild(t, "^TestH2A$", "-replay", onlyRun(t, results), "-expect", "Inconclusive")
			assert.Zero(t, c.status, c.stdout)
			c = run("none", "-resume")
			assert.Contains(t, c.stdout, "2 runs: 2 Inconclusive")
		})
	}
}

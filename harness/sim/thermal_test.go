package sim_test

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/sim"
)

// hot is a GPU of 2450 MHz that falls to half of it.
func hot(reasons string) sim.Mechanisms {
	return sim.Mechanisms{ThermalSlowdown: sim.ThermalSpec{TimeConstant: 10 * time.Second, LowestMHz: 1225, Reasons: reasons}}
}

// A GPU that works without a break keeps its clock for 0.69 time constants, and at last computes a prompt in twice the time
// at half the clock; when it has rested it is as before. Decode, which the memory decides, does not know of it.
func TestThermalSlowdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := start(t, specA(t, "L8B"), quiet(hot(sim.ReasonsShown)))
		began := time.Now()
		first := m.ask("u0-q0", prompt("p", 2048), 1).ttft
		until := func(end time.Duration) (last time.Duration) {
			for time.Since(began) < end {
				last = m.ask("u0-q0", prompt("p", 2048), 1).ttft
			}
			return last
		}
		assert.InDelta(t, first.Seconds(), until(6500*time.Millisecond).Seconds(), 1e-6, "half of the heat is reached after 6.9 s")
		assert.Greater(t, until(9*time.Second), first*21/20)
		assert.InEpsilon(t, 2*first.Seconds(), until(100*time.Second).Seconds(), 0.01)
		hot := m.ask("u0-q0", prompt("p", 1), 50)
		time.Sleep(8 * time.Second) // 45 % are left
		assert.InDelta(t, first.Seconds(), m.ask("u0-q0", prompt("p", 2048), 1).ttft.Seconds(), 1e-6)
		time.Sleep(time.Minute)
		cold := m.ask("u0-q0", prompt("p", 1), 50)
		assert.InDelta(t, (cold.e2e - cold.ttft).Seconds(), (hot.e2e - hot.ttft).Seconds(), 1e-3)
	})
}

// Of a clock that heat holds down nvidia-smi says so, sets no bit, answers [N/A], or is not asked. The clock is always shown.
func TestThermalReasons(t *testing.T) {
	for reasons, want := range map[string]struct{ idle, cool, hot string }{
		sim.ReasonsShown:  {", 208, 0x0000000000000001", ", 2450, 0x0000000000000000", ", 12??, 0x0000000000000020"},
		sim.ReasonsUnset:  {", 208, 0x0000000000000001", ", 2450, 0x0000000000000000", ", 12??, 0x0000000000000000"},
		sim.ReasonsNA:     {", 208, [N/A]", ", 2450, [N/A]", ", 12??, [N/A]"},
		sim.ReasonsAbsent: {", 208", ", 2450", ", 12??"},
		"":                {", 208, 0x0000000000000001", ", 2450, 0x0000000000000000", ", 2450, 0x0000000000000000"},
	} {
		t.Run("reasons="+reasons, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := quiet(hot(reasons))
				if reasons == "" {
					p = quiet(sim.Mechanisms{})
				}
				m := start(t, specA(t, "L8B"), p)
				var out bytes.Buffer
				ctx, stop := context.WithCancel(context.Background())
				done := make(chan struct{})
				go func() {
					defer close(done)
					time.Sleep(300 * time.Nanosecond)
					m.StreamGPU(ctx, &out, time.Second)
				}()
				time.Sleep(2 * time.Second)
				for began := time.Now(); time.Since(began) < 60*time.Second; {
					m.ask("u0-q0", prompt("p", 2048), 1)
				}
				stop()
				<-done
				lines := strings.Split(strings.TrimSpace(out.String()), "\n")
				require.Greater(t, len(lines), 60)
				assert.Equal(t, reasons != sim.ReasonsAbsent, strings.Contains(lines[0], "clocks_event_reasons.active"))
				tail := func(line string) string {
					f := strings.SplitN(line, ", ", 4)
					return ", " + f[3]
				}
				assert.Equal(t, want.idle, tail(lines[1]))
				assert.Equal(t, want.cool, tail(lines[4]))
				last := tail(lines[len(lines)-1])
				if reasons != "" {
					require.Regexp(t, "^, 12[0-9][0-9]", last)
					last = last[:4] + "??" + last[6:]
				}
				assert.Equal(t, want.hot, last)
			})
		})
	}
}

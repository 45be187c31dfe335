package sim_test

import (
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/sim"
)

// reader is a task that blocks on reads of 256 KiB.
var reader = sim.NVMeStream{Name: "reader", ReadShare: 1, IOBytes: 256 << 10, Depth: 1, Sync: true}

// thinker reads for 3 s, spins for 2 s and sleeps for 3 s.
var thinker = sim.ForeignLoop{Stream: reader, IOTime: 3 * time.Second, ThinkTime: 5 * time.Second, SpinTime: 2 * time.Second}

// Two readers with cycles of 8 s: second by second the process, the drive and the host show the phase they are in.
func TestForeignCycles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := watch(t, specB(t, "L70B"))
		pid := m.startLoops(thinker, thinker)
		rate := 2 * sim.SolveNVMe(sim.DefaultNVMeParams(), []sim.NVMeStream{reader, reader}).Streams[0].BytesPerSec
		ios := rate / (256 << 10)
		last := hostCounters(t, m.machine, m.files)
		lastIO := m.io(pid)
		for second := range 24 {
			time.Sleep(time.Second)
			c, io := hostCounters(t, m.machine, m.files), m.io(pid)
			cpu, read := 0.2, 0.0 // the daemons
			switch phase := second % 8; {
			case phase < 3:
				read = rate
				cpu += ios * 2e-6
				assert.InEpsilon(t, 2, c.iowait-last.iowait, 0.03, "second %d", second)
				assert.InEpsilon(t, 1, c.ioSome-last.ioSome, 0.001, "second %d", second)
			case phase < 5:
				cpu += 2
				fallthrough
			default:
				assert.InDelta(t, 0, c.iowait-last.iowait, 0.011, "second %d", second)
				assert.InDelta(t, 0, c.ioSome-last.ioSome, 0.002, "second %d", second)
			}
			assert.InDelta(t, cpu, c.cpu-last.cpu, 0.021, "second %d", second)
			assert.InDelta(t, read, c.readBytes-last.readBytes, 0.001*rate, "second %d", second)
			assert.InDelta(t, read, float64(io.ReadBytes-lastIO.ReadBytes), 0.001*rate, "second %d", second)
			assert.Equal(t, []uint64{io.ReadBytes, io.ReadBytes / (256 << 10), 0}, []uint64{io.RChar, io.SyscR, io.WriteBytes})
			require.GreaterOrEqual(t, io.ReadBytes, lastIO.ReadBytes)
			last, lastIO = c, io
		}
	})
}

// The end of the process is the end of its I/O and its spinning, whatever it was doing.
func TestForeignCyclesEnd(t *testing.T) {
	for doing, after := range map[string]time.Duration{"reads": 1500 * time.Millisecond, "spins": 4 * time.Second, "sleeps": 6 * time.Second,
		"reads again": 9 * time.Second, "at a turn": 8 * time.Second, "at once": 0} {
		t.Run(doing, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := watch(t, specB(t, "L70B"))
				m.startLoops(append(loops(reader), thinker)...)
				time.Sleep(after)
				require.NoError(t, m.StopForeign(t.Context()))
				assert.Empty(t, m.shown())
				before := hostCounters(t, m.machine, m.files)
				time.Sleep(10 * time.Second)
				c := hostCounters(t, m.machine, m.files)
				assert.InDelta(t, 10*0.2, c.cpu-before.cpu, 0.021)
				assert.InDelta(t, 0, c.iowait-before.iowait, 0.011)
				assert.Less(t, c.readBytes-before.readBytes, 1e6, "the background alone")

				second := m.startLoops(thinker)
				time.Sleep(time.Second)
				assert.InEpsilon(t, sim.SolveNVMe(sim.DefaultNVMeParams(), []sim.NVMeStream{reader}).Streams[0].BytesPerSec,
					float64(m.io(second).ReadBytes), 0.001, "the next one begins with I/O")
			})
		})
	}
}

// In which order loops turn at one instant shows nowhere.
func TestForeignCyclesInAnyOrder(t *testing.T) {
	all := []sim.ForeignLoop{thinker, {Stream: asyncJobs[0]},
		{Stream: reader, IOTime: 4 * time.Second, ThinkTime: 4 * time.Second, SpinTime: 4 * time.Second},
		{Stream: asyncJobs[0], IOTime: time.Second, ThinkTime: time.Second}}
	figures := func(loops []sim.ForeignLoop) (c counters, full float64) {
		synctest.Test(t, func(t *testing.T) {
			m := watch(t, specB(t, "L70B"))
			m.startLoops(loops...)
			time.Sleep(25 * time.Second)
			c = hostCounters(t, m.machine, m.files)
			_, full = ioPressure(t, m.files)
		})
		return c, full
	}
	want, full := figures(all)
	slices.Reverse(all)
	got, gotFull := figures(all)
	assert.Equal(t, want, got)
	assert.InDelta(t, full, gotFull, 2e-6)
}

func TestForeignLoopValidate(t *testing.T) {
	require.NoError(t, thinker.Validate())
	for want, change := range map[string]func(*sim.ForeignLoop){
		`nvme stream "reader": IOBytes is 0`:                                  func(l *sim.ForeignLoop) { l.Stream.IOBytes = 0 },
		`foreign loop "reader": 1.5µs is not a time of whole microseconds`:    func(l *sim.ForeignLoop) { l.IOTime = 1500 },
		`foreign loop "reader": -1s is not a time`:                            func(l *sim.ForeignLoop) { l.SpinTime = -time.Second },
		`foreign loop "reader": IOTime 0s and ThinkTime 5s go together`:       func(l *sim.ForeignLoop) { l.IOTime = 0 },
		`foreign loop "reader": IOTime 3s and ThinkTime 0s go together`:       func(l *sim.ForeignLoop) { l.ThinkTime = 0 },
		`foreign loop "reader": SpinTime 5.000001s is a part of ThinkTime 5s`: func(l *sim.ForeignLoop) { l.SpinTime = l.ThinkTime + time.Microsecond },
	} {
		l := thinker
		change(&l)
		require.ErrorContains(t, l.Validate(), want)
	}
}

// Beside loops that think, and KV that comes from the NVMe, all counters are the same however often the machine
// is looked at and however many threads there are: iowait and pressures too.
func TestForeignCyclesRepeat(t *testing.T) {
	others := []sim.ForeignLoop{
		{Stream: reader, IOTime: 700 * time.Millisecond, ThinkTime: 600 * time.Millisecond, SpinTime: 300 * time.Millisecond},
		{Stream: reader, IOTime: 250 * time.Millisecond, ThinkTime: 750 * time.Millisecond, SpinTime: 750 * time.Millisecond},
		{Stream: asyncJobs[0], IOTime: 130 * time.Millisecond, ThinkTime: 1001 * time.Microsecond},
	}
	run := func(t *testing.T, every time.Duration) (seen string) {
		synctest.Test(t, func(t *testing.T) {
			m := watch(t, smallTiers(t, 33, 32)) // one prompt of 1024 + 16 tokens
			began, done := time.Now(), make(chan struct{})
			m.startLoops(others...)
			var wg sync.WaitGroup
			wg.Go(func() {
				for {
					select {
					case <-done:
						return
					case <-time.After(every - time.Since(began)%every):
						m.shown()
					}
				}
			})
			for i := range 20 {
				time.Sleep(time.Second - time.Since(time.Unix(0, 0))%time.Second)
				a := m.ask(fmt.Sprintf("u%d-q%d", i%2, i), prompt(fmt.Sprint("p", i%2), 1024), 8)
				seen += fmt.Sprintln(a.ttft, a.e2e, a.cached)
			}
			require.Positive(t, m.stats().KV.OnboardD2D)
			close(done)
			wg.Wait()
			time.Sleep(time.Second - time.Since(time.Unix(0, 0))%time.Second + 500*time.Nanosecond)
			c := hostCounters(t, m.machine, m.files)
			some, full := ioPressure(t, m.files)
			seen += fmt.Sprintln(c, some, full)
		})
		return seen
	}
	once := run(t, time.Hour)
	for _, every := range []time.Duration{time.Second, 10 * time.Millisecond} {
		require.Equal(t, once, run(t, every), "every %v", every)
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	require.Equal(t, once, run(t, time.Second))
}

package sim

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const nvmeSecond = int64(1e9)

// nvmeQuiet is the default drive without background requests.
func nvmeQuiet() NVMeParams {
	p := DefaultNVMeParams()
	p.BackgroundReadsPerSec, p.BackgroundWritesPerSec = 0, 0
	return p
}

// nvmeDrain runs the device from event to event and returns each id with its completion time.
func nvmeDrain(t *testing.T, d *NVMeDevice) (ids []int, at []int64) {
	t.Helper()
	for range 1000 {
		next, ok := d.Next()
		if !ok {
			return ids, at
		}
		for _, id := range d.Advance(next) {
			ids, at = append(ids, id), append(at, next)
		}
	}
	require.Fail(t, "the device does not drain")
	return nil, nil
}

// An 8k-token reload of an 8B model in fp16 (1.07 GB): 72 ms with 8 x 512 KiB in flight and 0.55 s with one
// 128 KiB read at a time. Rows of the queue model (no measurement), within 5 %.
func TestNVMeTransferTakesItsBytesAtTheRateOfItsMix(t *testing.T) {
	const bytes = 8192 * 131_072
	for _, row := range []struct {
		name    string
		stream  NVMeStream
		seconds float64
	}{
		{"512 KiB depth 8", nvmeReader(512*nvmeKiB, 8), 0.072},
		{"128 KiB depth 1", nvmeReader(128*nvmeKiB, 1), 0.56},
	} {
		t.Run(row.name, func(t *testing.T) {
			d := NewNVMeDevice(nvmeQuiet(), 1)
			start := 3 * nvmeSecond
			id := d.Start(start, row.stream, bytes)
			due := d.transfers[0].due
			ids, at := nvmeDrain(t, d)
			require.Equal(t, []int{id}, ids)
			assert.InEpsilon(t, row.seconds, float64(at[0]-start)/1e9, 0.05)
			assert.Zero(t, at[0]%1000, "whole microseconds")
			assert.GreaterOrEqual(t, float64(at[0]), due, "rounded up")
			assert.Less(t, float64(at[0]), due+1000)

			c := d.Counters(at[0])
			assert.EqualValues(t, bytes/512, c.SectorsRead)
			assert.EqualValues(t, bytes/row.stream.IOBytes, c.ReadsCompleted)
			assert.Zero(t, c.WritesCompleted)
			alone := SolveNVMe(nvmeQuiet(), []NVMeStream{row.stream})
			assert.InEpsilon(t, alone.Streams[0].ReadMeanNS/1e6, float64(c.MSReading)/float64(c.ReadsCompleted), 0.02, "r_await")
			assert.InEpsilon(t, row.seconds*1e3, float64(c.MSDoingIO), 0.08, "io_ticks")
		})
	}
}

// A transfer shares the drive from the moment another starts and gets it back when that one ends.
func TestNVMeTransfersShareTheDrive(t *testing.T) {
	s := nvmeReader(512*nvmeKiB, 32)
	d := NewNVMeDevice(nvmeQuiet(), 1)
	rate := SolveNVMe(nvmeQuiet(), []NVMeStream{s}).Streams[0].BytesPerSec
	long := d.Start(0, s, 15_000<<20)
	short := d.Start(0, s, 1500<<20)
	ids, at := nvmeDrain(t, d)
	require.Equal(t, []int{short, long}, ids)
	assert.InEpsilon(t, 2*1500*float64(nvmeMiB)/rate, float64(at[0])/1e9, 0.01)
	assert.InEpsilon(t, 16_500*float64(nvmeMiB)/rate, float64(at[1])/1e9, 0.01)
}

func TestNVMeCompletionOrder(t *testing.T) {
	d := NewNVMeDevice(nvmeQuiet(), 1)
	one := nvmeReader(128*nvmeKiB, 1)
	d.Start(0, one, 8*nvmeMiB)
	second := d.Start(0, one, 4*nvmeMiB)
	third := d.Start(0, one, 4*nvmeMiB)
	nothing := d.Start(0, one, 0)
	assert.Equal(t, []int{nothing}, d.Advance(0))
	assert.Empty(t, d.Advance(1000), "reported once")
	assert.Equal(t, []int{second, third, 1}, d.Advance(nvmeSecond), "equal times in the order of their start")
	_, ok := d.Next()
	assert.False(t, ok)
}

// Stop ends an endless stream, frees the drive and keeps what was moved.
func TestNVMeStop(t *testing.T) {
	p := nvmeQuiet()
	d := NewNVMeDevice(p, 1)
	fio := d.Start(0, nvmeFio(128), -1)
	_, ok := d.Next()
	assert.False(t, ok, "an endless stream has no completion")
	d.Stop(nvmeSecond, fio)
	atStop := d.Counters(nvmeSecond)
	later := d.Counters(5 * nvmeSecond)
	assert.Equal(t, atStop.SectorsRead, later.SectorsRead)
	assert.Equal(t, atStop.MSDoingIO, later.MSDoingIO)
	assert.Zero(t, later.InFlight)
	assert.Empty(t, d.Advance(5*nvmeSecond))

	want := SolveNVMe(p, []NVMeStream{nvmeFio(128)}).Streams[0]
	assert.InDelta(t, want.ReadIOPS, float64(atStop.ReadsCompleted), 1)
	assert.InDelta(t, want.WriteIOPS, float64(atStop.WritesCompleted), 1)
	assert.InDelta(t, want.ReadIOPS*want.ReadMeanNS/1e6, float64(atStop.MSReading), 1)
	assert.InDelta(t, want.WriteIOPS*want.WriteMeanNS/1e6, float64(atStop.MSWriting), 1)
	assert.InDelta(t, atStop.MSReading+atStop.MSWriting, atStop.MSWeighted, 1)
	assert.InDelta(t, 1000, float64(atStop.MSDoingIO), 4)
	d.Stop(6*nvmeSecond, fio) // a second time is nothing
}

// Fractions of stopped transfers add up: a thousand transfers stopped within an I/O count what they
// moved together.
func TestNVMeStoppedFractionsAccumulate(t *testing.T) {
	d := NewNVMeDevice(nvmeQuiet(), 1)
	s := nvmeReader(nvmeMiB, 1)
	rate := SolveNVMe(nvmeQuiet(), []NVMeStream{s}).Streams[0].BytesPerSec
	now := int64(0)
	for range 1000 {
		id := d.Start(now, s, -1)
		now += 10_000
		d.Stop(now, id)
	}
	assert.InDelta(t, rate*0.01/512, float64(d.Counters(now).SectorsRead), 1)
}

// Requests above 512 KiB are counted after the split, a short last I/O with what it has.
func TestNVMeCountsRequestsAfterTheSplit(t *testing.T) {
	for _, row := range []struct {
		name            string
		ioBytes, bytes  int64
		requests, sects uint64
	}{
		{"2 MiB blocks", 2 * nvmeMiB, 10 * nvmeMiB, 20, 20480},
		{"3.94 MB blocks (ajclark, 389 blocks)", 3_940_352, 389 * 3_940_352, 389 * 8, 389 * 7696},
		{"short last I/O", 2 * nvmeMiB, 5*nvmeMiB + 600*nvmeKiB, 8 + 2 + 2, 11440},
		{"smaller than one I/O", 2 * nvmeMiB, 700, 1, 2},
	} {
		t.Run(row.name, func(t *testing.T) {
			d := NewNVMeDevice(nvmeQuiet(), 1)
			d.Start(0, nvmeReader(row.ioBytes, 2), row.bytes)
			at, ok := d.Next()
			require.True(t, ok)
			before := d.Counters(at - 1)
			assert.LessOrEqual(t, before.ReadsCompleted, row.requests)
			assert.LessOrEqual(t, before.SectorsRead, row.sects)
			c := d.Counters(at)
			assert.Equal(t, row.requests, c.ReadsCompleted)
			assert.Equal(t, row.sects, c.SectorsRead)
		})
	}
}

// A blocking reader alone: its tasks are blocked exactly while its reads are in flight.
func TestNVMeStalledTime(t *testing.T) {
	d := NewNVMeDevice(nvmeQuiet(), 1)
	async := nvmeReader(128*nvmeKiB, 4)
	sync := async
	sync.Sync = true
	d.Start(0, async, -1)
	some, tasks := d.StalledNS(nvmeSecond)
	assert.Zero(t, some)
	assert.Zero(t, tasks)
	assert.Zero(t, d.Blocked(nvmeSecond))
	d.Stop(nvmeSecond, 1)
	d.Start(nvmeSecond, sync, -1)
	assert.InDelta(t, 4, d.Blocked(2*nvmeSecond), 1e-6)
	some, tasks = d.StalledNS(2 * nvmeSecond)
	assert.InEpsilon(t, 1e9, some, 1e-6)
	assert.InEpsilon(t, 4e9, tasks, 1e-6)

	sync.SoftwareNS, sync.Depth = 300_000, 1
	d = NewNVMeDevice(nvmeQuiet(), 1)
	d.Start(0, sync, -1)
	some, tasks = d.StalledNS(nvmeSecond)
	assert.InEpsilon(t, tasks, some, 0.02, "one task: some is its own time")
	assert.InDelta(t, 0.186e9, tasks, 0.01e9, "68 of 368 us")
}

// The background follows its rates and slows down with the load beside it.
func TestNVMeBackground(t *testing.T) {
	p := DefaultNVMeParams()
	d := NewNVMeDevice(p, 7)
	idle := d.Counters(1000 * nvmeSecond)
	assert.InDelta(t, 2000, float64(idle.ReadsCompleted), 4*45, "4 standard deviations of a Poisson count")
	assert.InDelta(t, 10_000, float64(idle.WritesCompleted), 4*100)
	assert.Equal(t, idle.ReadsCompleted*32, idle.SectorsRead)
	assert.InDelta(t, 0.060, float64(idle.MSReading)/float64(idle.ReadsCompleted), 0.003)
	assert.InDelta(t, float64(idle.MSWeighted), float64(idle.MSDoingIO), 8, "alone, each request is busy time")
	some, tasks := d.StalledNS(1000 * nvmeSecond)
	assert.InDelta(t, float64(idle.MSReading), float64(some)/1e6, 1, "its reads block a task, its writes do not")
	assert.Equal(t, some, tasks)

	loaded := SolveNVMe(p, []NVMeStream{nvmeFio(128)})
	assert.Greater(t, loaded.BackgroundReadNS, 2*SolveNVMe(p, nil).BackgroundReadNS)
	other := NewNVMeDevice(p, 8).Counters(1000 * nvmeSecond)
	assert.NotEqual(t, idle.ReadsCompleted, other.ReadsCompleted, "the seed matters")
}

// nvmeScript plays a fixed load, asking the device at the given times, and returns the completions and
// the counters at the end.
func nvmeScript(t *testing.T, seed uint64, asks []int64) (ids []int, end NVMeCounters, some, tasks int64) {
	t.Helper()
	p := DefaultNVMeParams()
	p.PausesPerSec, p.PauseMS, p.PauseSigma = 5, 8, 0.5
	d := NewNVMeDevice(p, seed)
	last := NVMeCounters{}
	ask := func(until int64) {
		for len(asks) > 0 && asks[0] <= until {
			ids = append(ids, d.Advance(asks[0])...)
			c := d.Counters(asks[0])
			assert.GreaterOrEqual(t, c.ReadsCompleted, last.ReadsCompleted)
			assert.GreaterOrEqual(t, c.SectorsRead, last.SectorsRead)
			assert.GreaterOrEqual(t, c.MSReading, last.MSReading)
			assert.GreaterOrEqual(t, c.WritesCompleted, last.WritesCompleted)
			assert.GreaterOrEqual(t, c.SectorsWritten, last.SectorsWritten)
			assert.GreaterOrEqual(t, c.MSWriting, last.MSWriting)
			assert.GreaterOrEqual(t, c.MSDoingIO, last.MSDoingIO)
			assert.GreaterOrEqual(t, c.MSWeighted, last.MSWeighted)
			last = c
			asks = asks[1:]
		}
	}
	kv := NVMeStream{ReadShare: 1, IOBytes: 512 * nvmeKiB, Depth: 4, SoftwareNS: 100_000, Sync: true}
	mixed := NVMeStream{ReadShare: 0.3, IOBytes: 100_000, Depth: 2}
	ask(1_234_567)
	d.Start(1_234_567, kv, 777<<20)
	ask(50_000_001)
	fio := d.Start(50_000_001, nvmeFio(16), -1)
	ask(123_456_789)
	d.Start(123_456_789, kv, 300<<20)
	d.Start(123_456_789, mixed, 99_999_999)
	ask(900_000_003)
	d.Stop(900_000_003, fio)
	ask(3 * nvmeSecond)
	ids = append(ids, d.Advance(3*nvmeSecond)...)
	some, tasks = d.StalledNS(3 * nvmeSecond)
	return ids, d.Counters(3 * nvmeSecond), some, tasks
}

// What the device does, and what its counters show, does not depend on when it is asked; asked at any
// time, its counters never go back.
func TestNVMeDoesNotDependOnPolling(t *testing.T) {
	for seed := range uint64(20) {
		ids, want, some, tasks := nvmeScript(t, seed, nil)
		require.Len(t, ids, 3)
		rng := rand.New(rand.NewPCG(seed, 0))
		var asks []int64
		for at := int64(0); at < 3*nvmeSecond; at += rng.Int64N(20_000_000) {
			asks = append(asks, at)
		}
		polledIDs, polled, polledSome, polledTasks := nvmeScript(t, seed, asks)
		assert.Equal(t, ids, polledIDs)
		assert.Equal(t, want, polled)
		assert.Equal(t, some, polledSome)
		assert.Equal(t, tasks, polledTasks)
	}
	_, a, _, _ := nvmeScript(t, 1, nil)
	_, b, _, _ := nvmeScript(t, 2, nil)
	assert.NotEqual(t, a, b)
}

// In a pause nothing moves and every request waits, which shows in the latency, the busy time and the
// stalled time.
func TestNVMePauses(t *testing.T) {
	const bytes = 4000 * 1 << 20
	s := nvmeReader(512*nvmeKiB, 8)
	s.Sync = true
	run := func(p NVMeParams) (at int64, c NVMeCounters, some int64) {
		d := NewNVMeDevice(p, 3)
		d.Start(0, s, bytes)
		_, all := nvmeDrain(t, d)
		some, _ = d.StalledNS(all[0])
		return all[0], d.Counters(all[0]), some
	}
	p := nvmeQuiet()
	clean, before, _ := run(p)
	p.PausesPerSec, p.PauseMS = 20, 10
	paused, after, some := run(p)

	extra := paused - clean
	pauses := (extra + 5_000_000) / 10_000_000
	require.Positive(t, pauses)
	assert.InDelta(t, pauses*10_000_000, extra, 2000, "whole pauses of 10 ms")
	assert.Equal(t, before.SectorsRead, after.SectorsRead)
	assert.InDelta(t, float64(before.MSReading)+float64(8*10*pauses), float64(after.MSReading), 2, "8 requests wait through each")
	assert.InDelta(t, float64(paused)/1e6, float64(after.MSDoingIO), 4)
	assert.InEpsilon(t, paused, some, 1e-6)
}

// In a pause Next still names a time, and Advance to it completes the transfer or Next has moved.
func TestNVMeNextDuringAPause(t *testing.T) {
	p := nvmeQuiet()
	p.PausesPerSec, p.PauseMS = 1000, 50
	d := NewNVMeDevice(p, 3)
	d.Advance(20_000_000) // within the first pause, or close to one
	d.Start(20_000_000, nvmeReader(128*nvmeKiB, 1), nvmeMiB)
	last := int64(0)
	for range 100 {
		next, ok := d.Next()
		require.True(t, ok)
		require.Greater(t, next, last)
		last = next
		if len(d.Advance(next)) == 1 {
			return
		}
	}
	require.Fail(t, "the transfer never completes")
}

// The in-flight gauge averages to the mean in flight and reads the same at the same time.
func TestNVMeInFlightGauge(t *testing.T) {
	s := nvmeReader(128*nvmeKiB, 2)
	s.SoftwareNS = 100_000
	d := NewNVMeDevice(nvmeQuiet(), 1)
	d.Start(0, s, -1)
	sum := 0.0
	const n = 4000
	for i := range int64(n) {
		at := i * 100_000_000
		gauge := d.Counters(at).InFlight
		require.Equal(t, gauge, d.Counters(at).InFlight)
		sum += float64(gauge)
	}
	assert.InDelta(t, SolveNVMe(nvmeQuiet(), []NVMeStream{s}).Streams[0].RequestsInFlight, sum/n, 0.04)
}

func TestNVMeDeviceRefusesMisuse(t *testing.T) {
	assert.Panics(t, func() { NewNVMeDevice(NVMeParams{}, 1) })
	d := NewNVMeDevice(nvmeQuiet(), 1)
	assert.Panics(t, func() { d.Start(0, NVMeStream{}, 1) })
	d.Advance(1000)
	assert.Panics(t, func() { d.Counters(999) })
}

// A 1.3 GB transfer beside fio, its mix solved before.
func BenchmarkNVMeTransfer(b *testing.B) {
	d := NewNVMeDevice(DefaultNVMeParams(), 1)
	d.Start(0, nvmeFio(128), -1)
	s := nvmeReader(512*nvmeKiB, 8)
	now := int64(0)
	transfer := func() {
		d.Start(now, s, 1_300_000_000)
		now, _ = d.Next()
		d.Advance(now)
	}
	transfer()
	b.ReportAllocs()
	for b.Loop() {
		transfer()
	}
}

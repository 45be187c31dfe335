package price

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/config"
	"sparkharness/harness/fio"
	"sparkharness/harness/load"
)

// parts are those of the machine that the hypotheses are about.
func parts(t *testing.T, stack string) (*config.Stack, *config.Twin) {
	t.Helper()
	folder, err := config.OpenFolder("../../configs")
	require.NoError(t, err)
	st, err := config.LoadStack(folder.Path(stack))
	require.NoError(t, err)
	twin, err := config.LoadTwin(folder, &config.World{World: "w"}, map[string]*config.Stack{st.Stack: st})
	require.NoError(t, err)
	return st, twin
}

func jobs(t *testing.T, name string) []fio.Job {
	t.Helper()
	path := "../../configs/fio/" + name + ".fio"
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	list, err := fio.Parse(path, b)
	require.NoError(t, err)
	return list
}

// What fio writes is what the comments of the job files say, and readers write nothing.
func TestFioWrites(t *testing.T) {
	_, twin := parts(t, "stackA_llama70b_baseline.yaml")
	d := newDrive(twin.Drive, twin.Machine)
	for _, tc := range []struct {
		job         string
		least, most float64 // bytes/s
	}{
		{"heavy", 0.14e9, 0.16e9}, {"moderate", 0.13e9, 0.16e9}, {"neighbours", 0, 0}, {"steady", 0, 0}, {"none", 0, 0},
	} {
		got := d.under(jobs(t, tc.job)).writes
		assert.GreaterOrEqual(t, got, tc.least, tc.job)
		assert.LessOrEqual(t, got, tc.most, tc.job)
	}
	// A writer is bound by what drains the cache, and one that thinks half of the time writes half as much.
	writer := fio.Job{BlockBytes: 1 << 20, IODepth: 32, NumJobs: 1}
	all := d.under([]fio.Job{writer}).writes
	assert.InEpsilon(t, 12.1e9, all, 0.1)
	writer.IOTime, writer.ThinkTime = time.Second, time.Second
	assert.InEpsilon(t, all/2, d.under([]fio.Job{writer}).writes, 1e-9)
}

// The loader reads at what the stack file says was measured, and slower beside fio.
func TestLoaderRate(t *testing.T) {
	_, twin := parts(t, "stackA_llama70b_baseline.yaml")
	d := newDrive(twin.Drive, twin.Machine)
	alone := d.reading(128<<10, 1, 220e-6, driveLoad{})
	assert.InEpsilon(t, 0.45e9, alone, 0.05)
	heavy := d.reading(128<<10, 1, 220e-6, d.under(jobs(t, "heavy")))
	assert.Less(t, heavy, alone/1.2)
	assert.Greater(t, heavy, alone/3)

	// What is let through bounds it, a loader that is slower anyhow does not notice.
	figure := func(v float64) *config.Figure[float64] { return &config.Figure[float64]{Value: v} }
	twin.Drive.Limits = &config.Limits{ReadIOPS: figure(1800), WriteIOPS: figure(100)}
	assert.InEpsilon(t, 1800*128<<10, newDrive(twin.Drive, twin.Machine).reading(128<<10, 1, 220e-6, driveLoad{}), 1e-9)
	twin.Drive.Limits = &config.Limits{ReadIOPS: figure(4000), Write: &config.Figure[config.Rate]{Value: 50e6}}
	d = newDrive(twin.Drive, twin.Machine)
	assert.InEpsilon(t, alone, d.reading(128<<10, 1, 220e-6, driveLoad{}), 1e-9)
	assert.InEpsilon(t, 50e6, d.under([]fio.Job{{BlockBytes: 1 << 20, IODepth: 32, NumJobs: 1}}).writes, 1e-9)
}

// A request alone takes its prompt at the published rate and a step for each further token. Where slots or device KV hold
// one, the second begins when the first has ended.
func TestRequestsTake(t *testing.T) {
	st, twin := parts(t, "stackA_llama70b_baseline.yaml")
	m, err := newModel(twin.Models[st.Model], twin.Engines[st.Engine], st.Runtime.KVDtype)
	require.NoError(t, err)
	const alone = 2048/1030. + 4/4.1 // s
	for _, tc := range []struct {
		name        string
		slots, pool int
		requests    int
		want        float64 // end of the last one, s
	}{
		{"one", 64, 1 << 20, 1, alone},
		// The first one's token takes a token of the second prompt's iteration, which so needs another.
		{"two in one batch", 64, 1 << 20, 2, 2*2048/1030. + 5/4.1},
		{"two, one slot", 1, 1 << 20, 2, 2 * alone},
		{"two, KV for one", 64, 4000, 2, 2 * alone},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := newEngine(st, m, newDrive(twin.Drive, twin.Machine), driveLoad{}, 100e9, load.NoncePerRequest)
			e.slots, e.pool = tc.slots, tc.pool
			for id := range tc.requests {
				e.Arrive(0, load.Ask{ID: id, Prompt: 2048, Output: 5})
			}
			var at time.Duration
			ended := 0
			for n := 0; ended < tc.requests; n++ {
				require.Less(t, n, 100)
				at = e.Next()
				ended += len(e.Advance(at))
			}
			assert.InEpsilon(t, tc.want, at.Seconds(), 0.03)
			assert.Equal(t, load.Never, e.Next())
			assert.Zero(t, e.held)
		})
	}
}

// A prefix is written when it is seen the second time, and only once; without a filter at once. What of a session's prompt
// is not carried on is never written.
func TestWhatIsWritten(t *testing.T) {
	newTiers := func(filter bool) *tiers {
		return &tiers{device: newTier(1000, "LRU"), host: newTier(1000, "LRU"), block: 10, filter: filter, disk: true, seen: map[int]int{}, stored: map[int]int{}}
	}
	k := newTiers(true)
	k.computed(1, 205, 205, 0)
	assert.Zero(t, k.written)
	k.computed(1, 205, 205, 0)
	assert.Equal(t, 200, k.written)
	k.computed(1, 205, 205, 0)
	assert.Equal(t, 200, k.written)

	k = newTiers(false)
	k.computed(1, 205, 205, 0)
	assert.Equal(t, 200, k.written)

	k = newTiers(true)
	k.computed(1, 0, 100, 0)  // 60 are carried on
	k.computed(1, 60, 150, 0) // 110 are
	k.computed(1, 110, 200, 0)
	assert.Equal(t, 110, k.written)
	assert.Equal(t, 200+40+40, k.device.used, "with what of the earlier prompts was not carried on")
}

// What was used longest ago goes first, its end before its start, and what is gone from device and host is on the NVMe.
func TestWhereAPrefixIs(t *testing.T) {
	k := &tiers{device: newTier(250, "LRU"), host: newTier(500, "LRU"), block: 10, filter: true, disk: true, seen: map[int]int{}, stored: map[int]int{}}
	for range 2 {
		for key := range 4 {
			k.computed(key, 200, 200, 0)
		}
	}
	assert.Equal(t, match{device: 190}, k.find(3, 200, 200), "a token is left to compute, so a block is")
	assert.Equal(t, match{device: 50, host: 140}, k.find(2, 200, 200))
	assert.Equal(t, match{host: 100, disk: 90}, k.find(1, 200, 200))
	assert.Equal(t, match{disk: 190}, k.find(0, 200, 200))
	assert.Equal(t, match{}, k.find(9, 200, 200))
}

// Of tiers that go by the order of arrival, use changes nothing.
func TestFIFO(t *testing.T) {
	for policy, first := range map[string]int{"FIFO": 0, "LRU": 1} {
		k := newTier(20, policy)
		k.put(0, 10, 0)
		k.put(1, 10, 0)
		k.put(0, 10, 0)
		k.put(2, 10, 0)
		assert.Zero(t, k.has(first), policy)
		assert.Equal(t, 20, k.used)
	}
}

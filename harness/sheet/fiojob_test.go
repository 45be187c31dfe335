package sheet

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/config"
)

func job(t *testing.T, r *Run, o FioOptions) string {
	t.Helper()
	var b strings.Builder
	require.NoError(t, r.FioJob(&b, o))
	return b.String()
}

func TestFioJob(t *testing.T) {
	o := FioOptions{Dir: "/mnt/nvme/try", Runtime: 90 * time.Second}
	text := job(t, onDrive(), o)
	head, body, found := strings.Cut(text, "\n\n[global]\n")
	require.True(t, found)
	for line := range strings.Lines(head) {
		assert.True(t, strings.HasPrefix(line, "#"), line)
	}
	assert.Contains(t, head, "# The tier-2 I/O of run h4b-disk, arm fio=none, under its measured load.\n")
	assert.Contains(t, head, "# Size of reads: 128 KiB, as they were made, over whole cells; in flight: 1, as configured.\n")
	assert.Contains(t, head, "# Size of writes: 128 KiB, as configured: the run does not tell those that were made; in flight: 1, as configured.\n")
	assert.Contains(t, head, "the file has 2GiB where tier 2 has 2GiB")
	assert.Equal(t, `directory=/mnt/nvme/try
filename=sparkharness-tier2.dat
size=2147483648
direct=1
ioengine=psync
thread=1
norandommap=1
refill_buffers=1
time_based=1
runtime=90
group_reporting=1
percentile_list=50:95:99:99.9:99.99

[tier2-reads]
rw=randread:32
bs=131072
iodepth=1
numjobs=1
rate=6710886

[tier2-writes]
rw=randwrite:32
bs=131072
iodepth=1
numjobs=1
rate=12500000
`, body)

	// A loader of threads, whose I/Os are no whole pages on average, and which writes nothing.
	r := onDrive()
	r.Arms[0].Stack.Dynamo.Offload = &config.Offload{Manager: config.OffloadFS, ReadThreads: 8}
	r.Arms[0].Measure.AppWrite = new(0.0)
	r.Arms[0].Cells[0].Info.Storage.Reads.Bytes *= 0.81
	_, body, _ = strings.Cut(job(t, r, o), "\n\n[global]\n")
	assert.Contains(t, body, "rw=randread:35\nbs=118784\niodepth=1\nnumjobs=8\nrate=838860\n")
	assert.NotContains(t, body, "tier2-writes")
	o.Engine = "libaio"
	_, body, _ = strings.Cut(job(t, r, o), "\n\n[global]\n")
	assert.Contains(t, body, "ioengine=libaio\n")
	assert.Contains(t, body, "iodepth=8\nnumjobs=1\nrate=6710886\n")
}

func TestFioJobRefuses(t *testing.T) {
	var b strings.Builder
	good := FioOptions{Dir: "/mnt/nvme/try", Runtime: time.Minute}
	for dir, want := range map[string]string{
		"":             "name the folder that fio's files are to lie in",
		"relative":     "is no absolute path",
		"/a\nb":        "has a",
		"/a:b":         "has a ':'",
		"/a/../dev":    "write the folder out",
		"/":            "write the folder out, without .. and not the root",
		"/dev":         "holds the kernel's files",
		"/dev/nvme0n1": "holds the kernel's files",
		"/proc/self":   "holds the kernel's files",
	} {
		o := good
		o.Dir = dir
		require.ErrorContains(t, onDrive().FioJob(&b, o), want, dir)
	}

	o := good
	o.Arm = "fio=heavy"
	require.ErrorContains(t, onDrive().FioJob(&b, o), `run h4b-disk has no arm "fio=heavy": there are fio=none`)
	o = good
	o.Size = 1 << 20
	require.ErrorContains(t, onDrive().FioJob(&b, o), "--size 1MiB is less than a KV block of 4MiB: give more")

	r := onDrive()
	r.Arms[0].Measure.KVRead, r.Arms[0].Measure.KVWritten = new(0.0), new(0.0)
	err := r.FioJob(&b, good)
	require.ErrorIs(t, err, ErrNoTier2, "what the server reads besides is none of tier 2")
	require.ErrorContains(t, err, "take one of a stack with a tier 2, such as H2B or H4B")
	assert.NotContains(t, err.Error(), "\n")
	o = good
	o.Arm = "fio=none"
	require.ErrorContains(t, r.FioJob(&b, o), "take another arm")

	r = onDrive()
	r.Arms[0].Stack.Dynamo = nil
	require.ErrorIs(t, r.FioJob(&b, good), ErrNoTier2)
	for _, run := range []string{"h0", "h4a", "h7"} {
		require.ErrorIs(t, read(t, recorded+"/"+run).FioJob(&b, good), ErrNoTier2, run)
	}
	assert.Empty(t, b.String(), "half a job is none")
}

// By the KV manager's account where the run has no other, and the busiest arm of several.
func TestFioJobOfRecordedRun(t *testing.T) {
	r := read(t, recorded+"/h4b")
	o := FioOptions{Dir: "/mnt", Runtime: time.Minute}
	text := job(t, r, o)
	a, err := r.busiest("")
	require.NoError(t, err)
	assert.Contains(t, text, "arm "+a.Name()+", under")
	sum := func(a *Arm) float64 {
		read, written := a.tier2()
		return *read + *written
	}
	require.Len(t, r.Arms, 2)
	for _, other := range r.Arms {
		assert.LessOrEqual(t, sum(other), sum(a))
	}
	a.Measure.AppRead, a.Measure.AppWrite = nil, nil
	o.Arm = a.Name()
	text = job(t, r, o)
	assert.Contains(t, text, "[tier2-reads]\nrw=randread:80\nbs=131072\n")
}

package fio

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const configs = "../../configs/fio"

// plain is the least that a job can say.
var plain = Job{Name: "a", RW: "read", ReadShare: 1, BlockBytes: 4096, IODepth: 1, NumJobs: 1, IOEngine: "psync", Direct: true}

// with is plain with one thing changed.
func with(change func(*Job)) []Job {
	j := plain
	change(&j)
	return []Job{j}
}

// good are files with their jobs; what is accepted here must be so by fio too.
var good = map[string]struct {
	text string
	want []Job
}{
	"defaults":        {"[a]\ndirect=1\n", []Job{plain}},
	"no jobs":         {"; a comment\n\n  # another\n", nil},
	"empty":           {"", nil},
	"global alone":    {"[global]\nbs=8k\n", nil},
	"comments":        {"[a] ; the job\n  direct=1 ; not buffered\n#bs=8k\nbs=16k# here\n", with(func(j *Job) { j.BlockBytes = 16 << 10 })},
	"blanks":          {"\t[a]\r\n direct = 1\r\n bs\t=  16k \r\n", with(func(j *Job) { j.BlockBytes = 16 << 10 })},
	"no last newline": {"[a]\ndirect=1\nbs=8k", with(func(j *Job) { j.BlockBytes = 8 << 10 })},
	"size lower":      {"[a]\ndirect=1\nbs=1m\n", with(func(j *Job) { j.BlockBytes = 1 << 20 })},
	"size upper":      {"[a]\ndirect=1\nbs=1M\nsize=2G\n", with(func(j *Job) { j.BlockBytes, j.Size = 1<<20, 2<<30 })},
	"size with b":     {"[a]\ndirect=1\nbs=16KB\nsize=65536b\n", with(func(j *Job) { j.BlockBytes, j.Size = 16<<10, 65536 })},
	"times": {"[a]\ndirect=1\nruntime=90\n[b]\ndirect=1\ntimeout=5M\n[c]\ndirect=1\nruntime=500ms\n", []Job{
		with(func(j *Job) { j.Runtime = 90 * time.Second })[0],
		with(func(j *Job) { j.Name, j.Runtime = "b", 5*time.Minute })[0],
		with(func(j *Job) { j.Name, j.Runtime = "c", 500*time.Millisecond })[0]}},
	"bare keys":     {"[a]\ndirect=1\nthread\ntime_based\ngroup_reporting\nnorandommap\n", with(func(j *Job) { j.Thread, j.TimeBased = true, true })},
	"bare keys off": {"[global]\nthread\n[a]\ndirect=1\nthread=0\n", []Job{plain}},
	"inherited": {"[global]\ndirect=1\nbs=8k\n[a]\n[global]\nbs=16k\n[b]\nbs=32k\n[c]\n", []Job{
		with(func(j *Job) { j.BlockBytes = 8 << 10 })[0],
		with(func(j *Job) { j.Name, j.BlockBytes = "b", 32<<10 })[0],
		with(func(j *Job) { j.Name, j.BlockBytes = "c", 16<<10 })[0]}},
	"a name that begins with global": {"[globals]\nbs=8k\n[a]\ndirect=1\n", with(func(j *Job) { j.BlockBytes = 8 << 10 })},
	"case of global":                 {"[Global]\ndirect=1\n", with(func(j *Job) { j.Name = "Global" })},
	"name with a blank":              {"[a b]\ndirect=1\n", with(func(j *Job) { j.Name = "a b" })},
	"named":                          {"[a]\ndirect=1\nname=z\n", with(func(j *Job) { j.Name = "z" })},
	"last one counts":                {"[a]\ndirect=0\ndirect=1\nbs=8k\nbs=4k\n", []Job{plain}},
	"not buffered":                   {"[a]\nbuffered=0\n", []Job{plain}},
	"aliases": {"[a]\ndirect=1\nreadwrite=readwrite\nblocksize=8k\n",
		with(func(j *Job) { j.RW, j.ReadShare, j.BlockBytes = "rw", 0.5, 8<<10 })},
	"write":           {"[a]\ndirect=1\nrw=write\nrwmixread=70\n", with(func(j *Job) { j.RW, j.ReadShare = "write", 0 })},
	"randread":        {"[a]\ndirect=1\nrw=randread\nrwmixread=70\n", with(func(j *Job) { j.RW = "randread" })},
	"mix":             {"[a]\ndirect=1\nrw=randrw\n", with(func(j *Job) { j.RW, j.ReadShare = "randrw", 0.5 })},
	"mix of reads":    {"[a]\ndirect=1\nrwmixread=70\nrw=randrw\n", with(func(j *Job) { j.RW, j.ReadShare = "randrw", 0.7 })},
	"mix of writes":   {"[a]\ndirect=1\nrw=rw\nrwmixwrite=70\n", with(func(j *Job) { j.RW, j.ReadShare = "rw", 0.3 })},
	"latter mix":      {"[a]\ndirect=1\nrw=randrw\nrwmixwrite=40\nrwmixread=70\n", with(func(j *Job) { j.RW, j.ReadShare = "randrw", 0.7 })},
	"inherited mix":   {"[global]\nrwmixread=70\ndirect=1\n[a]\nrw=randrw\n", with(func(j *Job) { j.RW, j.ReadShare = "randrw", 0.7 })},
	"queue":           {"[a]\ndirect=1\nioengine=libaio\niodepth=32\nnumjobs=4\n", with(func(j *Job) { j.IOEngine, j.IODepth, j.NumJobs = "libaio", 32, 4 })},
	"queue of a ring": {"[a]\ndirect=1\nioengine=io_uring\niodepth=8\n", with(func(j *Job) { j.IOEngine, j.IODepth = "io_uring", 8 })},
	"sync engine":     {"[a]\ndirect=1\nioengine=pvsync2\niodepth=32\nnumjobs=4\n", with(func(j *Job) { j.IOEngine, j.NumJobs = "pvsync2", 4 })},
	"default engine":  {"[a]\ndirect=1\niodepth=32\n", []Job{plain}},
	"thinks": {"[a]\ndirect=1\nthinktime_iotime=12s\nthinktime=25s\nthinktime_spin=10s\n",
		with(func(j *Job) { j.IOTime, j.ThinkTime, j.SpinTime = 12*time.Second, 25*time.Second, 10*time.Second })},
	"thinks asleep": {"[a]\ndirect=1\nthinktime=20ms\nthinktime_iotime=500ms\n",
		with(func(j *Job) { j.IOTime, j.ThinkTime = 500*time.Millisecond, 20*time.Millisecond })},
	"thinks in default units": {"[global]\nthinktime=1500\nthinktime_spin=1500\n[a]\ndirect=1\nthinktime_iotime=3\n",
		with(func(j *Job) {
			j.IOTime, j.ThinkTime, j.SpinTime = 3*time.Second, 1500*time.Microsecond, 1500*time.Microsecond
		})},
	"file": {"[a]\ndirect=1\nfilename=x.dat\ndirectory=/mnt/nvme\nsize=8g\n",
		with(func(j *Job) { j.Filename, j.Directory, j.Size = "x.dat", "/mnt/nvme", 8<<30 })},
	"file in a folder": {"[a]\ndirect=1\nfilename=sub/x..dat\ndirectory=./nvme\n",
		with(func(j *Job) { j.Filename, j.Directory = "sub/x..dat", "./nvme" })},
	"more that is printed": {"[a]\ndirect=1\nwrite_hist_log=heavy\nwrite_bw_log=logs/heavy\nlog_hist_msec=500\nnew_group\ndisk_util=0\n", []Job{plain}},
	"no matter for the load": {"[a]\ndirect=1\ndescription=what it is for\nrandrepeat=0\nunlink=1\ninvalidate=1\nramp_time=5s\nrandom_distribution=random\n" +
		"filename_format=$jobname.$jobnum\noffset=1g\nlog_avg_msec=100\n", []Job{plain}},
}

func TestParse(t *testing.T) {
	for name, tt := range good {
		t.Run(name, func(t *testing.T) {
			got, err := Parse("j.fio", []byte(tt.text))
			require.NoError(t, err)
			assert.Equal(t, tt.want, got)
		})
	}
}

// Every fault names the file, the line and the option, and says what to do.
func TestParseRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"[a]\ndirect=1\nrate_iops=100\n":                         "j.fio:3: rate_iops: the simulated machine's jobs submit as fast as they are answered, without a rate limit: remove it",
		"[a]\nbs=16k\n":                                          `j.fio:1: direct: job "a" is buffered, which is fio's default; the page cache between fio and the drive is not modelled: set direct=1`,
		"[a]\ndirect=0\n":                                        `set direct=1`,
		"[a]\nbuffered=1\n":                                      `set direct=1`,
		"bs=4k\n[a]\ndirect=1\n":                                 "j.fio:1: bs: stands before the first section: put it below [global] or below a [name]",
		"[a]\ndirect=1\nBS=4k\n":                                 "j.fio:3: BS: unknown option (fio writes it bs); correct it",
		"[a]\ndirect=1\nblock=4k\n":                              "j.fio:3: block: unknown option; correct it",
		"[a]\ndirect=1\n=4k\n":                                   `j.fio:3: "": unknown option`,
		"[a]\ndirect\n":                                          "j.fio:2: direct: needs a value, for example direct=1",
		"[a]\ndirect=1\nbs=\n":                                   "j.fio:3: bs: has no value after =, for example bs=16k",
		"[a]\ndirect=1\nbs=16ki\n":                               "leave the i out, k is 1024, for example bs=16k",
		"[a]\ndirect=1\nbs=1.5k\n":                               `j.fio:3: bs: must be a whole number with k, m, g, t or p behind it, or nothing for bytes, not "1.5k"`,
		"[a]\ndirect=1\nbs=0x4000\n":                             "must be a whole number",
		"[a]\ndirect=1\nbs=-4k\n":                                "must be a whole number",
		"[a]\ndirect=1\nbs=9999999p\n":                           "must be a whole number",
		"[a]\ndirect=1\nbs=k\n":                                  "must be a whole number",
		"[a]\ndirect=1\nbs=0\n":                                  "direct I/O needs whole sectors of 512 bytes",
		"[a]\ndirect=1\nbs=100\n":                                "direct I/O needs whole sectors of 512 bytes",
		"[a]\ndirect=1\nbs=16k,8k\n":                             "all I/Os of a simulated job have one size",
		"[a]\ndirect=1\nsize=50%\n":                              "give bytes",
		"[a]\ndirect=1\nsize=0\n":                                "must be above 0",
		"[a]\ndirect=1\nrw=RandRW\n":                             "must be read, randread, write, randwrite, rw, readwrite or randrw",
		"[a]\ndirect=1\nrw=randrw:8\n":                           "must be read, randread",
		"[a]\ndirect=1\nrw=trim\n":                               "trims, which is not modelled",
		"[a]\ndirect=1\nrwmixread=101\n":                         "must be a whole percentage from 0 to 100",
		"[a]\ndirect=1\niodepth=0\n":                             "must be a whole number from 1 to 1024",
		"[a]\ndirect=1\nnumjobs=4 4\n":                           "must be a whole number from 1 to 256",
		"[a]\ndirect=yes\n":                                      "j.fio:2: direct: must be 0 or 1",
		"[a]\ndirect=1\nthread=x\n":                              "must be 0 or 1",
		"[a]\ndirect=1\nruntime=0\n":                             "must be a whole number above 0",
		"[a]\ndirect=1\nruntime=5w\n":                            "must be a whole number above 0",
		"[a]\ndirect=1\nruntime=5sm\n":                           "must be a whole number above 0",
		"[a]\ndirect=1\nruntime=4294967295d\n":                   "is too long",
		"[a]\ndirect=1\nioengine=mmap\n":                         "must be one of io_uring, libaio, psync, pvsync, pvsync2, sync, vsync, not",
		"[a]\ndirect=1\nrandom_distribution=zipf:1\n":            "the simulated drive knows no addresses",
		"[a]\ndirect=1\nfilename=${DIR}/x\n":                     "depends on variables of the machine",
		"[a\ndirect=1\n":                                         `j.fio:1: "[a" is no section header`,
		"[]\ndirect=1\n":                                         "is no section header",
		"[a]b\ndirect=1\n":                                       "is no section header",
		"[a]\ndirect=1\nstonewall\n":                             "all jobs of a file begin at once",
		"[a]\ndirect=1\nfsync=1\n":                               "flushes are not modelled",
		"[a]\ndirect=1\nbssplit=4k/50:8k/50\n":                   "all I/Os of a simulated job have one size",
		"[a]\ndirect=1\nzonemode=zbd\n":                          "no addresses",
		"[a]\ndirect=1\niodepth_batch=4\n":                       "keeps its queue full",
		"include other.fio\n[a]\ndirect=1\n":                     "before the first section",
		"[a]\ndirect=1\nioengine=libaio\nbs=16m\niodepth=1024\n": `j.fio:1: iodepth: job "a" has 16384 MiB in flight`,

		"[a]\ndirect=1\nthinktime=10\n":                                            `j.fio:1: thinktime: job "a" thinks after each I/O; the simulated machine's jobs think by time: set thinktime_iotime`,
		"[a]\ndirect=1\nthinktime=9\nthinktime_spin=9\n":                           "thinks after each I/O",
		"[a]\ndirect=1\nthinktime_iotime=10\n":                                     `j.fio:1: thinktime_iotime: job "a" does not think, so that this has no effect: set thinktime`,
		"[a]\ndirect=1\nthinktime_spin=10\n":                                       `j.fio:1: thinktime_spin: job "a" does not think, so that this has no effect: set thinktime`,
		"[a]\ndirect=1\nthinktime_blocks=10\n":                                     "j.fio:3: thinktime_blocks: the simulated machine's jobs think by time (thinktime_iotime), not by blocks: remove it",
		"[a]\ndirect=1\nthinktime=0\n":                                             `j.fio:3: thinktime: must be a whole number above 0 with us, ms, s, m, h or d behind it, or nothing for us, not "0", for example thinktime=25s`,
		"[a]\ndirect=1\nthinktime_iotime=x\n":                                      `or nothing for s, not "x"`,
		"[a]\ndirect=1\nthinktime=1h\n":                                            "must be 2147s at most, because fio counts microseconds in 31 bits",
		"[a]\ndirect=1\nthinktime_iotime=3\nthinktime=2s\nthinktime_spin=2001ms\n": `j.fio:1: thinktime_spin: job "a" spins for 2001000us of a thinktime of 2s: lower it`,
	} {
		t.Run(strings.ReplaceAll(text, "\n", "|"), func(t *testing.T) {
			jobs, err := Parse("j.fio", []byte(text))
			require.ErrorContains(t, err, want)
			assert.Nil(t, jobs)
			var faults Faults
			require.ErrorAs(t, err, &faults)
			assert.Len(t, faults, 1, "one fault, no consequences of it")
		})
	}
}

// All faults of a file come at once, in the order of its lines; a fault in [global] is not repeated for
// each job.
func TestParseTellsAllFaults(t *testing.T) {
	_, err := Parse("j.fio", []byte("[global]\nrate=1m\nbs=x\n[a]\niodepth=0\n[b]\n[c\nnumjobs=-1\n[d]\n"))
	var faults Faults
	require.ErrorAs(t, err, &faults)
	var at []string
	for _, f := range faults {
		at = append(at, fmt.Sprint(f.Line, f.Option))
	}
	assert.Equal(t, []string{"2rate", "3bs", "5iodepth", "7", "8numjobs"}, at)
	assert.Len(t, strings.Split(err.Error(), "\n"), 5)
}

func TestLoad(t *testing.T) {
	_, err := Load(filepath.Join(t.TempDir(), "x.fio"))
	require.ErrorIs(t, err, os.ErrNotExist)
	assert.ErrorContains(t, err, "no such job file")
}

// The committed arms: nothing, 16 and 128 I/Os in flight of the same mix.
func TestCommittedProfiles(t *testing.T) {
	load := func(name string) []Job {
		jobs, err := Load(filepath.Join(configs, name+".fio"))
		require.NoError(t, err)
		return jobs
	}
	assert.Empty(t, load("none"))
	heavy := Job{Name: "heavy", RW: "randrw", ReadShare: 0.99, BlockBytes: 16 << 10, IODepth: 32, NumJobs: 4, IOEngine: "libaio", Direct: true,
		Thread: true, Filename: "sparkharness-fio.dat", Size: 8 << 30, Runtime: 4 * time.Hour, TimeBased: true}
	assert.Equal(t, []Job{heavy}, load("heavy"))
	assert.Equal(t, 128, heavy.InFlight())
	assert.False(t, heavy.Sync())
	assert.Equal(t, "heavy: rw=randrw rwmixread=99 bs=16384 iodepth=32 numjobs=4 ioengine=libaio", heavy.String())
	moderate := heavy
	moderate.Name, moderate.IODepth, moderate.NumJobs = "moderate", 32, 2
	assert.Equal(t, []Job{moderate}, load("moderate"))
	little := heavy
	little.Name, little.Size = "heavy_1g", 1<<30
	assert.Equal(t, []Job{little}, load("heavy_1g"))
	files, err := filepath.Glob(configs + "/*")
	require.NoError(t, err)
	assert.Len(t, files, 11, "every committed profile is looked at here and below")
}

// Programs that read and compute now and then, and write nothing: three tasks that block, in cycles that meet
// again only after 37 x 43 s.
func TestCommittedNeighbours(t *testing.T) {
	jobs, err := Load(filepath.Join(configs, "neighbours.fio"))
	require.NoError(t, err)
	indexer := Job{Name: "indexer", RW: "randread", ReadShare: 1, BlockBytes: 256 << 10, IODepth: 1, NumJobs: 2, IOEngine: "psync", Direct: true,
		Thread: true, Filename: "sparkharness-fio.dat", Size: 8 << 30, Runtime: 4 * time.Hour, TimeBased: true,
		IOTime: 12 * time.Second, ThinkTime: 25 * time.Second, SpinTime: 10 * time.Second}
	backup := indexer
	backup.Name, backup.NumJobs = "backup", 1
	backup.IOTime, backup.ThinkTime, backup.SpinTime = 7*time.Second, 36*time.Second, 5*time.Second
	assert.Equal(t, []Job{indexer, backup}, jobs)
	assert.Equal(t, "indexer: rw=randread bs=262144 iodepth=1 numjobs=2 ioengine=psync thinktime_iotime=12s thinktime=25s thinktime_spin=10s", jobs[0].String())
	assert.Contains(t, with(func(j *Job) { j.IOTime, j.ThinkTime = 1500*time.Millisecond, time.Second })[0].String(), " thinktime_iotime=1500000us thinktime=1s")
}

// One task that reads a fifth of the time, in pieces much shorter than a window.
func TestCommittedSteadyReader(t *testing.T) {
	want := Job{Name: "steady", RW: "read", ReadShare: 1, BlockBytes: 128 << 10, IODepth: 1, NumJobs: 1, IOEngine: "psync", Direct: true,
		Thread: true, Filename: "sparkharness-fio.dat", Size: 8 << 30, Runtime: 4 * time.Hour, TimeBased: true,
		IOTime: 100 * time.Millisecond, ThinkTime: 400 * time.Millisecond}
	jobs, err := Load(filepath.Join(configs, "steady.fio"))
	require.NoError(t, err)
	assert.Equal(t, []Job{want}, jobs)
	for _, rest := range []int{459, 554, 583, 739, 1206} { // near a threshold of H7
		want.IOTime, want.ThinkTime = 10*time.Millisecond, time.Duration(rest)*time.Millisecond
		jobs, err := Load(filepath.Join(configs, fmt.Sprintf("steady_%d.fio", rest)))
		require.NoError(t, err)
		assert.Equal(t, []Job{want}, jobs)
	}
}

func FuzzParse(f *testing.F) {
	for _, tt := range good {
		f.Add([]byte(tt.text))
	}
	f.Add([]byte("[a\nbs=16ki\n[global]\nrate=1\nrwmixwrite=3\niodepth=9\n[]"))
	f.Fuzz(func(t *testing.T, text []byte) {
		jobs, err := Parse("j.fio", text)
		if err != nil {
			var faults Faults
			require.ErrorAs(t, err, &faults)
			require.NotEmpty(t, faults)
			assert.Nil(t, jobs)
			lines := strings.Count(string(text), "\n") + 1
			for i, fault := range faults {
				assert.True(t, fault.Line >= 1 && fault.Line <= lines, "%v", fault)
				assert.True(t, i == 0 || faults[i-1].Line <= fault.Line)
				assert.NotContains(t, fault.String(), "\n")
				assert.NotEmpty(t, fault.Problem)
			}
			return
		}
		for _, j := range jobs {
			assert.NotEmpty(t, j.Name)
			assert.True(t, j.Direct)
			assert.True(t, j.ReadShare >= 0 && j.ReadShare <= 1)
			assert.True(t, j.BlockBytes >= 512 && j.BlockBytes%512 == 0)
			assert.True(t, j.IODepth >= 1 && j.NumJobs >= 1 && j.Size >= 0 && j.Runtime >= 0)
			assert.True(t, !j.Sync() || j.IODepth == 1)
			assert.True(t, (j.IOTime > 0) == (j.ThinkTime > 0) && j.SpinTime >= 0 && j.SpinTime <= j.ThinkTime)
			assert.LessOrEqual(t, int64(j.InFlight())*j.BlockBytes, int64(mostInFlight))
			assert.Contains(t, Engines, j.IOEngine)
		}
	})
}

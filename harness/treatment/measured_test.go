package treatment

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/disk"
)

// brief is a job that ends by itself, on a small file.
const brief = "[global]\nioengine=psync\ndirect=1\nthread\ntime_based\nruntime=1s\nfilename=load.dat\nsize=4m\ngroup_reporting\n[one]\nrw=randread\nbs=128k\n"

// ending is a program that is called as fio is, says something and ends by itself.
func ending(t *testing.T, said string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "fio")
	require.NoError(t, os.WriteFile(path, []byte("#!/bin/sh\ncase $1 in --enghelp=*) exit 0;; esac\ncat >/dev/null\n"+said), 0o755))
	return path
}

// runFor is a document of a job that read for so many ms.
func runFor(ms, jobError string) string {
	return `cat <<'END'
{ "fio version" : "fio-0", "timestamp_ms" : 1000, "jobs" : [ { "jobname" : "one", "error" : ` + jobError + `, "sys_cpu" : 5.000000,
    "read" : { "io_bytes" : 262144000, "total_ios" : 2000, "runtime" : ` + ms + `, 
      "clat_ns" : { "N" : 2000, "mean" : 450000, "percentile" : { "50.000000" : 400000, "99.000000" : 900000 } } },
    "write" : { "io_bytes" : 0, "total_ios" : 0, "runtime" : 0, "clat_ns" : { "N" : 0, "mean" : 0.0 } } } ] }
END
`
}

// A measurement is what fio says of itself over its own time, or an error; the process and, in the end, the file are gone.
func TestMeasure(t *testing.T) {
	for name, tc := range map[string]struct{ said, text, want string }{
		"well":              {said: runFor("500", "0") + runFor("1000", "0")},
		"fails":             {said: runFor("1000", "28") + "exit 1", want: `fio job "one" failed: error 28: no space left on device`},
		"dies":              {said: "echo 'fio: engine psync not loadable' >&2; exit 1", want: `fio one: exit status 1 (it said "fio: engine psync not loadable")`},
		"says nothing":      {said: "echo bye", want: `fio one printed no figures of one group (it said "bye")`},
		"is cut off":        {said: runFor("1000", "0") + `echo '{ "jobs" : ['`, want: "fio's last figures are cut off"},
		"ends at once":      {said: runFor("100", "0"), want: "fio one was to run for 1s, and its figures are of less than half of that"},
		"is two jobs":       {text: brief + "[two]\nrw=write\n", want: "one.fio has 2 jobs: a measurement is one"},
		"is none":           {text: "; nothing\n", want: "one.fio has 0 jobs: a measurement is one"},
		"leads elsewhere":   {text: strings.Replace(brief, "load.dat", "/dev/vda", 1), want: "is an absolute name: of a device"},
		"goes on and on":    {said: "trap '' INT\nsleep 60 >/dev/null 2>&1 &\nwait", want: "fio one did not end 500ms after its runtime of 1s, and was ended"},
		"would take a pass": {text: strings.Replace(brief, "time_based", "", 1), want: "would end after one pass"},
	} {
		t.Run(name, func(t *testing.T) {
			tr, _, _ := treating(t, func(o *Options) {
				o.Fio, o.Showing, o.GraceToEnd = ending(t, tc.said), 20*time.Second, time.Second
				if strings.HasPrefix(name, "goes on") {
					o.Showing = 500 * time.Millisecond
				}
			})
			text := tc.text
			if text == "" {
				text = brief
			}
			got, err := tr.Measure(t.Context(), "one", text)
			assert.Nil(t, tr.fioRuns)
			if tc.want != "" {
				require.ErrorContains(t, err, tc.want)
				assert.Nil(t, got)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, &Measured{Version: "fio-0", Read: &Rate{Seconds: 1, IOs: 2000, Bytes: 262144000, MeanUS: 450, P50US: new(400.), P99US: new(900.), KernelUS: 25}}, got)
			assert.InDelta(t, 2000, got.Read.IOPS(), 0)
			assert.InDelta(t, 262144000, got.Read.BytesPerSec(), 0)
		})
	}
}

// An interrupt ends fio, and the error is the interrupt.
func TestInterruptedMeasurement(t *testing.T) {
	tr, dir, _ := treating(t, func(o *Options) {
		o.Fio = ending(t, "echo $$ > \"$(echo $4 | cut -d= -f2)/pid\"\nexec sleep 60 >/dev/null 2>&1")
	})
	cause := errors.New("asked to")
	ctx, cancel := context.WithCancelCause(t.Context())
	pid := make(chan int, 1)
	go func() {
		defer cancel(cause)
		for t.Context().Err() == nil {
			if found, _ := filepath.Glob(dir + "/sparkharness-load-*/pid"); len(found) == 1 {
				text, _ := os.ReadFile(found[0])
				if n, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil {
					pid <- n
					return
				}
			}
			time.Sleep(10 * time.Millisecond)
		}
	}()
	_, err := tr.Measure(ctx, "one", strings.Replace(brief, "runtime=1s", "runtime=1h", 1))
	require.ErrorIs(t, err, cause)
	require.Nil(t, tr.fioRuns)
	_, runs := disk.OwnerOf(<-pid)
	assert.False(t, runs)
}

// The real fio, for a second.
func TestRealMeasurement(t *testing.T) {
	needFio(t)
	tr, _, told := treating(t, nil)
	read, err := tr.Measure(t.Context(), "one", brief)
	require.NoError(t, err)
	write, err := tr.Measure(t.Context(), "one", strings.Replace(brief, "randread", "randwrite", 1))
	require.NoError(t, err)
	assert.Nil(t, read.Write)
	assert.Nil(t, write.Read)
	for _, r := range []*Rate{read.Read, write.Write} {
		assert.InDelta(t, 1, r.Seconds, 0.2)
		assert.InDelta(t, r.Bytes, r.IOs*(128<<10), 1)
		require.NotNil(t, r.P50US)
		assert.LessOrEqual(t, *r.P50US, *r.P99US)
		assert.GreaterOrEqual(t, r.KernelUS, 0.0) // the kernel tells it by ticks
		assert.Less(t, r.KernelUS, r.MeanUS)
		assert.InDelta(t, 1e6/r.MeanUS, r.IOPS(), 0.35e6/r.MeanUS, "one at a time")
	}
	assert.Equal(t, 1, strings.Count(told.String(), "wrote "), "laid out once")
}

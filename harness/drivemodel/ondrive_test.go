package drivemodel

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/drive"
)

// bench is a folder on a drive, and options that keep the journal elsewhere.
func onBench(t *testing.T, fio string) (dir string, o Options, told *bytes.Buffer) {
	t.Helper()
	dir, told = t.TempDir(), &bytes.Buffer{}
	if _, err := drive.Of(dir, drive.Here()); errors.Is(err, drive.ErrNoDrive) {
		t.Skipf("NOT TESTED ON A REAL DRIVE: %v: set TMPDIR to a folder on one", err)
	}
	o = Options{Out: told, Journal: filepath.Join(t.TempDir(), "state"), Fio: fio, File: 4 << 20}
	t.Cleanup(func() {
		for _, left := range []string{dir, o.Journal} {
			entries, err := os.ReadDir(left)
			require.NoError(t, err)
			assert.Empty(t, entries, "nothing is left")
		}
	})
	return dir, o, told
}

// recorded is a fio that says of each job what fio 3.33 said of it once, abridged, and does nothing.
func recorded(t *testing.T, before string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "fio")
	script := `#!/bin/sh
case $1 in --enghelp=*) exit 0;; esac
job=$(sed -n 's/^\[\(.*\)\]$/\1/p' | tail -1)
` + before + `
none='{ "io_bytes" : 0, "total_ios" : 0, "runtime" : 0, "clat_ns" : { "N" : 0, "mean" : 0.000000 } }'
one() { cat <<END
{ "io_bytes" : $1, "total_ios" : $2, "runtime" : $3, "clat_ns" : { "N" : $2, "mean" : $4, "percentile" : { "50.000000" : $5, "99.000000" : $6 } } }
END
}
read=$none write=$none
case $job in
one) read=$(one 2069102592 15786 3000 188700.5 154624 370688);;
small) read=$(one 456437760 111435 2000 2290718.1 1646592 8355840);;
large) read=$(one 1845493760 1760 2000 18048402.6 16056320 64749568);;
onewrite) write=$(one 1020526592 7786 1000 123001.2 95744 226304);;
write) write=$(one 6662651904 6354 3000 7426204.9 6651904 27918336);;
esac
cat <<END
{ "fio version" : "fio-3.33", "timestamp_ms" : 1000, "jobs" : [ { "jobname" : "$job", "error" : 0, "sys_cpu" : 12.5, "read" : $read, "write" : $write } ] }
END
`
	require.NoError(t, os.WriteFile(path, []byte(script), 0o755))
	return path
}

// From a folder to a drive's file: all five measurements are where they belong, and nothing is left.
func TestOnDrive(t *testing.T) {
	dir, o, told := onBench(t, recorded(t, ""))
	f, err := OnDrive(t.Context(), dir, o)
	require.NoError(t, err)
	want := free()
	assert.Equal(t, "fio-3.33", f.Fio)
	for name, is := range map[string][2]float64{
		"one": {want.One.IOPS(), f.One.IOPS()}, "small": {want.Small.IOPS(), f.Small.IOPS()}, "large": {want.Large.IOPS(), f.Large.IOPS()},
		"one write": {want.OneWrite.IOPS(), f.OneWrite.IOPS()}, "write": {want.Write.IOPS(), f.Write.IOPS()},
	} {
		assert.InEpsilon(t, is[0], is[1], 1e-3, name)
	}
	assert.NotEmpty(t, f.Leaf.Name)
	assert.Empty(t, f.Leaf.SerialHash)
	assert.Regexp(t, `^Linux \d`, f.System)
	assert.Regexp(t, `^\d{4}-\d\d-\d\d$`, f.Date)
	assert.Contains(t, told.String(), "128 KiB random reads, one at a time: 5262 a second, 689.7 MB/s, 188.7 us on average, p50 154.6 us, p99 370.7 us\n")
	d, err := f.Model("mine")
	require.NoError(t, err)
	assert.InEpsilon(t, 188.7-0.125*3e6/15786, modelled(d, oneBytes).ReadMeanNS/1e3, 0.002)
}

// Of one that fails, is not there, has no room or is interrupted nothing is left either, and the line says why.
func TestOnDriveFails(t *testing.T) {
	for name, tc := range map[string]struct {
		fio, want string
		file      int64
	}{
		"in the middle":  {recorded(t, `[ "$job" = large ] && { echo "fio: no memory" >&2; exit 1; }`), `fio large: exit status 1 (it said "fio: no memory")`, 0},
		"not there":      {"no-such-fio", "fio is not installed", 0},
		"no room":        {recorded(t, ""), "may take 20 %: make room", 1 << 50},
		"tells no times": {recorded(t, `[ "$job" = small ] && exit 0`), "fio small printed no figures", 0},
	} {
		t.Run(name, func(t *testing.T) {
			dir, o, _ := onBench(t, tc.fio)
			if tc.file > 0 {
				o.File = tc.file
			}
			f, err := OnDrive(t.Context(), dir, o)
			require.ErrorContains(t, err, tc.want)
			assert.Nil(t, f)
			if name == "not there" {
				require.NoError(t, os.MkdirAll(o.Journal, 0o700))
			}
		})
	}
}

func TestOnDriveInterrupted(t *testing.T) {
	dir, o, _ := onBench(t, recorded(t, `[ "$job" = small ] && { echo > "$(echo $4 | cut -d= -f2)/begun"; exec sleep 60 >/dev/null 2>&1; }`))
	cause := fmt.Errorf("asked to")
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		defer cancel(cause)
		for t.Context().Err() == nil {
			if found, _ := filepath.Glob(dir + "/sparkharness-load-*/begun"); len(found) > 0 {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
	}()
	_, err := OnDrive(ctx, dir, o)
	require.EqualError(t, err, "asked to")
}

// The texts are jobs that the real fio takes, and its own figures make a drive. It takes eleven seconds, so only where somebody asks.
func TestOnDriveForReal(t *testing.T) {
	if os.Getenv("SPARKHARNESS_BENCH") == "" {
		t.Skip("it takes eleven seconds of a drive: set SPARKHARNESS_BENCH=1")
	}
	if _, err := exec.LookPath("fio"); err != nil {
		t.Skip("NOT TESTED WITH THE REAL FIO, which is not installed: apt install fio")
	}
	dir, o, _ := onBench(t, "fio")
	o.File = 64 << 20
	f, err := OnDrive(t.Context(), dir, o)
	require.NoError(t, err)
	d, err := f.Model("real")
	require.NoError(t, err)
	assert.Equal(t, d, saved(t, d))
}

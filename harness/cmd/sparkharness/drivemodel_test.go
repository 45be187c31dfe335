package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/config"
	"sparkharness/harness/drivemodel"
)

// tellingFio is a fio that tells plain figures of whatever job it is given, and does nothing.
func tellingFio(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "fio")
	require.NoError(t, os.WriteFile(path, []byte(`#!/bin/sh
case $1 in --enghelp=*) exit 0;; esac
job=$(sed -n 's/^\[\(.*\)\]$/\1/p' | tail -1)
none='{ "io_bytes" : 0, "total_ios" : 0, "runtime" : 0 }'
read=$none write=$none
case $job in
one) read='{ "io_bytes" : 393216000, "total_ios" : 3000, "runtime" : 3000, "clat_ns" : { "mean" : 990000.0 } }';;
small) read='{ "io_bytes" : 81920000, "total_ios" : 20000, "runtime" : 2000, "clat_ns" : { "mean" : 12000000.0 } }';;
large) read='{ "io_bytes" : 1048576000, "total_ios" : 1000, "runtime" : 2000, "clat_ns" : { "mean" : 32000000.0 } }';;
onewrite) write='{ "io_bytes" : 131072000, "total_ios" : 1000, "runtime" : 1000, "clat_ns" : { "mean" : 600000.0 } }';;
write) write='{ "io_bytes" : 1048576000, "total_ios" : 1000, "runtime" : 3000, "clat_ns" : { "mean" : 48000000.0 } }';;
esac
echo "{ \"fio version\" : \"fio-3.33\", \"jobs\" : [ { \"jobname\" : \"$job\", \"error\" : 0, \"read\" : $read, \"write\" : $write } ] }"
`), 0o755))
	return path
}

// The drive's file is printed, or written with a world that a run finds by its name, and the line says how to use it.
func TestDriveModel(t *testing.T) {
	dir := onDrive(t)
	run := func(to string) (out, told string, err error) {
		cmd := driveModelCommand()
		var o, e bytes.Buffer
		cmd.SetOut(&o)
		cmd.SetErr(&e)
		cmd.SetContext(t.Context())
		err = modelDrive(cmd, dir, "mine", to, "../../../configs",
			drivemodel.Options{Out: &e, Journal: filepath.Join(t.TempDir(), "state"), Fio: tellingFio(t), File: 4 << 20})
		return o.String(), e.String(), err
	}
	out, told, err := run("")
	require.NoError(t, err)
	assert.True(t, strings.HasPrefix(out, "drive: mine\nnote: "), out)
	assert.Contains(t, told, "128 KiB random reads, one at a time: 1000 a second, 131.1 MB/s, 990.0 us on average\n")
	assert.NotContains(t, out, dir)

	to := filepath.Join(t.TempDir(), "configs")
	out, _, err = run(to)
	require.NoError(t, err)
	assert.Equal(t, to+" holds drive mine and world mine: go test -run H2B -rig sim -profile quick -world mine -configs "+to+"\n", out)
	folder, err := config.OpenFolder(to)
	require.NoError(t, err)
	d, err := config.LoadDriveFile(folder, "mine")
	require.NoError(t, err)
	assert.InDelta(t, 10000, d.ControllerIOPS.Value, 0)
	_, told, err = run(to)
	require.ErrorContains(t, err, "drives/mine.yaml already: choose another name with --name")
	assert.Empty(t, told, "before anything is measured")
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Empty(t, left)
}

func TestDriveModelRefuses(t *testing.T) {
	for want, args := range map[string][]string{
		"--dir is missing: name a folder on the drive in question":          {},
		"--out is empty: name a folder":                                     {"--dir", "/tmp", "--out="},
		`--name: "../x" is no name of a file of drives/`:                    {"--dir", "/tmp", "--name", "../x"},
		`"more" is no argument of drive-model`:                              {"--dir", "/tmp", "more"},
		"/nowhere: lstat /nowhere: no such file or directory: make the dir": {"--dir", "/nowhere"},
		"is on no local drive: its file system is proc":                     {"--dir", "/proc"},
	} {
		out, _, err := commanded(append([]string{"drive-model"}, args...)...)
		require.ErrorContains(t, err, want)
		assert.NotContains(t, err.Error(), "\n")
		assert.Empty(t, out)
	}
}

func TestCompareRefuses(t *testing.T) {
	for want, args := range map[string][]string{
		"compare needs runs, REAL and SIMULATED":                             {recordedRuns + "/h2b"},
		"the first was measured by -rig sim, and has to be one of -rig disk": {recordedRuns + "/h2b", recordedRuns + "/h2b"},
		"no run there": {t.TempDir(), recordedRuns + "/h2b"},
		"/nowhere":     {recordedRuns + "/h2b", "/nowhere"},
	} {
		out, _, err := commanded(append([]string{"compare"}, args...)...)
		require.ErrorContains(t, err, want)
		assert.NotContains(t, err.Error(), "\n")
		assert.Empty(t, out)
	}
}

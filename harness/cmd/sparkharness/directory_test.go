package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/drive"
	"sparkharness/harness/rig/diskrig"
)

// onDrive is a directory on a local drive.
func onDrive(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if _, err := drive.Of(dir, drive.Here()); errors.Is(err, drive.ErrNoDrive) {
		t.Skipf("NOT TESTED ON A REAL DRIVE: the folder for temporary files is on none, set TMPDIR: %v", err)
	} else {
		require.NoError(t, err)
	}
	return dir
}

// tiered is a folder of configurations whose Stack B has small tiers and free ports; the frontend's URL comes with it.
func tiered(t *testing.T) (configs, url string) {
	t.Helper()
	configs = t.TempDir()
	base, err := filepath.Abs("../../../configs")
	require.NoError(t, err)
	var ports []any
	for range 3 {
		free, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		defer free.Close()
		ports = append(ports, free.Addr())
	}
	for name, text := range map[string]string{
		"configs.yaml": "base: " + base + "\n",
		stackB: "base: " + filepath.Join(base, stackB) + "\nmodel: L8B\n" +
			fmt.Sprintf("endpoint: {url: 'http://%v', engine_metrics: 'http://%v/metrics', kvbm_metrics: 'http://%v/metrics'}\n", ports...) +
			"dynamo: {offload_min_frequency: 1, " +
			"tiers: {tier0: {capacity_bytes: 16MiB}, tier1: {capacity_bytes: 8MiB}, tier2: {capacity_bytes: 32MiB}}}\n",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(configs, name), []byte(text), 0o644))
	}
	return configs, fmt.Sprintf("http://%v", ports[0])
}

// serve runs the command and returns a way to interrupt it, and its end.
func serve(t *testing.T, args ...string) (said lines, interrupt func(), ended chan error) {
	t.Helper()
	said = make(lines, 20)
	cmd := serveCommand()
	cmd.SetOut(said)
	cmd.SetArgs(args)
	cmd.SilenceUsage, cmd.SilenceErrors = true, true
	ctx, interrupt := context.WithCancel(t.Context())
	t.Cleanup(interrupt)
	ended = make(chan error, 1)
	go func() { ended <- cmd.ExecuteContext(ctx) }()
	return said, interrupt, ended
}

// With a directory tier 2 is in files there, until the command ends; then it says what they have moved.
func TestServeInADirectory(t *testing.T) {
	dir := onDrive(t)
	configs, url := tiered(t)
	said, interrupt, ended := serve(t, "--configs", configs, "--stack", stackB, "--dir", dir)
	where := said.next(t)
	require.True(t, strings.HasPrefix(where, "stack B  "+filepath.Join(dir, diskrig.Folder)+" on "), where)
	for line := ""; !strings.Contains(line, "worker"); {
		line = said.next(t)
	}
	assert.FileExists(t, filepath.Join(dir, diskrig.Folder, "kv"))
	prompt := strings.Repeat("why is the tail slow ", 20) // two blocks of 32 tokens at least
	resp, err := http.Post(url+"/v1/completions", "application/json",
		strings.NewReader(`{"model":"nvidia/Llama-3.1-8B-Instruct-FP8","prompt":"`+prompt+`","max_tokens":1}`))
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusOK, resp.StatusCode)
	interrupt()
	line := said.next(t)
	for ; strings.HasPrefix(line, "kvbm: "); line = said.next(t) { // what the manager says at its start
	}
	require.Equal(t, "stopping\n", line)
	require.Equal(t, "stack B  read: none\n", said.next(t))
	require.Regexp(t, regexp.MustCompile(`^stack B  written: (none|[0-9.]+ MiB in \d+ I/Os of \d+ us; software us an I/O: 220 configured, \d+ spent, \d+ waited)\n$`), said.next(t))
	require.NoError(t, <-ended)
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Empty(t, left)
}

// A storage that fails ends the command with the reason, and nothing is left.
func TestServeEndsWhenTheDriveFails(t *testing.T) {
	dir := onDrive(t)
	configs, url := tiered(t)
	said, _, ended := serve(t, "--configs", configs, "--stack", stackB, "--dir", dir)
	for line := ""; !strings.Contains(line, "worker"); {
		line = said.next(t)
	}
	// What has been written before is not what is read: the file is damaged again and again until a read has seen it.
	var err error
	for i := 0; err == nil; i++ {
		select {
		case err = <-ended:
			continue
		default:
		}
		kv, opened := os.OpenFile(filepath.Join(dir, diskrig.Folder, "kv"), os.O_WRONLY, 0)
		if opened == nil {
			_, _ = kv.WriteAt(make([]byte, 32<<20), 0) // it may have been removed
			_ = kv.Close()
		}
		prompt := strings.Repeat(fmt.Sprintf("why is tail %d slow ", i%4), 20)
		if resp, err := http.Post(url+"/v1/completions", "application/json",
			strings.NewReader(`{"model":"nvidia/Llama-3.1-8B-Instruct-FP8","prompt":"`+prompt+`","max_tokens":1}`)); err == nil {
			_ = resp.Body.Close()
		}
		require.Less(t, i, 1000, "nothing is read back")
	}
	require.ErrorIs(t, err, diskrig.ErrCorruption)
	require.ErrorContains(t, err, "its storage failed: load of ")
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Empty(t, left)
}

// Flags that mean nothing, and what does not fit the directory, are refused in a line.
func TestServeRefusesDirectories(t *testing.T) {
	dir := onDrive(t)
	for _, tc := range []struct {
		args []string
		want string
	}{
		{[]string{"--dir="}, "--dir is empty: name a directory"},
		{[]string{"--dir-share", "0.5"}, "--dir-share is about --dir: name a directory"},
		{[]string{"--dir", dir, "--dir-share", "0"}, "--dir-share is 0: it must be above 0 and at most 1"},
		{[]string{"--dir", dir, "--dir-share", "NaN"}, "it must be above 0"},
		{[]string{"--dir", dir, "--stack", stackB, "--dir-share", "0.0001"}, "--dir, stack B: the storage needs 512.0 GiB in " + dir + ", which has "},
		{[]string{"--dir", dir, "--stack", stackB, "--world", "steady_reader"}, "which can be run on the directory itself"},
		{[]string{"--dir", dir, "--stack", stackB, "--world", "second_drive"}, "world second_drive has what a real drive has not"},
		{[]string{"--dir", filepath.Join(dir, "none"), "--stack", stackB}, "make the directory first"},
	} {
		cmd := serveCommand()
		cmd.SetOut(&bytes.Buffer{})
		cmd.SetArgs(append([]string{"--configs", "../../../configs"}, tc.args...))
		cmd.SilenceUsage, cmd.SilenceErrors = true, true
		require.ErrorContains(t, cmd.ExecuteContext(t.Context()), tc.want, "%v", tc.args)
		left, err := os.ReadDir(dir)
		require.NoError(t, err)
		assert.Empty(t, left)
	}
}

// A directory is for one stack.
func TestServeOneStackInADirectory(t *testing.T) {
	dir := onDrive(t)
	configs, _ := tiered(t)
	cmd := serveCommand()
	cmd.SetOut(&bytes.Buffer{})
	cmd.SetArgs([]string{"--configs", configs, "--stack", stackB + "," + stackB, "--dir", dir})
	cmd.SilenceUsage, cmd.SilenceErrors = true, true
	require.ErrorContains(t, cmd.ExecuteContext(t.Context()), "--dir is for one stack that stores something, and both B and B do")
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Empty(t, left)
}

// A stack that stores nothing has no use for a directory, and says so.
func TestServeStoresNothing(t *testing.T) {
	var out bytes.Buffer
	s := &servers{out: &out, bind: "127.0.0.1", limits: defaultLimits, dir: directory{path: "/nowhere", share: 0.2}}
	require.NoError(t, s.add(t.Context(), options(t, stack(t, stackA))))
	assert.Equal(t, "stack A  stores nothing: --dir is not for it\n", out.String())
	require.NoError(t, s.close())
}

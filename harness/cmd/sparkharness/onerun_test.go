package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const recordedRuns = "../../../fixtures/runs"

// commanded runs a command line and returns what it printed.
func commanded(args ...string) (out, errs string, err error) {
	var o, e bytes.Buffer
	root := rootCommand()
	root.SetArgs(args)
	root.SetOut(&o)
	root.SetErr(&e)
	err = root.Execute()
	return o.String(), e.String(), err
}

func TestIO(t *testing.T) {
	out, _, err := commanded("io", recordedRuns+"/h4b", "--capacity", "4TB")
	require.NoError(t, err)
	for _, title := range []string{"# Storage I/O of h4b-", "## Configuration", "## I/O by phase", "## Latency of tier 2", "## Serving", "## Endurance", "## Account of the drive's bytes", "4000 GB"} {
		assert.Contains(t, out, title)
	}
}

// The one run of a results folder, and an archive of a run, are as good as its folder.
func TestWithRun(t *testing.T) {
	results := t.TempDir()
	require.NoError(t, os.CopyFS(filepath.Join(results, "h2b-run"), os.DirFS(recordedRuns+"/h2b")))
	want, _, err := commanded("io", filepath.Join(results, "h2b-run"))
	require.NoError(t, err)
	got, _, err := commanded("io", results)
	require.NoError(t, err)
	assert.Equal(t, want, got)
	packed := filepath.Join(t.TempDir(), "sent.tar.gz")
	var out bytes.Buffer
	require.NoError(t, pack(t.Context(), &out, []string{results}, packed, nil))
	got, _, err = commanded("io", packed)
	require.NoError(t, err)
	assert.Equal(t, want, got)
}

func TestOneRunRefuses(t *testing.T) {
	for _, command := range [][]string{{"io"}, {"export"}, {"fio-from-run", "--dir", "/mnt"}} {
		run := func(args ...string) error {
			out, _, err := commanded(append(append([]string{}, command...), args...)...)
			assert.Empty(t, out)
			require.Error(t, err)
			assert.NotContains(t, err.Error(), "\n")
			return err
		}
		require.ErrorContains(t, run(), command[0]+" needs a RUN: the folder of a run, which holds a plan.json, or an archive of one")
		require.ErrorContains(t, run(recordedRuns+"/h4b", "more"), `"more" is no argument of `+command[0])
		require.ErrorContains(t, run(t.TempDir()), "no run there")
		require.ErrorContains(t, run("/nowhere"), "/nowhere")
		require.ErrorContains(t, run(recordedRuns), "runs: name one of drives, h0, h1, ")
		require.ErrorContains(t, run("io.go"), "neither the folder of a run nor an archive")
	}
	for _, tc := range []struct {
		want string
		args []string
	}{
		{"--dir is missing: name the folder", []string{"fio-from-run", recordedRuns + "/h4b"}},
		{"no tier-2 traffic under the measured load in any arm", []string{"fio-from-run", recordedRuns + "/h4a", "--dir", "/mnt"}},
		{"--dir /dev/shm holds the kernel's files", []string{"fio-from-run", recordedRuns + "/h4b", "--dir", "/dev/shm"}},
		{"--runtime 1.5s: fio runs for whole seconds", []string{"fio-from-run", recordedRuns + "/h4b", "--dir", "/mnt", "--runtime", "1500ms"}},
		{"--runtime 0s", []string{"fio-from-run", recordedRuns + "/h4b", "--dir", "/mnt", "--runtime", "0s"}},
		{`--ioengine "mmap": there are psync, libaio, io_uring`, []string{"fio-from-run", recordedRuns + "/h4b", "--dir", "/mnt", "--ioengine", "mmap"}},
		{"--size: 8 needs a unit", []string{"fio-from-run", recordedRuns + "/h4b", "--dir", "/mnt", "--size", "8"}},
		{"--size: 0GiB is no size of a file", []string{"fio-from-run", recordedRuns + "/h4b", "--dir", "/mnt", "--size", "0GiB"}},
		{`has no arm "fio=none": there are `, []string{"fio-from-run", recordedRuns + "/h4b", "--dir", "/mnt", "--arm", "fio=none"}},
		{"--capacity: ", []string{"io", recordedRuns + "/h4b", "--capacity", "4"}},
		{"--capacity: 0TB is no size of a drive", []string{"io", recordedRuns + "/h4b", "--capacity", "0TB"}},
		{`--format "csv": there is mlperf-kv`, []string{"export", recordedRuns + "/h4b", "--format", "csv"}},
		{"no tier-2 traffic in any cell", []string{"export", recordedRuns + "/h0"}},
		{`no complete cell "x"`, []string{"export", recordedRuns + "/h4b", "--cell", "x"}},
	} {
		out, _, err := commanded(tc.args...)
		require.ErrorContains(t, err, tc.want)
		assert.NotContains(t, err.Error(), "\n")
		assert.Empty(t, out)
	}
}

func TestExport(t *testing.T) {
	out, errs, err := commanded("export", recordedRuns+"/h4b", "--cell", "fio=heavy/ctx=4096/conc=16/rep=2")
	require.NoError(t, err)
	assert.Equal(t, "cell fio=heavy/ctx=4096/conc=16/rep=2\n", errs)
	lines, err := csv.NewReader(strings.NewReader(out)).ReadAll()
	require.NoError(t, err)
	assert.Greater(t, len(lines), 1000)
	assert.Equal(t, "Timestamp,Operation,Object_Size_Bytes,Tier,Key,Phase", strings.Join(lines[0], ","))
}

// The real fio takes the job, reads and writes in its sizes and about at its rate, and leaves one file, in the folder.
func TestFioFromRun(t *testing.T) {
	if _, err := exec.LookPath("fio"); err != nil {
		t.Skip("NOT TESTED: fio is not installed")
	}
	dir, elsewhere := t.TempDir(), t.TempDir()
	out, _, err := commanded("fio-from-run", recordedRuns+"/h4b", "--dir", dir, "--size", "32MiB", "--runtime", "2s")
	require.NoError(t, err)
	job := filepath.Join(elsewhere, "tier2.fio")
	require.NoError(t, os.WriteFile(job, []byte(out), 0o644))
	cmd := exec.CommandContext(t.Context(), "fio", "--output-format=json", job)
	cmd.Dir = elsewhere
	said, err := cmd.Output()
	if err != nil && strings.Contains(string(said), "direct") {
		t.Skipf("NOT TESTED: no direct I/O in %s", dir)
	}
	require.NoError(t, err, string(said))
	var report struct {
		Jobs []struct {
			Error int `json:"error"`
			Read  struct {
				Bytes int64 `json:"io_bytes"`
				IOs   int64 `json:"total_ios"`
			} `json:"read"`
			Write struct {
				Bytes int64 `json:"io_bytes"`
				IOs   int64 `json:"total_ios"`
			} `json:"write"`
		} `json:"jobs"`
	}
	require.NoError(t, json.Unmarshal(said[bytes.IndexByte(said, '{'):], &report))
	require.NotEmpty(t, report.Jobs)
	var read, reads, wrote int64
	for _, j := range report.Jobs {
		assert.Zero(t, j.Error)
		read, reads, wrote = read+j.Read.Bytes, reads+j.Read.IOs, wrote+j.Write.Bytes
	}
	require.Positive(t, reads)
	assert.EqualValues(t, 128<<10, read/reads)
	assert.Positive(t, wrote)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 1)
	assert.Equal(t, "sparkharness-tier2.dat", entries[0].Name())
	entries, err = os.ReadDir(elsewhere)
	require.NoError(t, err)
	assert.Len(t, entries, 1, "the job file alone")
}

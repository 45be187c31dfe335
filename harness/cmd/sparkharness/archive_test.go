package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/archive"
	"sparkharness/harness/disk"
)

// oneRun is a results folder with a run, in the working folder.
func oneRun(t *testing.T) (results, run string) {
	t.Helper()
	t.Chdir(t.TempDir())
	run = filepath.Join("results", "h0-run")
	require.NoError(t, os.MkdirAll(run, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(run, "plan.json"), []byte("{}"), 0o644))
	return "results", run
}

func TestArchive(t *testing.T) {
	results, run := oneRun(t)
	var out bytes.Buffer
	require.NoError(t, pack(t.Context(), &out, []string{results, run}, "", nil))
	name := regexp.MustCompile(`^h0-run\n1 run, 1 files, 0.0 MiB in (sparkharness-[0-9a-f]{12}\.tar\.gz), 0.0 MiB\nsha256 [0-9a-f]{64}\n$`).FindStringSubmatch(out.String())
	require.NotNil(t, name, out.String())
	assert.FileExists(t, filepath.Join(run, "plan.json"), "the originals stay")

	err := pack(t.Context(), &out, []string{results}, "", nil)
	require.ErrorContains(t, err, name[1]+" is there already")
	require.NoError(t, pack(t.Context(), &out, []string{run}, "mine.tar.gz", nil))
	a, err := os.ReadFile(name[1])
	require.NoError(t, err)
	b, err := os.ReadFile("mine.tar.gz")
	require.NoError(t, err)
	assert.Equal(t, a, b)

	to := t.TempDir()
	folders, err := unpacked(t.Context(), []string{results, "mine.tar.gz"}, to)
	require.NoError(t, err)
	assert.Equal(t, []string{results, filepath.Join(to, "1")}, folders)
	assert.FileExists(t, filepath.Join(to, "1", "h0-run", "plan.json"))
}

func TestArchiveRefuses(t *testing.T) {
	results, run := oneRun(t)
	left := func() []string {
		entries, err := os.ReadDir(".")
		require.NoError(t, err)
		var names []string
		for _, e := range entries {
			names = append(names, e.Name())
		}
		return names
	}
	refused := func(name, want string, ctx context.Context, args []string, to string, environ ...string) {
		t.Helper()
		require.ErrorContains(t, pack(ctx, &bytes.Buffer{}, args, to, environ), want, name)
		assert.Equal(t, []string{"results"}, left(), "%s: nothing is left", name)
	}
	refused("no run", "no run there", t.Context(), []string{filepath.Join(results, "h0-run", "..", "..")}, "")
	refused("a name", "an archive's name ends in .tar.gz", t.Context(), []string{results}, "x.zip")
	none, err := filepath.Abs("none")
	require.NoError(t, err)
	refused("no folder", "no archive can be written into "+none+": no such file or directory: name another place with --output", t.Context(), []string{results},
		filepath.Join("none", "x.tar.gz"))
	ended, cancel := context.WithCancelCause(t.Context())
	cancel(assert.AnError)
	refused("interrupted", assert.AnError.Error(), ended, []string{results}, "")
	lock, err := disk.Take(filepath.Join(results, ".h0-run.lock"))
	require.NoError(t, err)
	refused("measured", "is being measured", t.Context(), []string{run}, "")
	require.NoError(t, lock.Release())
	require.NoError(t, os.WriteFile(filepath.Join(run, "note"), []byte("it is abcdefgh12345"), 0o644))
	refused("a secret", "holds the value of HF_TOKEN", t.Context(), []string{run}, "", "HF_TOKEN=abcdefgh12345")
	require.NoError(t, pack(t.Context(), &bytes.Buffer{}, []string{run}, "", nil), "without it, the same is packed")

	_, err = unpacked(t.Context(), []string{filepath.Join(run, "note")}, t.TempDir())
	require.ErrorContains(t, err, "neither the folder of a run nor an archive")
	require.NoError(t, os.WriteFile("bad.tar.gz", []byte("x"), 0o644))
	_, err = unpacked(t.Context(), []string{"bad.tar.gz"}, t.TempDir())
	require.ErrorContains(t, err, "bad.tar.gz: no archive of runs")
}

// A folder among runs that is none has nobody who looks it over.
func TestArchiveOfMoreThanRuns(t *testing.T) {
	_, run := oneRun(t)
	other := filepath.Join("results", "evil")
	require.NoError(t, os.Mkdir(other, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(other, "a.sh"), nil, 0o644))
	f, err := os.Create("sent.tar.gz")
	require.NoError(t, err)
	_, err = archive.Pack(f, []string{run, other}, nil, archive.Secrets{})
	require.NoError(t, errors.Join(err, f.Close()))
	_, err = unpacked(t.Context(), []string{"sent.tar.gz"}, t.TempDir())
	require.ErrorContains(t, err, `sent.tar.gz: it holds a folder "evil" that is no run`)
}

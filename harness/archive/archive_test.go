package archive

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// write puts files into a folder.
func write(t *testing.T, dir string, files map[string]string) string {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	return dir
}

// tree is what lies below a folder.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	require.NoError(t, fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			text, rerr := os.ReadFile(filepath.Join(dir, path))
			out[path], err = string(text), rerr
		}
		return err
	}))
	return out
}

var limits = Limits{Bytes: 1 << 20, Files: 100}

func packed(t *testing.T, folders ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	_, err := Pack(&b, folders, nil, Secrets{})
	require.NoError(t, err)
	return b.Bytes()
}

// What is laid out is what was packed, but for locks; and the same files leave the same bytes, whatever their times and modes.
func TestPackAndUnpack(t *testing.T) {
	files := map[string]string{"plan.json": "{}", "cells/stack=A,ctx=1/metrics.jsonl": strings.Repeat("a line\n", 9000), "empty": ""}
	one := write(t, filepath.Join(t.TempDir(), "h0-run"), files)
	two := write(t, filepath.Join(t.TempDir(), "h2a-run"), map[string]string{"plan.json": "[]"})
	write(t, one, map[string]string{".lock": "somebody", ".cells.1.tmp/x": "half"})
	b := packed(t, one, two)
	dir := t.TempDir()
	folders, err := Unpack(bytes.NewReader(b), dir, limits)
	require.NoError(t, err)
	assert.Equal(t, []string{"h0-run", "h2a-run"}, folders)
	assert.Equal(t, files, tree(t, filepath.Join(dir, "h0-run")))
	assert.Equal(t, map[string]string{"plan.json": "[]"}, tree(t, filepath.Join(dir, "h2a-run")))

	again := write(t, filepath.Join(t.TempDir(), "h0-run"), files)
	require.NoError(t, os.Chmod(filepath.Join(again, "empty"), 0o755))
	require.NoError(t, os.Chtimes(filepath.Join(again, "plan.json"), time.Unix(1, 0), time.Unix(2, 0)))
	assert.Equal(t, b, packed(t, again, two))
	assert.NotEqual(t, b, packed(t, write(t, again, map[string]string{"plan.json": "{ }"}), two))
}

// A page that spans the runs lies beside them; another file does not.
func TestPages(t *testing.T) {
	results := write(t, t.TempDir(), map[string]string{"index.html": "<p>", "run/plan.json": "{}", "notes.txt": ""})
	var b bytes.Buffer
	_, err := Pack(&b, []string{filepath.Join(results, "run")}, []string{filepath.Join(results, "index.html")}, Secrets{})
	require.NoError(t, err)
	dir := t.TempDir()
	folders, err := Unpack(&b, dir, limits)
	require.NoError(t, err)
	assert.Equal(t, []string{"run"}, folders)
	assert.Equal(t, map[string]string{"index.html": "<p>", "run/plan.json": "{}"}, tree(t, dir))
	_, err = Pack(&b, nil, []string{filepath.Join(results, "notes.txt")}, Secrets{})
	require.ErrorContains(t, err, "notes.txt is no page of runs")
}

func TestPackRefuses(t *testing.T) {
	for name, tt := range map[string]struct {
		make func(dir string) error
		want string
	}{
		"a link":         {func(dir string) error { return os.Symlink("/etc/passwd", filepath.Join(dir, "x")) }, "x is a link"},
		"a pipe":         {func(dir string) error { return syscall.Mkfifo(filepath.Join(dir, "x"), 0o600) }, "x is a pipe"},
		"a line break":   {func(dir string) error { return os.WriteFile(filepath.Join(dir, "x\ny"), nil, 0o600) }, `x\ny": no run has`},
		"what is no run": {os.RemoveAll, "no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := write(t, filepath.Join(t.TempDir(), "run"), map[string]string{"plan.json": "{}"})
			require.NoError(t, tt.make(dir))
			_, err := Pack(&bytes.Buffer{}, []string{dir}, nil, Secrets{})
			require.ErrorContains(t, err, tt.want)
		})
	}
	a, b := write(t, filepath.Join(t.TempDir(), "run"), map[string]string{"f": ""}), write(t, filepath.Join(t.TempDir(), "run"), map[string]string{"f": ""})
	_, err := Pack(&bytes.Buffer{}, []string{a, b}, nil, Secrets{})
	require.ErrorContains(t, err, "two folders are called run")
	_, err = Pack(&bytes.Buffer{}, []string{write(t, filepath.Join(t.TempDir(), ".run"), map[string]string{"f": ""})}, nil, Secrets{})
	require.ErrorContains(t, err, "begins with a dot")
}

// entry is a member of a hand-made archive.
type entry struct {
	name, text string
	kind       byte
}

func tarred(t *testing.T, entries ...entry) []byte {
	t.Helper()
	return tarredBefore(t, "", entries...)
}

// tarredBefore is an archive with something behind its end, in the same stream.
func tarredBefore(t *testing.T, behind string, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for _, e := range entries {
		h := header(e.name, int64(len(e.text)))
		if e.kind != 0 {
			h.Typeflag, h.Linkname = e.kind, "/etc/passwd"
		}
		require.NoError(t, w.WriteHeader(h))
		_, err := w.Write([]byte(e.text))
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	_, err := io.WriteString(z, behind)
	require.NoError(t, errors.Join(err, z.Close()))
	return b.Bytes()
}

// Whoever makes an archive by hand can neither leave the folder nor fill the disk, and a change shows.
func TestUnpackRefuses(t *testing.T) {
	const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	sums := func(name string) entry { return entry{name: SumsFile, text: empty + "  " + name + "\n"} }
	for name, tt := range map[string]struct {
		of   []byte
		want string
	}{
		"no gzip":          {[]byte("PK\x03\x04"), "no archive of runs"},
		"nothing":          {tarred(t), "its list of sums is missing"},
		"cut off":          {packed(t, write(t, filepath.Join(t.TempDir(), "run"), map[string]string{"f": strings.Repeat("x", 1000)}))[:60], "damaged"},
		"upwards":          {tarred(t, entry{name: "run/../../x"}), "no name of a file in a run"},
		"absolute":         {tarred(t, entry{name: "/etc/x"}), "no name of a file in a run"},
		"a link":           {tarred(t, entry{name: "run/x", kind: tar.TypeSymlink}), "no regular file"},
		"a hard link":      {tarred(t, entry{name: "run/x", kind: tar.TypeLink}), "no regular file"},
		"a device":         {tarred(t, entry{name: "run/x", kind: tar.TypeBlock}), "no regular file"},
		"beside the runs":  {tarred(t, entry{name: "x"}), "lies in no run"},
		"another page":     {tarred(t, entry{name: "press.html"}), "lies in no run"},
		"another summary":  {tarred(t, entry{name: "summary.csv"}), "lies in no run"},
		"a hidden folder":  {tarred(t, entry{name: ".run/x"}), "no name of a file in a run"},
		"a hidden file":    {tarred(t, entry{name: "run/.x"}), "no name of a file in a run"},
		"twice":            {tarred(t, entry{name: "run/x"}, entry{name: "run/x"}), "twice in one"},
		"too large":        {tarred(t, entry{name: "run/x", text: strings.Repeat("x", 1<<20+1)}), "it holds more than"},
		"too many":         {tarred(t, manyEntries(101)...), "it holds more than 100 files"},
		"another sum":      {tarred(t, entry{name: "run/x", text: "y"}, sums("run/x")), `"run/x" is not as it was packed`},
		"no sum":           {tarred(t, entry{name: "run/x"}, entry{name: "run/y"}, sums("run/x")), `"run/y" has no sum`},
		"an entry behind":  {tarred(t, entry{name: "run/x"}, sums("run/x"), entry{name: "run/y"}), "it goes on behind"},
		"bytes behind":     {append(tarred(t, entry{name: "run/x"}, sums("run/x")), "more"...), "it goes on behind"},
		"a member behind":  {append(tarred(t, entry{name: "run/x"}, sums("run/x")), tarred(t, entry{name: "run/y"})...), "it goes on behind"},
		"behind padding":   {tarredBefore(t, strings.Repeat("\x00", 8192)+"x", entry{name: "run/x"}, sums("run/x")), "it goes on behind"},
		"endless padding":  {tarredBefore(t, strings.Repeat("\x00", mostPadding+1), entry{name: "run/x"}, sums("run/x")), "it goes on behind"},
		"a sum of nothing": {tarred(t, entry{name: "run/x"}, sums("run/y")), `"run/y" is not as it was packed`},
	} {
		t.Run(name, func(t *testing.T) {
			parent := t.TempDir()
			dir := filepath.Join(parent, "to")
			require.NoError(t, os.Mkdir(dir, 0o755))
			_, err := Unpack(bytes.NewReader(tt.of), dir, limits)
			require.ErrorContains(t, err, tt.want)
			entries, err := os.ReadDir(parent)
			require.NoError(t, err)
			assert.Len(t, entries, 1, "nothing lies beside the folder")
		})
	}
	// Other programs fill an archive up with zeros.
	for _, padding := range []int{0, 512, 10<<10 - 3*512, mostPadding} {
		_, err := Unpack(bytes.NewReader(tarredBefore(t, strings.Repeat("\x00", padding), entry{name: "run/x"}, sums("run/x"))), t.TempDir(), limits)
		require.NoError(t, err, "%d", padding)
	}
}

func manyEntries(n int) (out []entry) {
	for i := range n {
		out = append(out, entry{name: "run/" + strings.Repeat("x", i+1)})
	}
	return out
}

func FuzzUnpack(f *testing.F) {
	var b bytes.Buffer
	dir := filepath.Join(f.TempDir(), "run")
	require.NoError(f, os.MkdirAll(dir, 0o755))
	require.NoError(f, os.WriteFile(filepath.Join(dir, "plan.json"), []byte("{}"), 0o600))
	_, err := Pack(&b, []string{dir}, nil, Secrets{})
	require.NoError(f, err)
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		to := t.TempDir()
		folders, err := Unpack(bytes.NewReader(b), to, limits)
		if err == nil {
			for _, folder := range folders {
				assert.DirExists(t, filepath.Join(to, folder))
			}
		}
	})
}

package hypotheses

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness"
	"sparkharness/harness/record"
)

// figure is the first file of a figure.
func (f *ended) figure(ext string) string {
	f.t.Helper()
	paths, err := filepath.Glob(filepath.Join(f.dir, "figures", "*"+ext))
	require.NoError(f.t, err)
	require.NotEmpty(f.t, paths)
	return paths[0]
}

// besides are what may happen to what stands beside the lines and is concluded from them, or tells how the run ended.
func besides() []damage {
	lastLine := func(edit func(line []byte) []byte) func(f *ended) {
		return func(f *ended) {
			f.text(record.FileAttempts, func(b []byte) []byte {
				n := bytes.LastIndexByte(b[:len(b)-1], '\n') + 1
				return append(b[:n:n], edit(b[n:])...)
			})
		}
	}
	gone := func(file string) damage {
		return damage{file + " gone", func(f *ended) { f.remove(filepath.Join(f.dir, file)) }, file}
	}
	return []damage{
		gone("report.json"), gone("table.txt"), gone(record.FileManifest),
		{"another verdict in the report", func(f *ended) { f.replace("report.json", `"Inconclusive"`, `"Refuted"`) }, "report.json"},
		{"another number in the report", func(f *ended) { f.replace("report.json", `"n": 2`, `"n": 3`) }, "report.json"},
		{"another verdict in the table", func(f *ended) { f.replace("table.txt", "Inconclusive", "Supported") }, "table.txt"},
		{"a line more in the table", func(f *ended) { f.text("table.txt", double) }, "table.txt"},
		{"a figure's points cut off", func(f *ended) { f.text(f.figure(".csv"), cut) }, ".csv"},
		{"a figure gone", func(f *ended) { f.remove(f.figure(".svg")) }, ".svg"},
		{"a concurrency that nobody found", func(f *ended) {
			require.NoError(f.t, os.WriteFile(filepath.Join(f.dir, "uwork.json"), []byte("[]\n"), 0o644))
		}, "uwork.json"},
		{"a sheet of a drive that does not follow", func(f *ended) {
			require.NoError(f.t, os.WriteFile(filepath.Join(f.dir, "io.md"), []byte("# Storage I/O\n"), 0o644))
		}, "io.md"},
		{"manifest edited", func(f *ended) { f.text(record.FileManifest, double) }, record.FileManifest},
		{"log without its end", lastLine(func([]byte) []byte { return nil }), record.FileAttempts},
		{"log with another end", lastLine(func(b []byte) []byte {
			return bytes.Replace(b, []byte(record.EndPlanned), []byte(record.EndInterrupted), 1)
		}), record.FileAttempts},
		{"log with a torn end", lastLine(cut), record.FileAttempts},
		{"log with something behind its end", lastLine(func(b []byte) []byte { return append(b[:len(b):len(b)], "x\n"...) }), record.FileAttempts},
	}
}

// What people read of a run is what follows from its lines, and the log says how it ended.
func TestDamageBesideTheLinesIsNoticed(t *testing.T) {
	t.Parallel()
	for _, d := range besides() {
		t.Run(d.name, func(t *testing.T) {
			f := newEnded(t)
			d.do(f)
			got := harness.VerifyFolder(all, f.dir)
			require.NotEmpty(t, got.Faults)
			assert.Contains(t, strings.Join(got.Faults, "\n"), d.file)
			_, err := harness.Replay(h2b, f.dir)
			require.NoError(t, err, "the lines are as they were")
		})
	}
}

// What has not come to its end has no report, or not yet: that is worth a note.
func TestRunThatHasNotEnded(t *testing.T) {
	t.Parallel()
	for name, edit := range map[string]func(b []byte) []byte{
		"killed": func(b []byte) []byte { return b[:bytes.LastIndexByte(b[:len(b)-1], '\n')+1] },
		"torn":   cut,
		"interrupted": func(b []byte) []byte {
			return bytes.Replace(b, []byte(record.EndPlanned), []byte(record.EndInterrupted), 1)
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newEnded(t)
			f.text(record.FileAttempts, edit)
			f.remove(filepath.Join(f.dir, "report.json"))
			got := harness.VerifyFolder(all, f.dir)
			assert.Empty(t, got.Faults)
			assert.Contains(t, strings.Join(got.Notes, "\n"), "it has no report.json")
		})
	}
}

// A figure that this verdict does not have is worth a note: other rules may have drawn it.
func TestFigureThatNothingDrew(t *testing.T) {
	t.Parallel()
	f := newEnded(t)
	require.NoError(t, os.WriteFile(filepath.Join(f.dir, "figures", "more.svg"), nil, 0o644))
	got := harness.VerifyFolder(all, f.dir)
	assert.Empty(t, got.Faults)
	require.Len(t, got.Notes, 1)
	assert.Contains(t, got.Notes[0], "more.svg")
}

// A run lies in the folder of its name, or in one that was set aside: another one is a copy, or was renamed.
func TestFolderOfAnotherName(t *testing.T) {
	t.Parallel()
	for name, notes := range map[string]int{"%s": 0, "%s.prev": 0, "%s.incomplete.prev": 0, "copy": 1, "%s-copy": 1} {
		f := newEnded(t)
		name = strings.Replace(name, "%s", filepath.Base(f.dir), 1)
		dir := filepath.Join(t.TempDir(), name)
		require.NoError(t, os.Rename(f.dir, dir))
		got := harness.VerifyFolder(all, dir)
		assert.Empty(t, got.Faults)
		assert.Equal(t, notes, strings.Count(strings.Join(got.Notes, "\n"), "it is a copy, or was renamed"), name)
	}
}

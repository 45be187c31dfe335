package hypotheses

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness"
	"sparkharness/harness/record"
	"sparkharness/harness/report"
)

// damage is something that happens to the folder of a run that has ended.
type damage struct {
	name string
	do   func(f *ended)
	file string // that the fault names
}

// ended is a copy of a recorded run of H2B, as if this program had measured it.
type ended struct {
	*recording
	a, b string // folders of a cell without and of one with a KV manager
}

// endedOnce is that copy, built once and copied by each test: to judge and draw it takes longer than most damages do.
var endedOnce struct {
	sync.Once
	name  string // of the folder
	files fstest.MapFS
}

func newEnded(t *testing.T) *ended {
	endedOnce.Do(func() {
		r := recorded(t, h2b).json(record.FilePlan, func(p object) { p["program"] = harness.Program() })
		require.NoError(t, os.WriteFile(filepath.Join(r.dir, record.FileManifest), []byte("{}\n"), 0o644))
		r.seal()
		rep, err := harness.Replay(h2b, r.dir)
		require.NoError(t, err)
		require.NoError(t, errors.Join(report.WriteTable(r.dir, rep), report.WriteFigures(r.dir, rep)))
		files := fstest.MapFS{}
		require.NoError(t, fs.WalkDir(os.DirFS(r.dir), ".", func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			data, err := os.ReadFile(filepath.Join(r.dir, path))
			files[path] = &fstest.MapFile{Data: data, Mode: 0o644}
			return err
		}))
		endedOnce.name, endedOnce.files = filepath.Base(r.dir), files
	})
	require.NotEmpty(t, endedOnce.files)
	r := &recording{t: t, h: h2b, dir: filepath.Join(t.TempDir(), endedOnce.name)}
	require.NoError(t, os.CopyFS(r.dir, endedOnce.files))
	return &ended{recording: r, a: record.CellPath(r.dir, record.NewCell("stack", "A", "ctx", 1024, "conc", 32, "rep", 1)),
		b: record.CellPath(r.dir, record.NewCell("stack", "B", "ctx", 4096, "conc", 32, "rep", 2))}
}

// text edits a file.
func (f *ended) text(path string, edit func(b []byte) []byte) {
	f.t.Helper()
	if !filepath.IsAbs(path) {
		path = filepath.Join(f.dir, path)
	}
	b, err := os.ReadFile(path)
	require.NoError(f.t, err)
	after := edit(bytes.Clone(b))
	require.NotEqual(f.t, b, after, "nothing was damaged")
	require.NoError(f.t, os.WriteFile(path, after, 0o644))
}

// replace edits a text of a file, where it stands first.
func (f *ended) replace(path, before, after string) {
	f.t.Helper()
	f.text(path, func(b []byte) []byte { return bytes.Replace(b, []byte(before), []byte(after), 1) })
}

// first edits the first line of a file of a cell.
func (f *ended) first(cell, file string, edit func(line object)) {
	f.t.Helper()
	n := 0
	f.linesOf(filepath.Join(cell, file), func(_ record.Cell, line object) bool {
		if n++; n == 1 {
			edit(line)
		}
		return true
	})
}

func (f *ended) remove(path string) { require.NoError(f.t, os.RemoveAll(path)) }

func (f *ended) swap(x, y string) {
	f.t.Helper()
	require.NoError(f.t, os.Rename(x, x+".x"))
	require.NoError(f.t, os.Rename(y, x))
	require.NoError(f.t, os.Rename(x+".x", y))
}

// keep keeps some of the lines of a file.
func (f *ended) keep(path string, keep func(n int) bool) {
	f.text(path, func(b []byte) []byte {
		var out []byte
		n := 0
		for line := range bytes.Lines(b) {
			if keep(n) {
				out = append(out, line...)
			}
			n++
		}
		return out
	})
}

func eachSecond(n int) bool { return n%2 == 0 }

func cut(b []byte) []byte { return b[:len(b)-5] }

func double(b []byte) []byte {
	var out []byte
	for line := range bytes.Lines(b) {
		out = append(append(out, line...), line...)
	}
	return out
}

func damages() []damage {
	metrics := func(name string, key string, v any) damage {
		return damage{name, func(f *ended) { f.first(f.a, record.FileMetrics, func(q object) { q[key] = v }) }, record.FileMetrics}
	}
	info := func(name string, edit func(c object)) damage {
		return damage{name, func(f *ended) { f.json(rel(f.dir, f.a, record.FileCell), edit) }, record.FileCell}
	}
	plan := func(name string, edit func(p object)) damage {
		return damage{name, func(f *ended) { f.json(record.FilePlan, edit) }, record.FilePlan}
	}
	return []damage{
		{"every request twice", func(f *ended) { f.text(filepath.Join(f.a, record.FileMetrics), double) }, record.FileMetrics},
		{"every request of all cells twice", func(f *ended) {
			paths, _ := filepath.Glob(filepath.Join(f.dir, "cells", "*", record.FileMetrics))
			for _, p := range paths {
				f.text(p, double)
			}
		}, record.FileMetrics},
		{"half of the requests gone", func(f *ended) { f.keep(filepath.Join(f.a, record.FileMetrics), eachSecond) }, record.FileMetrics},
		{"half of the machine's samples gone", func(f *ended) { f.keep(filepath.Join(f.b, record.FileSysmon), eachSecond) }, record.FileSysmon},
		{"half of the KV samples gone", func(f *ended) { f.keep(filepath.Join(f.b, record.FileDynKV), eachSecond) }, record.FileDynKV},
		{"half of the server's timings gone", func(f *ended) { f.keep(filepath.Join(f.a, record.FilePerf), eachSecond) }, record.FilePerf},
		{"last request cut off", func(f *ended) { f.text(filepath.Join(f.a, record.FileMetrics), cut) }, record.FileMetrics},
		{"last sample cut off", func(f *ended) { f.text(filepath.Join(f.a, record.FileSysmon), cut) }, record.FileSysmon},
		{"last KV sample cut off", func(f *ended) { f.text(filepath.Join(f.b, record.FileDynKV), cut) }, record.FileDynKV},
		{"first and second request exchanged", func(f *ended) {
			f.text(filepath.Join(f.a, record.FileMetrics), func(b []byte) []byte {
				l := bytes.SplitAfterN(b, []byte("\n"), 3)
				return bytes.Join([][]byte{l[1], l[0], l[2]}, nil)
			})
		}, record.FileMetrics},
		{"every TTFT replaced", func(f *ended) {
			f.linesOf(filepath.Join(f.b, record.FileMetrics), func(_ record.Cell, q object) bool { q["lat_ttft_ms"] = 100; return true })
		}, record.FileMetrics},
		metrics("a negative TTFT", "lat_ttft_ms", -5),
		metrics("a TTFT beyond numbers", "lat_ttft_ms", 1e308),
		metrics("an unknown phase", "phase", "cooldown"),
		metrics("an unknown result", "rc", "fine"),
		metrics("a request of another run", "run_id", "h2b-sim-default-s2-00000000"),
		metrics("more tokens than there are", "output_tokens", 1<<62),
		{"a sample of an unknown phase", func(f *ended) { f.first(f.a, record.FileSysmon, func(s object) { s["phase"] = "rest" }) }, record.FileSysmon},
		{"a digit of a sample", func(f *ended) { f.replace(filepath.Join(f.a, record.FileSysmon), `"dt_ms":1000`, `"dt_ms":1001`) }, record.FileSysmon},
		{"requests emptied", func(f *ended) { f.text(filepath.Join(f.a, record.FileMetrics), func([]byte) []byte { return nil }) }, record.FileMetrics},
		{"requests gone", func(f *ended) { f.remove(filepath.Join(f.a, record.FileMetrics)) }, record.FileMetrics},
		{"samples gone", func(f *ended) { f.remove(filepath.Join(f.a, record.FileSysmon)) }, record.FileSysmon},
		{"server's timings gone", func(f *ended) { f.remove(filepath.Join(f.a, record.FilePerf)) }, record.FilePerf},
		{"raw page gone", func(f *ended) { f.remove(filepath.Join(f.b, "kvbm.prom")) }, "kvbm.prom"},
		{"raw page edited", func(f *ended) { f.text(filepath.Join(f.b, "kvbm.prom"), cut) }, "kvbm.prom"},
		{"timings put where there were none", func(f *ended) {
			require.NoError(f.t, os.WriteFile(filepath.Join(f.b, record.FilePerf), nil, 0o644))
		}, record.FilePerf},
		{"a FIFO in place of requests", func(f *ended) {
			f.remove(filepath.Join(f.a, record.FileMetrics))
			require.NoError(f.t, syscall.Mkfifo(filepath.Join(f.a, record.FileMetrics), 0o644))
		}, record.FileMetrics},
		{"a folder in place of samples", func(f *ended) {
			f.remove(filepath.Join(f.a, record.FileSysmon))
			require.NoError(f.t, os.Mkdir(filepath.Join(f.a, record.FileSysmon), 0o755))
		}, record.FileSysmon},
		{"cell.json gone", func(f *ended) { f.remove(filepath.Join(f.a, record.FileCell)) }, record.FileCell},
		{"cell.json cut off", func(f *ended) { f.text(filepath.Join(f.a, record.FileCell), cut) }, record.FileCell},
		info("other counts", func(c object) { c["load"].(object)["counts"] = object{"measure": object{"ok": 9}} }),
		info("a negative count", func(c object) { c["load"].(object)["counts"] = object{"measure": object{"ok": -9}} }),
		info("another begin", func(c object) { c["load"].(object)["measure_start"] = 946684801 }),
		info("an end before the begin", func(c object) { c["load"].(object)["measure_end"] = 5 }),
		info("more samples than slots", func(c object) { c["coverage"].(object)["slots"] = 1 }),
		info("other settings", func(c object) { c["settings"].(object)["kv_pool_blocks"] = 5 }),
		info("another run's facts", func(c object) { c["run_id"] = "h2b-sim-default-s2-00000000" }),
		info("no sums", func(c object) { c["files"] = []any{} }),
		{"two cells exchanged", func(f *ended) { f.swap(f.a, f.b) }, record.FileCell},
		{"another cell's facts", func(f *ended) { f.swap(filepath.Join(f.a, record.FileCell), filepath.Join(f.b, record.FileCell)) }, record.FileCell},
		{"two cells' requests exchanged", func(f *ended) {
			f.swap(filepath.Join(f.a, record.FileMetrics), filepath.Join(f.b, record.FileMetrics))
		}, record.FileMetrics},
		{"a cell edited and sealed again", func(f *ended) {
			f.keep(filepath.Join(f.a, record.FileSysmon), eachSecond)
			f.sealCell(f.a)
		}, record.FileCell},
		{"a cell gone", func(f *ended) { f.remove(f.a) }, record.FileCell},
		{"a cell renamed", func(f *ended) { require.NoError(f.t, os.Rename(f.a, strings.Replace(f.a, "rep=1", "rep=3", 1))) }, "rep=3"},
		{"a cell copied", func(f *ended) {
			require.NoError(f.t, os.CopyFS(strings.Replace(f.a, "rep=1", "rep=3", 1), os.DirFS(f.a)))
		}, "rep=3"},
		plan("another seed", func(p object) { p["cells"].([]any)[0].(object)["load_seed"] = 7 }),
		plan("a cell less", func(p object) { p["cells"] = p["cells"].([]any)[1:] }),
		plan("other facts of the rig", func(p object) { p["rig"].(object)["max_request_bytes"] = 4096 }),
		plan("measured on hardware", func(p object) { p["rig"].(object)["simulated"] = false }),
		plan("the layout of an earlier version", func(p object) { p["schema"] = "sparkharness.plan.v2" }),
		plan("another digest", func(p object) { p["config_digest"] = strings.Repeat("0", 64) }),
		{"an earlier version's layout, and no log", func(f *ended) {
			f.json(record.FilePlan, func(p object) { p["schema"] = "sparkharness.plan.v2" })
			f.remove(filepath.Join(f.dir, record.FileAttempts))
		}, record.FileCell},
		{"plan cut off", func(f *ended) { f.text(record.FilePlan, cut) }, record.FilePlan},
		{"plan gone", func(f *ended) { f.remove(filepath.Join(f.dir, record.FilePlan)) }, record.FilePlan},
		{"a threshold edited", func(f *ended) { f.threshold("fetch_share", 0.9) }, record.FileConfig},
		{"a gate edited", func(f *ended) { f.gates("min_coverage", 0.1) }, record.FileConfig},
		{"a comment in the configuration", func(f *ended) {
			f.text(record.FileConfig, func(b []byte) []byte { return append(b, "# fine\n"...) })
		}, record.FileConfig},
		{"configuration gone", func(f *ended) { f.remove(filepath.Join(f.dir, record.FileConfig)) }, record.FileConfig},
		{"log gone", func(f *ended) { f.remove(filepath.Join(f.dir, record.FileAttempts)) }, record.FilePlan},
		{"log without a line", func(f *ended) { f.keep(record.FileAttempts, func(n int) bool { return n != 3 }) }, record.FileAttempts},
		{"log with an edited line", func(f *ended) { f.replace(record.FileAttempts, `"event":"cell"`, `"event":"cem"`) }, record.FileAttempts},
		{"log emptied", func(f *ended) { f.text(record.FileAttempts, func([]byte) []byte { return nil }) }, record.FilePlan},
		{"log without its last cells", func(f *ended) { f.keep(record.FileAttempts, func(n int) bool { return n < 5 }) }, record.FileCell},
	}
}

// rel is a file below dir, named relative to it.
func rel(dir, folder, file string) string {
	out, err := filepath.Rel(dir, filepath.Join(folder, file))
	if err != nil {
		panic(err)
	}
	return out
}

// What happens to a folder after its run has ended is noticed, and the fault names the file. A folder to which nothing
// happened has none.
func TestDamageIsNoticed(t *testing.T) {
	t.Parallel()
	clean := harness.VerifyFolder(all, newEnded(t).dir)
	require.Empty(t, clean.Faults)
	assert.Empty(t, clean.Notes)
	assert.Equal(t, []any{"H2B", "Inconclusive", 12, 12}, []any{clean.Hypothesis, clean.Outcome, clean.Measured, clean.Planned})
	for _, d := range damages() {
		t.Run(d.name, func(t *testing.T) {
			f := newEnded(t)
			d.do(f)
			got := harness.VerifyFolder(all, f.dir)
			require.NotEmpty(t, got.Faults)
			assert.Contains(t, strings.Join(got.Faults, "\n"), d.file)
			_, err := harness.Replay(h2b, f.dir)
			require.ErrorContains(t, err, d.file)
		})
	}
}

// A report that other rules wrote need not be the same to the byte, but its verdict must be.
func TestReportOfOtherRules(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		before, after string
		fault         bool
	}{
		"another number":  {`"n": 2`, `"n": 3`, false},
		"another verdict": {`"Inconclusive"`, `"Refuted"`, true},
	} {
		t.Run(name, func(t *testing.T) {
			f := newEnded(t)
			f.json(record.FilePlan, func(p object) { p["program"].(object)["judges"] = "another" })
			f.seal()
			f.replace("report.json", tc.before, tc.after)
			got := harness.VerifyFolder(all, f.dir)
			assert.Equal(t, tc.fault, len(got.Faults) > 0, got.Faults)
			assert.Equal(t, !tc.fault, len(got.Notes) > 0, got.Notes)
		})
	}
}

// What a run that was killed in a later stage has left of a cell is worth a note, and hinders no resuming; the folder
// of a complete cell that nobody planned is a fault.
func TestCellsThatNobodyPlanned(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]bool{"stack=B,ctx=777,conc=1,rep=1.partial": false, "stack=B,ctx=777,conc=1,rep=1": true} {
		f := newEnded(t)
		require.NoError(t, os.Mkdir(filepath.Join(f.dir, record.DirCells, name), 0o755))
		got := harness.VerifyFolder(all, f.dir)
		assert.Equal(t, fault, len(got.Faults) > 0, got.Faults)
		assert.Equal(t, !fault, len(got.Notes) > 0, got.Notes)
	}
}

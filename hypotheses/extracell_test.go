package hypotheses

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"sparkharness/harness/record"
)

// extra adds a cell to a recording: a copy of another under a name of its own, in the folder and in the plan.
// Both are written as in a plan, such as ctx=256/conc=4/rep=1.
func (r *recording) extra(like, name string) *recording {
	r.t.Helper()
	cell, from := parseCell(r.t, name), parseCell(r.t, like)
	folder := filepath.Join(r.dir, "cells", cell.Folder())
	require.NoError(r.t, os.CopyFS(folder, os.DirFS(filepath.Join(r.dir, "cells", from.Folder()))))
	r.json(filepath.Join("cells", cell.Folder(), "cell.json"), func(v object) { v["cell"] = name })
	return r.json("plan.json", func(v object) {
		cells := v["cells"].([]any)
		i := slices.IndexFunc(cells, func(c any) bool { return c.(object)["cell"] == like })
		require.GreaterOrEqual(r.t, i, 0, like)
		c := object{}
		for k, old := range cells[i].(object) {
			c[k] = old
		}
		c["cell"], c["rep"], c["context_tokens"], c["users"] = name, cell.Int("rep"), cell.Int("ctx"), cell.Int("conc")
		for _, factor := range []string{"stack", "phase", "fio"} {
			if level := cell.Level(factor); level != "" {
				c[factor] = level
			}
		}
		v["cells"] = append(cells, c)
	})
}

// blocks adds blocks to a recording of two, up to so many: copies of its first and second in turn.
func (r *recording) blocks(n int) *recording {
	r.t.Helper()
	folders, err := filepath.Glob(filepath.Join(r.dir, "cells", "*rep=[12]"))
	require.NoError(r.t, err)
	require.NotEmpty(r.t, folders)
	for _, folder := range folders {
		like := strings.ReplaceAll(filepath.Base(folder), ",", "/")
		without, rep, ok := strings.Cut(like, "rep=")
		require.True(r.t, ok, like)
		first, err := strconv.Atoi(rep)
		require.NoError(r.t, err)
		for k := first + 2; k <= n; k += 2 {
			r.extra(like, without+"rep="+strconv.Itoa(k))
		}
	}
	return r.config(func(h object) { h["run"].(object)["reps"] = n })
}

// brief keeps of the samples those of the baseline and of the first half minute of the measure phase: where a test
// makes them all alike, more would say no more, and take longer.
func (r *recording) brief() *recording {
	r.t.Helper()
	paths, err := filepath.Glob(filepath.Join(r.dir, "cells", "*", "*.jsonl"))
	require.NoError(r.t, err)
	for _, path := range paths {
		if base := filepath.Base(path); base != "sysmon.jsonl" && base != "dynkv.jsonl" {
			continue
		}
		b, err := os.ReadFile(path)
		require.NoError(r.t, err)
		var out strings.Builder
		n := 0
		for line := range strings.Lines(string(b)) {
			measuring := strings.Contains(line, `"phase":"`+record.PhaseMeasure+`"`)
			if measuring {
				n++
			}
			if measuring && n <= 30 || strings.Contains(line, `"phase":"`+record.PhaseBaseline+`"`) {
				out.WriteString(line)
			}
		}
		require.GreaterOrEqual(r.t, n, 30, path)
		require.NoError(r.t, os.WriteFile(path, []byte(out.String()), 0o644))
	}
	return r
}

// lose takes a cell's folder away: it was planned and not measured.
func (r *recording) lose(name string) *recording {
	r.t.Helper()
	folder := filepath.Join(r.dir, "cells", parseCell(r.t, name).Folder())
	require.DirExists(r.t, folder)
	require.NoError(r.t, os.RemoveAll(folder))
	return r
}

func parseCell(t *testing.T, name string) record.Cell {
	t.Helper()
	cell, err := record.ParseCell(name)
	require.NoError(t, err)
	return cell
}

package hypotheses

import (
	"os"
	"path/filepath"
	"slices"
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

package record

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The names of a run's files are part of what users and earlier runs rely on.
func TestFolderNames(t *testing.T) {
	assert.Equal(t, filepath.Join("results", "run", "plan.json"), Path("results/run", FilePlan))
	assert.Equal(t, filepath.Join("run", "cells", "stack=A,ctx=2048,rep=1"), CellPath("run", NewCell("stack", "A", "ctx", 2048, "rep", 1)))
	assert.Equal(t, []string{"config.yaml", "plan.json", "manifest.json", "metrics.jsonl", "sysmon.jsonl", "dynkv.jsonl", "perf.jsonl", "cell.json", "attempts.jsonl"},
		[]string{FileConfig, FilePlan, FileManifest, FileMetrics, FileSysmon, FileDynKV, FilePerf, FileCell, FileAttempts})
}

// A cell is complete when its folder has a cell.json, and one without is not an error.
func TestCellInfoRoundTrip(t *testing.T) {
	folder := t.TempDir()
	none, _, err := readCellInfo(folder)
	require.NoError(t, err)
	assert.Nil(t, none)

	start, end, before, after := 100.0, 400.0, 4e9, 0.0
	think := 3 * time.Second
	c := &CellInfo{Cell: "ctx=1/rep=1", Start: 90, HasKV: true,
		Load:       LoadSummary{MeasureStart: &start, MeasureEnd: &end, Counts: map[string]map[string]int{PhaseMeasure: {RCOK: 3}}, MeanThink: &think},
		Coverage:   Coverage{Slots: 1500, Sources: []SourceCoverage{{Name: "proc", Samples: 1499, LastError: "late"}}},
		Settings:   Settings{Model: "m", WantKVPool: 1e9, KVBlockBytes: 1e6, WantBlockTokens: 32, NotReadBack: []string{"loader"}},
		Treatments: []Treated{{Treatment: "drop_caches", Reading: "page cache, B", Before: &before, After: &after}},
		Fio:        &FioRun{Jobs: []string{}, SpanS: 5}}
	c.Load.Gaps.Add(50 * time.Millisecond)
	require.NoError(t, c.Seal(folder))
	back, _, err := readCellInfo(folder)
	require.NoError(t, err)
	assert.Equal(t, c, back)
	assert.Nil(t, back.Settings.KVPoolBytes, "what the server did not say stays unknown")

	require.NoError(t, os.WriteFile(filepath.Join(folder, FileCell), []byte("{"), 0o644))
	_, _, err = readCellInfo(folder)
	require.ErrorContains(t, err, "cell.json")
}

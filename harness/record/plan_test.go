package record

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPlanRoundTrip(t *testing.T) {
	rate, split := 2.5, 524288.0
	p := &Plan{Schema: PlanSchema, RunID: "h2a-sim-default-s1-01234567", Hypothesis: "H2A", Digest: "0123456789abcdef", Refined: true, Ended: "why",
		Program: Program{Measures: "01", Judges: "02"},
		Facts: Facts{Rig: "sim", Clock: ClockVirtual, Origin: "simulated", Simulated: true, Machine: "abc", Capabilities: []string{"fio"},
			Uncalibrated: []string{"a part"}, MaxRequestBytes: &split}}
	for _, key := range []string{"stack=A/ctx=2048/conc=32/rep=1", "phase=cold/tier1=8GiB/policy=LFU/fio=heavy/cadence=1s/turns=12/reuse=0.6/ctx=512/rate=2.5/rep=2"} {
		cell, err := ParseCell(key)
		require.NoError(t, err)
		p.Cells = append(p.Cells, PlannedCell{Key: key, Cell: cell, Stage: 1, Rep: cell.Int("rep"), Stack: "A", Phase: cell.Level("phase"), Tier1Bytes: 8 << 30,
			Policy: "LFU", Fio: "heavy", CadenceMS: 1000, ContextTokens: 2048, Turns: 12, Reuse: 0.6, Users: 32, RateRPS: &rate, LoadSeed: 1<<63 + 1, MachineSeed: 3})
	}
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(Path(dir, FileConfig), []byte("rig: sim\n"), 0o644))
	log, err := OpenLog(dir)
	require.NoError(t, err)
	require.NoError(t, p.Save(dir, log))
	require.NoError(t, log.Close())
	back, err := ReadPlan(dir)
	require.NoError(t, err)
	assert.Equal(t, p, back)
	assert.Len(t, p.ConfigSHA256, 64)

	_, err = ReadPlan(t.TempDir())
	require.ErrorIs(t, err, os.ErrNotExist)
}

// A plan that names no schema is of the first release, which could measure on one machine only.
func TestPlanOfTheFirstRelease(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(Path(dir, FilePlan), []byte(`{"run_id": "h2a-sim-default-s1-65cb3afd", "hypothesis": "H2A", "config_digest": "65cb3afd",
		"cells": [{"cell": "ctx=256/conc=8/rep=1", "stage": 1, "rep": 1, "stack": "A", "context_tokens": 256, "users": 8, "rate_rps": null,
		"load_seed": 5, "machine_seed": 7}], "refined": false}`), 0o644))
	p, err := ReadPlan(dir)
	require.NoError(t, err)
	assert.False(t, p.sealed())
	assert.Equal(t, []any{"H2A", "65cb3afd"}, []any{p.Hypothesis, p.Digest})
	assert.Equal(t, []any{"sim", ClockVirtual, true}, []any{p.Facts.Rig, p.Facts.Clock, p.Facts.Simulated})
	assert.NotEmpty(t, p.Facts.Origin)
	require.NotNil(t, p.Facts.MaxRequestBytes)
	assert.Equal(t, 524288.0, *p.Facts.MaxRequestBytes)
	assert.Empty(t, p.Facts.Machine, "it did not say")
	require.Len(t, p.Facts.Uncalibrated, 1, "and did not say what is uncalibrated")
	assert.Contains(t, p.Facts.Uncalibrated[0], "not recorded")
	require.Len(t, p.Cells, 1)
	assert.Equal(t, NewCell("ctx", 256, "conc", 8, "rep", 1), p.Cells[0].Cell)
	assert.Equal(t, uint64(7), p.Cells[0].MachineSeed)
}

func TestReadPlanRefuses(t *testing.T) {
	for name, tc := range map[string]struct{ text, want string }{
		"a later schema":           {`{"schema": "sparkharness.plan.v4", "cells": []}`, `schema "sparkharness.plan.v4"; this program reads sparkharness.plan.v3: judge the run with the version that measured it`},
		"not a plan":               {`[]`, "not the plan of a run"},
		"not JSON":                 {`{"schema"`, "not the plan of a run"},
		"a cell that leaves cells": {`{"cells":[{"cell":"ctx=../../x"}]}`, "ctx=../../x"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			require.NoError(t, os.WriteFile(Path(dir, FilePlan), []byte(tc.text), 0o644))
			_, err := ReadPlan(dir)
			require.ErrorContains(t, err, tc.want)
			require.ErrorContains(t, err, "plan.json")
		})
	}
}

package report

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sparkharness/harness/verdict"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestWriteThenRead(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	want := sampleH2B()
	require.NoError(t, Write(dir, want))
	first, err := os.ReadFile(filepath.Join(dir, FileName))
	require.NoError(t, err)

	got, err := Read(filepath.Join(dir, FileName))
	require.NoError(t, err)
	assert.Equal(t, want.Rows, got.Rows)
	assert.Equal(t, want.Verdict, got.Verdict)
	assert.Equal(t, want.Findings, got.Findings)
	assert.Equal(t, want.Sizing, got.Sizing)
	assert.Equal(t, want.Accounts, got.Accounts)

	require.NoError(t, Write(dir, got))
	second, err := os.ReadFile(filepath.Join(dir, FileName))
	require.NoError(t, err)
	assert.Equal(t, string(first), string(second), "the same report gives the same bytes")

	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, left, 1, "no temporary file stays behind")
}

func TestWriteHasNoNullList(t *testing.T) {
	r := &verdict.Judgement{Schema: verdict.Schema, RunID: "r", Figures: []verdict.Figure{{Panels: []verdict.Panel{{}}}}}
	r.Verdict.Outcome = "Invalid"
	data, err := encode(r)
	require.NoError(t, err)
	for _, list := range []string{"uncalibrated", "stacks", "reasons", "gates", "checks", "findings", "rows", "accounts", "series", "marks"} {
		assert.Contains(t, string(data), `"`+list+`": []`)
	}
	assert.Nil(t, r.Rows, "the caller's report is left alone")
}

func TestWriteRefusesWhatIsNotFinite(t *testing.T) {
	for _, tc := range []struct {
		path string
		set  func(*verdict.Judgement)
	}{
		{"cell_seconds", func(r *verdict.Judgement) { r.CellSeconds = math.NaN() }},
		{"rows[3].ttft_ms.p99.hi", func(r *verdict.Judgement) { r.Rows[3].TTFT.P99.Hi = ptr(math.Inf(1)) }},
		{"figures[0].panels[0].series[1].y[2]", func(r *verdict.Judgement) { r.Figures[0].Panels[0].Series[1].Y[2] = math.Inf(-1) }},
		{"accounts[1].residual_pct", func(r *verdict.Judgement) { r.Accounts[1].ResidualPct = ptr(math.Inf(1)) }},
		{"verdict.effect.value", func(r *verdict.Judgement) { r.Verdict.Effect.Value = ptr(math.NaN()) }},
	} {
		t.Run(tc.path, func(t *testing.T) {
			dir := t.TempDir()
			r := sampleH2B()
			tc.set(r)
			require.ErrorContains(t, Write(dir, r), tc.path+" is ")
			assert.NoFileExists(t, filepath.Join(dir, FileName))
		})
	}
}

func TestFailedWriteLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, FileName, "in the way"), 0o755))
	require.ErrorContains(t, Write(dir, sampleH2B()), FileName)
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, left, 1, "no temporary file stays behind")
}

func TestReadRefuses(t *testing.T) {
	good, err := encode(sampleH2B())
	require.NoError(t, err)
	for _, tc := range []struct{ name, old, new string }{
		{"an unknown field", `"claim":`, `"clam":`},
		{"another schema", verdict.Schema, "sparkharness.report.v0"},
		{"an unknown outcome", `"outcome": "Supported"`, `"outcome": "supported"`},
		{"no run id", `"run_id": "20260301T101500Z-h2b-sim-default-s1"`, `"run_id": ""`},
		{"a wrong type", `"seed": 1`, `"seed": "1"`},
		{"a truncated file", "}\n", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			require.Contains(t, string(good), tc.old)
			i := strings.LastIndex(string(good), tc.old)
			path := filepath.Join(t.TempDir(), FileName)
			require.NoError(t, os.WriteFile(path, []byte(string(good[:i])+tc.new+string(good[i+len(tc.old):])), 0o644))
			_, err := Read(path)
			require.ErrorIs(t, err, ErrNotAReport)
		})
	}
	t.Run("more after the report", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), FileName)
		require.NoError(t, os.WriteFile(path, append(good, "{}"...), 0o644))
		_, err := Read(path)
		require.ErrorIs(t, err, ErrNotAReport)
	})
	t.Run("no file", func(t *testing.T) {
		_, err := Read(filepath.Join(t.TempDir(), FileName))
		require.ErrorIs(t, err, os.ErrNotExist)
	})
}

func FuzzRead(f *testing.F) {
	small := sampleH2B() // the fuzzer is slow on large seeds
	small.Rows, small.Accounts, small.Figures[0].Panels = small.Rows[9:], small.Accounts[9:], small.Figures[0].Panels[1:]
	data, err := encode(small)
	require.NoError(f, err)
	f.Add(data)
	f.Add([]byte(`{"schema":"sparkharness.report.v1","run_id":"x","verdict":{"outcome":"Invalid"}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := decode(data)
		if err != nil {
			return
		}
		// What can be read can be written, read and rendered.
		again, err := encode(r)
		require.NoError(t, err)
		_, err = decode(again)
		require.NoError(t, err)
		require.NoError(t, Table(&strings.Builder{}, r))
		for _, fig := range r.Figures {
			_, _ = drawFigure(fig, "")
		}
	})
}

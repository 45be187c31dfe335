package report

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"sparkharness/harness/evidence"
	"sparkharness/harness/verdict"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func summaryOf(t *testing.T, dir string) (data []byte, lines [][]string, warnings []string) {
	t.Helper()
	warnings, err := WriteSummary(dir)
	require.NoError(t, err)
	data, err = os.ReadFile(filepath.Join(dir, SummaryName))
	require.NoError(t, err)
	lines, err = csv.NewReader(bytes.NewReader(data)).ReadAll()
	require.NoError(t, err)
	return data, lines, warnings
}

func TestSummaryGolden(t *testing.T) {
	dir := t.TempDir()
	for _, r := range []*verdict.Judgement{sampleH2B(), sampleH0()} {
		require.NoError(t, Write(filepath.Join(dir, r.RunID), r))
	}
	data, lines, warnings := summaryOf(t, dir)
	assert.Empty(t, warnings)
	golden(t, "summary_v3.csv", data)
	require.Len(t, lines, 21)
	assert.Equal(t, strings.Fields("run_id stack model workload context_tokens concurrency p50_ttft_ms p95_ttft_ms p99_ttft_ms "+
		"p50_e2e_ms p95_e2e_ms p99_e2e_ms samples sysmon_samples"), lines[0][:14])
	assert.Less(t, lines[1][0], lines[20][0], "by run id")
	assert.Equal(t, "256", lines[11][4], "then in the report's order")
	assert.Equal(t, "512", lines[12][4])
	column := slices.Index(lines[0], "r_await_ms")
	assert.Empty(t, lines[11][column], "not measured is empty, not 0")
}

func TestSummaryLeavesOut(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"good", "old.prev", "now.partial", ".hidden"} {
		require.NoError(t, Write(filepath.Join(dir, name), sampleH0()))
	}
	require.NoError(t, os.Mkdir(filepath.Join(dir, "empty"), 0o755))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "broken"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "broken", FileName), []byte("{"), 0o644))
	_, lines, warnings := summaryOf(t, dir)
	assert.Len(t, lines, 1+len(sampleH0().Rows))
	require.Len(t, warnings, 1)
	assert.Contains(t, warnings[0], filepath.Join("broken", FileName))

	_, err := WriteSummary(filepath.Join(dir, "absent"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

// What a results folder has in place of a report becomes a warning, and neither hangs nor hides the others.
func TestReportsAreRegularFiles(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, Write(filepath.Join(dir, "good"), sampleH0()))
	put := func(name string) string {
		require.NoError(t, os.Mkdir(filepath.Join(dir, name), 0o755))
		return filepath.Join(dir, name, FileName)
	}
	require.NoError(t, os.Symlink(os.DevNull, put("device")))
	require.NoError(t, os.Mkdir(put("folder"), 0o755))
	large := put("large")
	require.NoError(t, os.WriteFile(large, nil, 0o644))
	require.NoError(t, os.Truncate(large, maxReport+1))
	_, lines, warnings := summaryOf(t, dir)
	assert.Len(t, lines, 1+len(sampleH0().Rows))
	require.Len(t, warnings, 3)
	for i, is := range []string{"device/report.json is a device", "folder/report.json is a folder", "large/report.json is too large: 256 MiB"} {
		assert.Contains(t, warnings[i], is)
	}
}

// TestSummaryHasEveryRowField gives each field of a row a value of its own and looks for it in the line.
func TestSummaryHasEveryRowField(t *testing.T) {
	var row evidence.Row
	next := 1000
	want := map[string]string{}
	var fill func(path string, v reflect.Value)
	fill = func(path string, v reflect.Value) {
		next++
		switch v.Kind() {
		case reflect.Pointer:
			v.Set(reflect.New(v.Type().Elem()))
			fill(path, v.Elem())
		case reflect.Struct:
			for i := range v.NumField() {
				fill(path+"."+v.Type().Field(i).Name, v.Field(i))
			}
		case reflect.String:
			v.SetString(fmt.Sprint(next))
			want[path] = fmt.Sprint(next)
		case reflect.Int, reflect.Int64:
			v.SetInt(int64(next))
			want[path] = fmt.Sprint(next)
		case reflect.Float64:
			v.SetFloat(float64(next) + 0.5)
			want[path] = fmt.Sprint(float64(next) + 0.5)
		case reflect.Bool:
		default:
			t.Fatalf("%s has the kind %s", path, v.Kind())
		}
	}
	fill("row", reflect.ValueOf(&row).Elem())
	require.Greater(t, len(want), 50)

	r := sampleH0()
	var line, names []string
	for _, f := range summaryFields() {
		line, names = append(line, f.get(r, &row)), append(names, f.name)
	}
	for path, v := range want {
		assert.Equal(t, 1, occurrences(line, v), "%s stands in one column", path)
	}
	slices.Sort(names)
	assert.Len(t, slices.Compact(slices.Clone(names)), len(names), "no column twice")
	for _, name := range []string{"rig", "world", "seed", "hypothesis", "outcome", "p99_ttft_at_least"} {
		assert.Contains(t, names, name)
	}
}

func occurrences(list []string, s string) int {
	n := 0
	for _, x := range list {
		if x == s {
			n++
		}
	}
	return n
}

package sheet

import (
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/evidence"
	"sparkharness/harness/record"
)

const recorded = "../../fixtures/runs"

func read(t *testing.T, dir string) *Run {
	t.Helper()
	r, err := Read(dir)
	require.NoError(t, err)
	return r
}

func markdown(t *testing.T, r *Run, capacity *float64) string {
	t.Helper()
	var b strings.Builder
	require.NoError(t, r.Markdown(&b, capacity))
	return b.String()
}

// section is what stands below a title, up to the next one.
func section(t *testing.T, text, title string) string {
	t.Helper()
	_, rest, found := strings.Cut(text, "\n## "+title+"\n")
	require.True(t, found, "%s in\n%s", title, text)
	rest, _, _ = strings.Cut(rest, "\n## ")
	return rest
}

// rows are the lines of the first table in a text, without its head, each as its cells.
func rows(text string) (all [][]string) {
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") {
			if len(all) > 0 {
				break
			}
			continue
		}
		var cells []string
		for c := range strings.SplitSeq(strings.Trim(line, "|"), " |") {
			cells = append(cells, strings.TrimSpace(c))
		}
		all = append(all, cells)
	}
	if len(all) < 2 {
		return nil
	}
	return all[2:]
}

// Every recorded run has a sheet, whatever it lacks: no number that is none, and each table as wide as its head.
func TestRecordedRuns(t *testing.T) {
	dirs, err := filepath.Glob(recorded + "/*")
	require.NoError(t, err)
	dirs = append(dirs, "../../fixtures/first_release/h1")
	require.Greater(t, len(dirs), 12)
	bad := regexp.MustCompile(`NaN|Inf|%!|<nil>|0x`)
	for _, dir := range dirs {
		t.Run(filepath.Base(filepath.Dir(dir))+"/"+filepath.Base(dir), func(t *testing.T) {
			r := read(t, dir)
			text := markdown(t, r, nil)
			assert.Empty(t, bad.FindString(text), text)
			assert.Contains(t, text, "**Not all of it is measured on hardware:** simulated")
			assert.Contains(t, section(t, text, "Configuration"), "| drive | MODELLED, no real one: ")
			width := 0
			for line := range strings.Lines(text) {
				if !strings.HasPrefix(line, "|") {
					width = 0
					continue
				}
				if width == 0 {
					width = strings.Count(line, "|")
				}
				assert.Equal(t, width, strings.Count(line, "|"), line)
			}
			for _, a := range r.Arms {
				assertAsEvidence(t, a)
			}
		})
	}
}

// assertAsEvidence compares a phase, which is summed from lines here, with what rules are given of it.
func assertAsEvidence(t *testing.T, a *Arm) {
	t.Helper()
	var read, written, ios, fio float64
	var out *float64
	for _, c := range a.Cells {
		m := &c.Sys.Measure
		read, written, ios = read+m.ReadBytes, written+m.WriteBytes, ios+m.ReadIOs
		fio += record.OrZero(m.FioReadBytes)
		if c.KV != nil {
			out = record.SumOfKnown(out, c.KV.Tier2BytesOut)
		}
	}
	m := &a.Measure
	assert.InEpsilon(t, 1+read, 1+m.DeviceRead.bytes, 1e-9, a.Name())
	assert.InEpsilon(t, 1+written, 1+m.DeviceWrite.bytes, 1e-9, a.Name())
	assert.InEpsilon(t, 1+ios, 1+m.DeviceRead.ios, 1e-9, a.Name())
	assert.InEpsilon(t, 1+fio, 1+record.OrZero(m.FioRead), 1e-9, a.Name())
	assert.Equal(t, out == nil, m.KVRead == nil, a.Name())
	assert.InEpsilon(t, 1+record.OrZero(out), 1+record.OrZero(m.KVRead), 1e-9, a.Name())
}

func TestReadRefuses(t *testing.T) {
	_, err := Read(t.TempDir())
	require.ErrorContains(t, err, "no run there: give the folder of a run, which holds a plan.json")

	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS(recorded+"/h4b")))
	lines, err := filepath.Glob(dir + "/cells/fio=none*rep=1/sysmon.jsonl")
	require.NoError(t, err)
	require.Len(t, lines, 1)
	require.NoError(t, os.WriteFile(lines[0], []byte("{}\n"), 0o644))
	_, err = Read(dir)
	require.ErrorContains(t, err, "sysmon.jsonl")
	require.ErrorAs(t, err, new(*record.DamageError), "what was changed is in no sheet")

	dir = t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS(recorded+"/h4b")))
	require.NoError(t, os.WriteFile(record.Path(dir, record.FileManifest), []byte("{"), 0o644))
	_, err = Read(dir)
	require.ErrorContains(t, err, "manifest.json: not the manifest of a run")
}

// What only a manifest and a report tell is told where they are.
func TestReadManifest(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS(recorded+"/h4b")))
	require.NoError(t, os.WriteFile(record.Path(dir, record.FileManifest), []byte(`{"os": "linux", "kernel": "6.17.0-spark", "arch": "arm64", "commit": "abc"}`), 0o644))
	r := read(t, dir)
	assert.Equal(t, "linux 6.17.0-spark arm64", r.System)
	assert.Equal(t, "abc", r.Version)
	assert.Regexp(t, `^(Supported|Inconclusive|Refuted|Invalid): `, r.Verdict)
	require.NoError(t, os.WriteFile(record.Path(dir, "report.json"), []byte("{}"), 0o644))
	assert.Contains(t, markdown(t, read(t, dir), nil), "Verdict of the run: not told (")
	require.NoError(t, os.Remove(record.Path(dir, "report.json")))
	r = read(t, dir)
	assert.Empty(t, r.Verdict)
	assert.NotContains(t, markdown(t, r, nil), "Verdict of the run")
}

// What comes before the measured load fills the tiers, idle and drain are in no phase, and a scrape that failed hides nothing.
func TestPhases(t *testing.T) {
	folder := t.TempDir()
	sys, err := record.Create(filepath.Join(folder, record.FileSysmon), 0)
	require.NoError(t, err)
	for i, phase := range []string{record.PhaseBaseline, record.PhasePrepare, record.PhaseTreat, record.PhaseWarmup, record.PhaseMeasure, record.PhaseDrain} {
		require.NoError(t, sys.Write(&record.SysSample{TS: float64(i), DtMS: 1000, Phase: phase, NVMe: &record.NVMe{ReadBytes: math.Pow(10, float64(i))}}))
	}
	require.NoError(t, sys.Close())
	kv, err := record.Create(filepath.Join(folder, record.FileDynKV), 0)
	require.NoError(t, err)
	for i, s := range []record.KVSample{
		{Phase: record.PhaseWarmup, Tier2: record.KVTier{BytesOut: new(1.0)}}, {Phase: record.PhaseWarmup, Tier2: record.KVTier{BytesOut: new(3.0)}},
		{Phase: record.PhaseMeasure, Failed: new("no answer")}, {Phase: record.PhaseMeasure, Tier2: record.KVTier{BytesOut: new(7.0)}},
		{Phase: record.PhaseDrain, Tier2: record.KVTier{BytesOut: new(15.0)}},
	} {
		s.TS = float64(i)
		require.NoError(t, kv.Write(&s))
	}
	require.NoError(t, kv.Close())
	var a Arm
	require.NoError(t, a.load(folder, &evidence.Cell{Info: record.CellInfo{HasKV: true}}))
	assert.InDelta(t, 1010, a.Populate.DeviceRead.bytes, 0)
	assert.InDelta(t, 10_000, a.Measure.DeviceRead.bytes, 0)
	assert.InDelta(t, 2, *a.Populate.KVRead, 0)
	assert.InDelta(t, 4, *a.Measure.KVRead, 0)
	assert.InDelta(t, 2, a.Measure.KVSeconds, 0)
}

// What a run keeps of its drive is the same wherever the folder lies, and whatever has been left in it since.
func TestTextIsOfTheRun(t *testing.T) {
	at := func(dir string) string {
		text, err := Text(dir)
		require.NoError(t, err)
		return string(text)
	}
	there := filepath.Join(recorded, "h2b")
	copied := filepath.Join(t.TempDir(), "elsewhere")
	require.NoError(t, os.CopyFS(copied, os.DirFS(there)))
	cells, err := os.ReadDir(filepath.Join(copied, record.DirCells))
	require.NoError(t, err)
	require.NoError(t, os.Mkdir(filepath.Join(copied, record.DirCells, cells[0].Name()+record.DamagedSuffix+"1"), 0o755))
	require.Contains(t, markdown(t, read(t, copied), nil), "is a damaged cell that was set aside")
	assert.Equal(t, at(there), at(copied))
	assert.Contains(t, at(there), "## Account of the drive's bytes")
}

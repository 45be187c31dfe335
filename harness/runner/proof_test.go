package runner

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/record"
	"sparkharness/harness/rig"
)

// measuredCell runs the first cell of a short configuration and reads its cell.json and its machine samples.
func measuredCell(t *testing.T, o Options) (record.CellInfo, []record.SysSample) {
	t.Helper()
	r := opened(t, o)
	defer func() { assert.NoError(t, r.Close()) }()
	pc := r.o.Plan.Cells[0]
	dir, err := r.art.begin(pc)
	require.NoError(t, err)
	require.NoError(t, measureCell(t, r, pc, dir, nil))
	require.NoError(t, r.art.keep(pc))
	run, err := record.ReadRun(r.Dir())
	require.NoError(t, err)
	info, err := run.Cell(pc)
	require.NoError(t, err)
	require.NotNil(t, info)
	var samples []record.SysSample
	require.NoError(t, record.ReadComplete(filepath.Join(record.CellPath(r.Dir(), pc.Cell), record.FileSysmon), func(s *record.SysSample) error {
		samples = append(samples, *s)
		return nil
	}))
	return *info, samples
}

// Every cell says what its device is and that its counters move; its baseline has no part of the proof.
func TestCountersAreProvedBeforeTheBaseline(t *testing.T) {
	info, samples := measuredCell(t, short(t, "H2A"))
	require.NotNil(t, info.Device)
	assert.Equal(t, "nvme0n1", info.Device.Name)
	assert.Equal(t, new(true), info.Device.Counted)
	require.NotNil(t, info.Counters)
	shown, known := info.Counters.Shown()
	assert.True(t, shown && known, "%+v", info.Counters)
	first := samples[0]
	assert.Equal(t, record.PhaseBaseline, first.Phase)
	assert.InDelta(t, first.DtMS/1000, first.TS-info.Start, 0.001, "the slot before it was the first of the cell's clock")
	written, told := 0.0, 0
	for _, s := range samples {
		if s.Phase == record.PhaseBaseline {
			require.NotNil(t, s.NVMe)
			written = max(written, s.NVMe.WriteBytes)
		}
		if s.Server != nil {
			told++
		}
	}
	assert.Less(t, written, 512.0*1024, "the operating system's own")
	assert.Equal(t, len(samples), told, "the server's own I/O is told in every sample")
}

// A rig that cannot prove its counters says so, and is not asked.
func TestCountersThatCannotBeProved(t *testing.T) {
	o := short(t, "H2A")
	o.Plan.Facts.Capabilities = slices.DeleteFunc(slices.Clone(o.Plan.Facts.Capabilities), func(c string) bool { return c == rig.ProvesCounters })
	info, _ := measuredCell(t, o)
	require.NotNil(t, info.Counters)
	assert.Contains(t, info.Counters.Lacking, "rig sim can neither read nor write on the watched device")
	_, known := info.Counters.Shown()
	assert.False(t, known)
}

// What a rig says of the drive of real servers is kept with the cell.
func TestDriveOfTheSources(t *testing.T) {
	o := short(t, "H2A")
	o.Rig = &tended{Rig: o.Rig, drive: &record.Drive{FileSystem: "xfs", MountOptions: "rw"}}
	info, _ := measuredCell(t, o)
	assert.Equal(t, &record.Drive{FileSystem: "xfs", MountOptions: "rw"}, info.Drive)
}

package verdict

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/evidence"
	"sparkharness/harness/record"
)

// used is what a cell's loader did, of a drive that tells all, and how warm it was at its end.
func used(warm float64) *evidence.Cell {
	health := func(c float64) record.Health { return record.Health{Drives: []record.DriveHealth{{TemperatureC: &c}}} }
	return &evidence.Cell{Info: record.CellInfo{Storage: &record.StorageUse{
		Drive: record.Drive{FileSystem: "xfs", Layers: []string{"nvme0n1p2 (partition)"}, Notes: []string{"a note"}, Leaves: []record.DriveLeaf{{
			Device: record.Device{Name: "nvme0n1"}, Model: "M", Firmware: "F", Transport: "pcie", SizeBytes: new(int64(4e12)), SerialHash: "ab", Scheduler: "none",
			WriteCache: "write back", PCIe: &record.PCIeLink{Speed: "32.0 GT/s PCIe", Width: "4"}}}},
		Proof: record.CountersProof{AskedReadBytes: 64 << 20, AskedWriteBytes: 64 << 20, ReadBytes: new(float64(64 << 20)), WriteBytes: new(float64(65 << 20))},
		Reads: &record.LoaderFigures{IOs: 1000, Bytes: 1e9, TookS: 0.5, ConfiguredS: 0.22, MeasuredS: 0.08, WaitedS: 0.15}, Writes: &record.LoaderFigures{}},
		Health: &record.Around{Before: health(50), After: health(warm)}}}
}

// The report has the drive as one names it, and what an I/O of the loader cost beside it, over all cells.
func TestStorageUse(t *testing.T) {
	found := storageUse([]*evidence.Cell{{}, used(61), used(58)})
	require.Len(t, found, 4, "nothing was written")
	assert.Equal(t, "nvme0n1, M, firmware F, over pcie, 4000 GB, serial hash ab, link 32.0 GT/s PCIe x4, scheduler none, write cache write back, xfs on "+
		"nvme0n1p2 (partition); a note; not preconditioned: its files were written once before the run", found[0].Detail)
	mounted := used(0)
	mounted.Info.Storage.Drive.MountOptions = "rw,noatime"
	mounted.Info.Storage.Drive.FSBytes, mounted.Info.Storage.Drive.FreeBytes = new(int64(900e9)), new(int64(0))
	assert.Contains(t, storageUse([]*evidence.Cell{mounted})[0].Detail, "xfs on nvme0n1p2 (partition), mounted rw,noatime, 0 of 900 GB free before the run; a note")
	assert.Nil(t, found[0].Value)
	assert.InDelta(t, 1, *found[1].Value, 1e-9)
	assert.Equal(t, "at the start 64.0 MiB read moved them by 64.0 MiB, and 64.0 MiB written by 65.0 MiB", found[1].Detail)
	assert.InDelta(t, 61, *found[2].Value, 1e-9)
	assert.InDelta(t, 230, *found[3].Value, 1e-9)
	assert.Equal(t, "an I/O, of 220 us configured: 80 us of this program's CPU time and 150 us waited; beside it 500 us in the drive; 2000 I/Os, 2.00 GB, "+
		"over all cells, warm-up included", found[3].Detail)

	assert.Empty(t, storageUse([]*evidence.Cell{{}}), "of a machine that is either real or not")
	silent := used(61)
	silent.Info.Health = nil
	assert.Len(t, storageUse([]*evidence.Cell{silent}), 3, "what is not told is no temperature")
}

package sheet

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/config"
	"sparkharness/harness/evidence"
	"sparkharness/harness/record"
)

func written(write func(*strings.Builder)) string {
	var b strings.Builder
	write(&b)
	return b.String()
}

func TestConfiguration(t *testing.T) {
	r := onDrive()
	text := written(r.configuration)
	for _, line := range []string{
		"| system | linux 6.17.0 arm64 |", "| drive | nvme0n1, pcie |", "| drive: model | Drive 1TB |", "| drive: firmware | 1B2Q |", "| drive: capacity | 1000 GB |",
		"| drive: PCIe link | 16.0 GT/s PCIe x4 (could: 32.0 GT/s PCIe x4) |", "| drive: scheduler | none |", "| drive: write cache | write back |",
		"| drive: logical/physical block | 512 B / 4096 B |", "| drive: writeback throttling (wbt_lat) | 0 us |",
		"| file system | ext4 on nvme0n1p2 (partition) |", "| mount options | rw,noatime |", "| free space before the run | 450.0 of 900.0 GB, 50 % |",
		"| drive's temperature at the start | nvme0n1 41 degrees Celsius |", "| wear | nvme0n1 3 % used; nvme0n1 1.00 TB written in its life |",
		"| self-test of the counters | 1.0 MiB read moved them by 1.0, 1.0 MiB written by 1.0 |",
		"| stack B | Dynamo: manager kvbm, tier 1 0B, tier 2 2GiB; loader 1 reads of 128KiB in flight, 0s of software time each |",
	} {
		assert.Contains(t, text, line+"\n")
	}

	// Nothing is told.
	u := r.Evidence.Cells[0].Info.Storage
	u.Drive = record.Drive{Leaves: []record.DriveLeaf{{Device: record.Device{Name: "vda"}, Virtual: true}, {Device: record.Device{Name: "vdb"}}}}
	r.Evidence.Cells[0].Info.Health, r.Evidence.Cells[1].Info.Health = nil, nil
	u.Proof.ReadBytes, r.System = nil, ""
	text = written(r.configuration)
	for _, line := range []string{
		"| system | not told |", "| vda | vda, virtual: its figures are the hypervisor's |", "| vda: model | not told |", "| vdb: firmware | not told |", "| vdb: capacity | not told |",
		"| vdb: PCIe link | not told |", "| vda: logical/physical block | not told / not told |", "| vda: writeback throttling (wbt_lat) | not told |", "| mount options | not told |",
		"| free space before the run | not told |", "| drive's temperature at the start | not told |", "| self-test of the counters | not told |", "| wear | not told |",
	} {
		assert.Contains(t, text, line+"\n")
	}

	// A server that other people started, on a device of which the run has the name alone.
	for _, c := range r.Evidence.Cells {
		c.Info.Storage, c.Info.Device = nil, &record.Device{Name: "nvme7n1"}
	}
	text = written(r.configuration)
	assert.Contains(t, text, "| drive | nvme7n1 |\n| model | not told |\n")

	// The same with a folder on its drive.
	d := realDrive()
	c := r.Evidence.Cells[1]
	c.Info.Drive, c.Info.Health = &d, &record.Around{Before: health(1)[0], After: health(2)[1]}
	text = written(r.configuration)
	assert.Contains(t, text, "| drive: model | Drive 1TB |\n")
	assert.Contains(t, text, "| access | not told |\n| drive's temperature at the start | nvme0n1 41 degrees Celsius |\n")
	assert.NotContains(t, text, "precondition")
	assert.InDelta(t, 1e12, *r.capacity(""), 0)
	assert.InDelta(t, 10e9, *r.smart(), 0)
}

// Of two drives each has its own lines, its own size and its own wear.
func TestConfigurationOfTwoDrives(t *testing.T) {
	r := onDrive()
	second := realDrive()
	second.Leaves[0].Name, second.Leaves[0].Model, second.Leaves[0].SizeBytes = "nvme1n1", "Drive 2TB", new(int64(2e12))
	other := &Arm{Group: &evidence.Group{Cell: record.NewCell("drive", "B")}, Stack: r.Arms[0].Stack, Populate: r.Arms[0].Populate, Measure: r.Arms[0].Measure}
	for _, c := range r.Evidence.Cells {
		b := *c
		use := *c.Info.Storage
		use.Drive = second
		b.Info.Storage, b.Info.Health = &use, nil
		c.Drive, b.Drive = record.DriveA, record.DriveB
		other.Cells = append(other.Cells, &b)
	}
	r.Evidence.Cells, r.Arms = append(r.Evidence.Cells, other.Cells...), append(r.Arms, other)
	text := written(r.configuration)
	assert.Contains(t, text, "| drive A: model | Drive 1TB |\n")
	assert.Contains(t, text, "| drive B: model | Drive 2TB |\n")
	assert.Contains(t, text, "| drive A: drive's temperature at the start | nvme0n1 41 degrees Celsius |\n")
	assert.Contains(t, text, "| drive B: drive's temperature at the start | not told |\n")
	text = written(func(b *strings.Builder) { r.endurance(b, nil) })
	assert.Equal(t, [][]string{{"fio=none", "0.500", "20.0", "25.0", "30.0", "0.864", "1.30"}, {"drive=B", "0.500", "20.0", "25.0", "30.0", "0.432", "0.648"}}, rows(text))
	assert.Contains(t, text, "by a capacity of 1000 GB (drive A) and 2000 GB (drive B). Measured")
}

// The first cell of a run may be of a stack that stores nothing.
func TestConfigurationOfTier(t *testing.T) {
	r := onDrive()
	r.Evidence.Cells[1].Info.Storage.Layout = "one file"
	assert.Contains(t, written(r.configuration), "| KV tier | one file |\n")
}

// hwmon tells everybody, the health log root alone.
func TestTemperature(t *testing.T) {
	h := []record.Health{{Drives: []record.DriveHealth{{Device: "nvme0n1"}}, Temperatures: []record.Temperature{{Chip: "coretemp", C: 80}, {Chip: "nvme", Device: "nvme0", Label: "Composite", C: 44}}}}
	assert.Equal(t, "nvme0 Composite 44 degrees Celsius", temperature(h))
	assert.Empty(t, temperature(nil))
}

func TestTraffic(t *testing.T) {
	r := onDrive()
	got := rows(written(r.traffic))
	assert.Equal(t, [][]string{
		{"fio=none", "measured load", "drive", "200", "1.25", "0.00625", "51.2", "128", "2.79", "0.0140", "5.00", "2930", "0.500", "2.00", "0.400", "0.500"},
		{"fio=none", "measured load", "application", "200", "1.25", "0.00625", "51.2", "128", "2.33", "0.0116", "-", "-", "-", "-", "-", "-"},
		{"fio=none", "measured load", "KV manager (tier 2)", "200", "1.25", "0.00625", "-", "-", "1.86", "0.00931", "-", "-", "-", "-", "-", "-"},
	}, got)

	a := r.Arms[0]
	a.Measure.FioSeconds, a.Measure.FioRead, a.Measure.FioWrite = 100, new(float64(gib)), new(0.0)
	a.Measure.ProbeSeconds, a.Measure.ProbeReads, a.Measure.ProbeBytes = 100, 8, new(8.0*kib)
	for _, c := range a.Cells {
		c.Info.Fio = &record.FioRun{End: &record.FioEnd{Read: &record.FioDirection{Bytes: 16 * kib * 10, IOs: 10}}}
	}
	got = rows(written(r.traffic))
	require.Len(t, got, 5)
	assert.Equal(t, []string{"fio=none", "measured load", "fio beside", "100", "1.00", "0.0100", "655", "16.0", "0", "0", "-", "-", "-", "-", "-", "-"}, got[3])
	assert.Equal(t, []string{"fio=none", "measured load", "probe", "100", "0.00000763", "7.63e-08", "0.0800", "1.00", "-", "-", "-", "-", "-", "-", "-", "-"}, got[4])

	a.Measure = Phase{}
	assert.Contains(t, written(r.traffic), "Not told by this run: it has no samples of a block device")
}

func TestLatencies(t *testing.T) {
	r := onDrive()
	text := written(r.latencies)
	assert.Equal(t, [][]string{
		{"fio=none", "host: read of the loader (pread), whole cells", "20000", "0.500", "0.500", "0.500", "0.500", "0.500", "0.500"},
		{"fio=none", "device: r_await, means of samples", "10240", "0.400", "-", "-", "-", "-", "-"},
	}, rows(text))
	r.Arms[0].Cells[1].Info.Storage.Reads.Took = nil
	r.Arms[0].Measure.ReadAwaits = []weighted{{0.3, 100}, {0.5, 200}}
	text = written(r.latencies)
	assert.Equal(t, [][]string{
		{"fio=none", "host: read of the loader (pread), whole cells", "20000", "0.500", "-"},
		{"fio=none", "device: r_await, means of samples", "10240", "0.400", "0.500"},
	}, rows(text), "a histogram of some cells is none of all")
	assert.Contains(t, text, "Too few values for: p95, ms; p99, ms; p99.9, ms; p99.99, ms.")
}

// 256 reads of 128 KiB at 0.4 ms are 102.4 of the 200 ms that a transfer takes.
func TestSplit(t *testing.T) {
	r := onDrive()
	assert.Equal(t, [][]string{{"fio=none", "40", "32.0", "100", "200", "102", "97.6", "51.2"}}, rows(written(r.split)))
	r.Arms[0].Stack.Dynamo.Loader.QueueDepth = 2
	assert.Equal(t, [][]string{{"fio=none", "40", "32.0", "100", "200", "51.2", "149", "25.6"}}, rows(written(r.split)), "two at a time")
	r.Arms[0].Stack.Dynamo.Loader.QueueDepth = 1
	m := &r.Arms[0].Measure
	m.FioRead = new(1.0)
	assert.Equal(t, [][]string{{"fio=none", "40", "32.0", "100", "200"}}, rows(written(r.split)), "r_await is of fio's reads, too")
	m.FioRead, m.DeviceRead.ms = nil, 10_240
	assert.Equal(t, [][]string{{"fio=none", "40", "32.0", "100", "200"}}, rows(written(r.split)), "the drive cannot have taken longer than the transfer")
	m.Fetches = new(0.0)
	assert.Empty(t, written(r.split))
}

// 100 answers wrote 2 GB of KV in 200 s, so that 0.864 TB a day are 0.864 of the drive of 1 TB.
func TestEndurance(t *testing.T) {
	r := onDrive()
	text := written(func(b *strings.Builder) { r.endurance(b, nil) })
	assert.Equal(t, [][]string{{"fio=none", "0.500", "20.0", "25.0", "30.0", "0.864", "1.30"}}, rows(text))
	assert.Contains(t, text, "Not told by this run: of it fio, GB/1000 requests.")
	assert.Contains(t, text, "10.00 GB were written from before the first cell to after the last", "by the health log")

	r.Arms[0].Measure.FioWrite = new(1e9)
	text = written(func(b *strings.Builder) { r.endurance(b, nil) })
	assert.Equal(t, [][]string{{"fio=none", "0.500", "20.0", "25.0", "30.0", "10.0", "0.864", "0.864"}}, rows(text))

	leaves := &r.Evidence.Cells[0].Info.Storage.Drive.Leaves
	*leaves = append(*leaves, (*leaves)[0])
	assert.InDelta(t, 2e12, *r.capacity(""), 0)
	(*leaves)[1].SizeBytes = nil
	r.Evidence.Cells[0].Info.Health.Before.Drives[0].WriteBytes = nil
	assert.Nil(t, r.capacity(""))
	text = written(func(b *strings.Builder) { r.endurance(b, nil) })
	assert.Contains(t, text, "Drive writes per day (DWPD) are not told")
	assert.NotContains(t, text, "own count of host writes")
	r.Arms[0].Measure.KVWritten = nil
	text = written(func(b *strings.Builder) { r.endurance(b, new(2e12)) })
	assert.Equal(t, [][]string{{"fio=none", "0.500", "25.0", "30.0", "10.0", "0.432"}}, rows(text))

	for _, c := range r.Evidence.Cells {
		c.Requests = nil
	}
	assert.Contains(t, written(func(b *strings.Builder) { r.endurance(b, nil) }), "no request of a measured load was answered")
}

// The capacity that somebody gives counts only where the run tells none.
func TestCapacityOfTheRunCounts(t *testing.T) {
	text := markdown(t, read(t, recorded+"/h4b"), new(4e12))
	assert.Contains(t, text, "by a capacity of 4000 GB")
	assert.Contains(t, markdown(t, onDrive(), new(4e12)), "by a capacity of 1000 GB")
}

// Of each load the arm without a tier is the first row, and nothing is compared where there is none.
func TestServing(t *testing.T) {
	got := rows(section(t, markdown(t, read(t, recorded+"/h2b"), nil), "Serving"))
	require.Len(t, got, 4)
	for i, want := range [][2]string{{"stack=A/ctx=1024/conc=32", "no tier"}, {"stack=B/ctx=1024/conc=32", "tier 2"}, {"stack=A/ctx=4096/conc=32", "no tier"}, {"stack=B/ctx=4096/conc=32", "tier 2"}} {
		assert.Equal(t, want[:], got[i][:2])
		assert.Equal(t, i%2 == 0, got[i][5] == none, "%v", got[i])
	}
	text := section(t, markdown(t, read(t, recorded+"/h4b"), nil), "Serving")
	assert.Contains(t, text, "This run has no arm without a tier")
	assert.NotContains(t, text, "| no tier |")
	assert.Contains(t, text, "Not told by this run: TTFT p50 against no tier, %")
}

func TestChange(t *testing.T) {
	cell := func(rep int, v float64) *evidence.Cell {
		return &evidence.Cell{PlannedCell: record.PlannedCell{Rep: rep, ContextTokens: int(v)}}
	}
	of := func(c *evidence.Cell) (float64, error) {
		if c.ContextTokens == 7 {
			return 0, assert.AnError
		}
		return float64(c.ContextTokens), nil
	}
	arm := func(cells ...*evidence.Cell) *Arm { return &Arm{Group: &evidence.Group{Cells: cells}} }
	base := arm(cell(0, 1), cell(1, 100), cell(2, 100))
	assert.Equal(t, "-50.0 [-50.0, -50.0]", arm(cell(0, 900), cell(1, 50), cell(2, 50)).change(base, of), "the block that screens decides nothing")
	assert.Equal(t, "+800 [open, open]", arm(cell(0, 9)).change(base, of))
	assert.Equal(t, "+20.0 [open, open]", arm(cell(1, 120), cell(3, 900)).change(base, of), "blocks are paired")
	assert.Regexp(t, `^\+9\.96 \[-22\.3, 55\.5\]$`, arm(cell(1, 107), cell(2, 113)).change(base, of))
	assert.Equal(t, none, arm(cell(1, 7), cell(2, 50)).change(base, of), "what is left out may be what would contradict")
	assert.Equal(t, none, arm(cell(4, 50)).change(base, of))
	assert.Equal(t, none, arm(cell(1, 50)).change(nil, of))
	assert.Equal(t, none, arm(cell(1, 50)).change(arm(cell(1, 0)), of))
}

func TestPattern(t *testing.T) {
	a := onDrive().Arms[0]
	assert.Equal(t, pattern{request: 128 << 10, measured: true, depth: 1, run: 32}, a.reading())
	assert.Equal(t, pattern{request: 128 << 10, depth: 1, run: 32}, a.writing(), "none was made")
	a.Cells[0].Info.Storage.Reads.Bytes /= 2
	assert.InDelta(t, 96<<10, a.reading().request, 0)
	a.Stack.Dynamo.Offload = &config.Offload{Manager: config.OffloadFS, WriteThreads: 4}
	assert.InDelta(t, 16, a.reading().depth, 0)
	assert.InDelta(t, 4, a.writing().depth, 0)
	a.Stack.Dynamo = nil
	assert.Zero(t, a.reading())
}

func TestNumber(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 1: "1.00", 0.05: "0.0500", 12345: "12345", -2.5: "-2.50", 1e-12: "1.00e-12", 999.6: "1000"} {
		assert.Equal(t, want, number(v))
	}
	assert.Equal(t, `a\|b c`, escaped("a|b\nc"))
}

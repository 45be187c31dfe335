package sheet

import (
	"time"

	"sparkharness/harness/config"
	"sparkharness/harness/evidence"
	"sparkharness/harness/record"
)

// onDrive is a run of one arm on a real drive, with two repetitions of 100 s and 50 answers each. Of 40 fetches, 32 MiB each, the
// loader made reads of 128 KiB; the drive took 0.4 ms for a read.
func onDrive() *Run {
	ev := &evidence.Evidence{Plan: &record.Plan{RunID: "h4b-disk", Hypothesis: "H4B",
		Facts: record.Facts{Rig: "disk", Clock: record.ClockReal, Simulated: true, Origin: "real: the drive"}},
		Exp: &config.Experiment{Hypothesis: &config.Hypothesis{}, Stacks: map[string]*config.Stack{"B": kvbm()}}}
	a := &Arm{Group: &evidence.Group{Cell: record.Cell{{Name: "fio", Level: "none"}}}, Stack: kvbm()}
	for rep := 1; rep <= 2; rep++ {
		c := &evidence.Cell{PlannedCell: record.PlannedCell{Key: "fio=none/rep=1", Rep: rep, Stack: "B", Cell: a.Cell}, Info: record.CellInfo{
			Storage: &record.StorageUse{Drive: realDrive(), Proof: record.CountersProof{AskedReadBytes: 1 << 20, AskedWriteBytes: 1 << 20, ReadBytes: new(float64(1 << 20)), WriteBytes: new(float64(1 << 20))},
				Reads: &record.LoaderFigures{IOs: 10_000, Bytes: 10_000 * 128 << 10, TookS: 5, Took: took(10_000, 500*time.Microsecond)}, Writes: &record.LoaderFigures{}},
			Health: &record.Around{Before: health(float64(rep))[0], After: health(float64(rep))[1]},
			Load:   record.LoadSummary{MeasureStart: new(0.0), MeasureEnd: new(100.0)}}, KV: &evidence.KVCounters{BlockBytes: 4 << 20}}
		for range 50 {
			c.Requests = append(c.Requests, evidence.Request{RC: record.RCOK, Output: 2})
		}
		ev.Cells, a.Cells = append(ev.Cells, c), append(a.Cells, c)
	}
	const read = 40 * 32 << 20
	a.Measure = Phase{DeviceSeconds: 200, DeviceRead: side{bytes: read, ios: 10_240, ms: 4096}, DeviceWrite: side{bytes: 3e9, ios: 1000, ms: 500}, WeightedMS: 100_000, BusyMS: 50_000,
		AppSeconds: 200, AppRead: new(float64(read)), AppWrite: new(2.5e9), KVSeconds: 200, KVRead: new(float64(read)), KVWritten: new(2e9),
		Fetches: new(40.0), FetchWait: new(4000.0), FetchMove: new(8000.0)}
	return &Run{Evidence: ev, Arms: []*Arm{a}, System: "linux 6.17.0 arm64"}
}

func took(n int, each time.Duration) *record.GapHist {
	h := &record.GapHist{}
	for range n {
		h.Add(each)
	}
	return h
}

// kvbm is a stack with a tier 2.
func kvbm() *config.Stack {
	return &config.Stack{Stack: "B", Name: "Dynamo", Runtime: config.Runtime{TokensPerBlock: 32}, Dynamo: &config.Dynamo{Tiers: config.Tiers{Tier2: config.Tier{CapacityBytes: 2 << 30}},
		Loader: config.Loader{QueueDepth: 1, IOBytes: 128 << 10}}}
}

func realDrive() record.Drive {
	return record.Drive{FileSystem: "ext4", Layers: []string{"nvme0n1p2 (partition)"}, MountOptions: "rw,noatime", FSBytes: new(int64(900e9)), FreeBytes: new(int64(450e9)),
		Leaves: []record.DriveLeaf{{Device: record.Device{Name: "nvme0n1"}, Model: "Drive 1TB", Firmware: "1B2Q", SerialHash: "0123", Transport: "pcie",
			PCIe: &record.PCIeLink{Speed: "16.0 GT/s PCIe", Width: "4", MaxSpeed: "32.0 GT/s PCIe", MaxWidth: "4"}, SizeBytes: new(int64(1e12)), Scheduler: "none", WriteCache: "write back",
			LogicalBlockBytes: new(int64(512)), PhysicalBlockBytes: new(int64(4096)), MaxSectorsKB: new(int64(512)), NrRequests: new(int64(1023)), WBTLatencyUS: new(int64(0))}}}
}

// health are readings before a cell and after it: of each cell the drive counts 5 GB, and none between them.
func health(rep float64) []record.Health {
	at := func(written float64) record.Health {
		return record.Health{At: written, Drives: []record.DriveHealth{{Device: "nvme0n1", TemperatureC: new(40 + rep), PercentageUsed: new(3.0), WriteBytes: new(written)}}}
	}
	return []record.Health{at(1e12 + 5e9*(rep-1)), at(1e12 + 5e9*rep)}
}

package verdict

import (
	"fmt"
	"strings"

	"sparkharness/harness/evidence"
	"sparkharness/harness/record"
	"sparkharness/harness/stats"
)

// storageUse says which real drive a simulated machine stored on, what was seen of it, and how the loader's software time came about.
// There is no finding where there is none.
func storageUse(cells []*evidence.Cell) []Finding {
	var first *record.StorageUse
	var reads, writes record.LoaderFigures
	var hottest *float64
	for _, c := range cells {
		u := c.Info.Storage
		if u == nil {
			continue
		}
		if first == nil {
			first = u
		}
		reads, writes = sumLoader(reads, u.Reads), sumLoader(writes, u.Writes)
		if a := c.Info.Health; a != nil {
			hottest = higher(hottest, hottestDrive(&a.Before, &a.After))
		}
	}
	if first == nil {
		return nil
	}
	out := []Finding{{Name: "real drive", Detail: driveDetail(first)}}
	if p := first.Proof; p.WriteBytes != nil && p.ReadBytes != nil {
		out = append(out, Finding{Name: "self-test of its counters, reads", Estimate: stats.Alone(*p.ReadBytes / p.AskedReadBytes), Unit: "ratio", Detail: fmt.Sprintf(
			"at the start %.1f MiB read moved them by %.1f MiB, and %.1f MiB written by %.1f MiB", mib(p.AskedReadBytes), mib(*p.ReadBytes), mib(p.AskedWriteBytes), mib(*p.WriteBytes))})
	}
	if hottest != nil {
		out = append(out, Finding{Name: "temperature of the drive", Estimate: stats.Alone(*hottest), Unit: "degrees Celsius", Detail: "the most before a cell or at its end"})
	}
	return append(append(out, softwareTime("reads", reads)...), softwareTime("writes", writes)...)
}

func mib(bytes float64) float64 { return bytes / (1 << 20) }

// driveDetail is the drive as a storage engineer names it.
func driveDetail(u *record.StorageUse) string {
	var parts []string
	for _, l := range u.Drive.Leaves {
		words := []string{l.Name}
		add := func(format string, known bool, args ...any) {
			if known {
				words = append(words, fmt.Sprintf(format, args...))
			}
		}
		add("%s", l.Model != "", l.Model)
		add("firmware %s", l.Firmware != "", l.Firmware)
		add("over %s", l.Transport != "", l.Transport)
		if l.SizeBytes != nil {
			add("%.0f GB", true, float64(*l.SizeBytes)/1e9)
		}
		add("serial hash %s", l.SerialHash != "", l.SerialHash)
		if l.PCIe != nil {
			add("link %s x%s", true, l.PCIe.Speed, l.PCIe.Width)
		}
		add("scheduler %s", l.Scheduler != "", l.Scheduler)
		add("write cache %s", l.WriteCache != "", l.WriteCache)
		parts = append(parts, strings.Join(words, ", "))
	}
	detail := strings.Join(parts, "; ") + ", " + u.Drive.FileSystem
	if len(u.Drive.Layers) > 0 {
		detail += " on " + strings.Join(u.Drive.Layers, ", ")
	}
	if u.Drive.MountOptions != "" {
		detail += ", mounted " + u.Drive.MountOptions
	}
	if free, size := u.Drive.FreeBytes, u.Drive.FSBytes; free != nil && size != nil {
		detail += fmt.Sprintf(", %.0f of %.0f GB free before the run", float64(*free)/1e9, float64(*size)/1e9)
	}
	for _, note := range u.Drive.Notes {
		detail += "; " + note
	}
	return detail + "; not preconditioned: its files were written once before the run"
}

// hottestDrive is the highest temperature that a drive told, nil if none did.
func hottestDrive(readings ...*record.Health) (most *float64) {
	for _, one := range readings {
		for i := range one.Drives {
			most = higher(most, one.Drives[i].TemperatureC)
		}
		for i := range one.Temperatures {
			if t := one.Temperatures[i]; t.Chip == "nvme" {
				most = higher(most, &t.C)
			}
		}
	}
	return most
}

// higher is the larger of those that are known.
func higher(a, b *float64) *float64 {
	if a == nil || b != nil && *b > *a {
		return b
	}
	return a
}

func sumLoader(sum record.LoaderFigures, more *record.LoaderFigures) record.LoaderFigures {
	if more == nil {
		return sum
	}
	return record.LoaderFigures{IOs: sum.IOs + more.IOs, Bytes: sum.Bytes + more.Bytes, TookS: sum.TookS + more.TookS,
		ConfiguredS: sum.ConfiguredS + more.ConfiguredS, MeasuredS: sum.MeasuredS + more.MeasuredS, WaitedS: sum.WaitedS + more.WaitedS}
}

// softwareTime is what an I/O of the loader cost beside the drive. Measured above configured means that this machine's CPUs, and
// not the stack file, set the loader's pace.
func softwareTime(what string, f record.LoaderFigures) []Finding {
	if f.IOs == 0 {
		return nil
	}
	each := func(s float64) float64 { return 1e6 * s / f.IOs }
	return []Finding{{Name: "loader's software time, " + what, Estimate: stats.Alone(each(f.MeasuredS + f.WaitedS)), Unit: "us", Detail: fmt.Sprintf(
		"an I/O, of %.0f us configured: %.0f us of this program's CPU time and %.0f us waited; beside it %.0f us in the drive; %.0f I/Os, %.2f GB, over all cells, warm-up included",
		each(f.ConfiguredS), each(f.MeasuredS), each(f.WaitedS), each(f.TookS), f.IOs, f.Bytes/1e9)}}
}

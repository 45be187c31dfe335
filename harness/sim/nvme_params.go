package sim

import (
	"errors"
	"fmt"
	"math"
)

// NVMeParams are the constants of the simulated drive, a Samsung PM9E1 4 TB (MZALC4T0HBL1) as fitted
// in a DGX Spark, and of the part of the kernel that counts its requests. "Fit" marks a value chosen
// so that the closed network of planes and link reproduces the published rows; "assumption" marks a
// value for which nothing is published.
type NVMeParams struct {
	// ControllerCmdsPerSec is the command rate of the controller, a FIFO server.
	// Vendor: 2,000K random read IOPS (PM9E1 data sheet, 2242 4 TB).
	ControllerCmdsPerSec float64
	// Planes serve one page operation at a time each. Fit: 4 TB = 32 dies of 1 Tb x 4 planes.
	Planes int
	// PageBytes is the unit of a plane operation. General knowledge of V8 TLC: 16 KiB.
	PageBytes int64
	// PageReadNS (t_R) is how long a read occupies a plane. Fit: 28 us, uniform within
	// +-PageReadJitter of it.
	PageReadNS     float64
	PageReadJitter float64
	// PageProgramNS (t_P) is how long programming one page keeps reads off its plane. Assumption:
	// 60 us, a program that is partly suspended for reads; 25 us is full suspension and 170 us none
	// (the most that still sustains the measured write rate: 128 x 16 KiB / 12.1 GB/s).
	PageProgramNS float64
	// LinkBytesPerSec is the host link, a FIFO server shared by both directions, which is
	// pessimistic for mixes as PCIe is full duplex. Measured on a Spark: 14.9 to 15.0 GB/s
	// sequential read, O_DIRECT, 32 in flight (glimmer-burnin).
	LinkBytesPerSec float64
	// FlashWriteBytesPerSec bounds the drain of the write cache. Measured on a Spark: 12.1 GB/s
	// sequential write (glimmer-burnin).
	FlashWriteBytesPerSec float64
	// WriteCacheBytes is the DRAM that takes writes before they are programmed. Assumption: 8 MiB;
	// larger only lengthens the first burst (the SLC cache is not modelled).
	WriteCacheBytes int64
	// FixedNS is the host and completion time that every command spends in no queue. Fit, between 28 and 31
	// us: 4 KiB random read with 32 in flight at 505 to 530 thousand IOPS, p99 82 to 87 us (glimmer-burnin).
	FixedNS float64
	// MaxCommandBytes splits larger I/Os into several requests. Measured on a Spark: MDTS = 7 with
	// 4 KiB pages = 512 KiB (nvme id-ctrl).
	MaxCommandBytes int64

	// JiffyNS is the grain of io_ticks. Assumption: CONFIG_HZ=250, 4 ms.
	JiffyNS int64

	// BackgroundReadsPerSec and BackgroundWritesPerSec are the Poisson rates of the operating
	// system's own requests, BackgroundBytes each. Assumption, a quiet Ubuntu: 2 and 10 a second,
	// 16 KiB.
	BackgroundReadsPerSec, BackgroundWritesPerSec float64
	BackgroundBytes                               int64

	// PausesPerSec is the Poisson rate of pauses of the whole device (cache folding, garbage
	// collection, thermal), counted from the end of the one before. PauseMS is the median and
	// PauseSigma the log standard deviation (0: all equal) of their lognormal length. Default
	// none: nothing is published for this drive.
	PausesPerSec, PauseMS, PauseSigma float64

	// Limits are what is let through to the drive; none by default.
	Limits NVMeLimits `json:",omitzero"`
}

// NVMeLimits are the most that is let through to a drive in each direction, in requests and in bytes a second, 0 for no limit: by a
// control group, or by the owner of a volume. What comes slower is not delayed; the allowance of an idle time is not saved up.
type NVMeLimits struct {
	ReadIOPS, WriteIOPS               float64
	ReadBytesPerSec, WriteBytesPerSec float64
}

// Validate reports every value that the model cannot run with.
func (p NVMeParams) Validate() error {
	var errs []error
	positive := func(name string, v float64) {
		if !(v > 0) || math.IsInf(v, 0) {
			errs = append(errs, fmt.Errorf("nvme: %s is %v, set a positive value", name, v))
		}
	}
	notNegative := func(name string, v float64) {
		if !(v >= 0) || math.IsInf(v, 0) {
			errs = append(errs, fmt.Errorf("nvme: %s is %v, set zero or more", name, v))
		}
	}
	positive("ControllerCmdsPerSec", p.ControllerCmdsPerSec)
	positive("Planes", float64(p.Planes))
	positive("PageBytes", float64(p.PageBytes))
	positive("PageReadNS", p.PageReadNS)
	positive("PageProgramNS", p.PageProgramNS)
	positive("LinkBytesPerSec", p.LinkBytesPerSec)
	positive("FlashWriteBytesPerSec", p.FlashWriteBytesPerSec)
	positive("WriteCacheBytes", float64(p.WriteCacheBytes))
	positive("JiffyNS", float64(p.JiffyNS))
	positive("BackgroundBytes", float64(p.BackgroundBytes))
	notNegative("FixedNS", p.FixedNS)
	notNegative("BackgroundReadsPerSec", p.BackgroundReadsPerSec)
	notNegative("BackgroundWritesPerSec", p.BackgroundWritesPerSec)
	notNegative("PausesPerSec", p.PausesPerSec)
	notNegative("PauseSigma", p.PauseSigma)
	notNegative("Limits.ReadIOPS", p.Limits.ReadIOPS)
	notNegative("Limits.WriteIOPS", p.Limits.WriteIOPS)
	notNegative("Limits.ReadBytesPerSec", p.Limits.ReadBytesPerSec)
	notNegative("Limits.WriteBytesPerSec", p.Limits.WriteBytesPerSec)
	if !(p.PageReadJitter >= 0 && p.PageReadJitter < 1) {
		errs = append(errs, fmt.Errorf("nvme: PageReadJitter is %v, set a share in [0, 1)", p.PageReadJitter))
	}
	if p.PausesPerSec > 0 {
		positive("PauseMS", p.PauseMS)
	}
	if p.MaxCommandBytes < p.PageBytes {
		errs = append(errs, fmt.Errorf("nvme: MaxCommandBytes is %d, set at least PageBytes (%d)", p.MaxCommandBytes, p.PageBytes))
	}
	if p.WriteCacheBytes < 2*p.MaxCommandBytes {
		errs = append(errs, fmt.Errorf("nvme: WriteCacheBytes is %d, set at least two commands (%d)", p.WriteCacheBytes, 2*p.MaxCommandBytes))
	}
	return errors.Join(errs...)
}

// NVMeStream is a closed-loop user of the drive: Depth slots, each of which submits an I/O, waits for
// it, spends SoftwareNS on the host and submits the next.
type NVMeStream struct {
	Name       string
	ReadShare  float64 // probability that an I/O is a read: 1 = all reads, 0 = all writes
	IOBytes    int64   // bytes of one I/O; the kernel splits it at NVMeParams.MaxCommandBytes
	Depth      int     // slots, the largest number of I/Os in flight
	SoftwareNS int64   // host time of a slot between a completion and its next submission, ns
	Sync       bool    // each slot is a task that blocks on its I/O: it counts for iowait and PSI
}

// Validate reports every value that the model cannot run with.
func (s NVMeStream) Validate() error {
	var errs []error
	if !(s.ReadShare >= 0 && s.ReadShare <= 1) {
		errs = append(errs, fmt.Errorf("nvme stream %q: ReadShare is %v, set a share in [0, 1]", s.Name, s.ReadShare))
	}
	if s.IOBytes <= 0 {
		errs = append(errs, fmt.Errorf("nvme stream %q: IOBytes is %d, set a positive size", s.Name, s.IOBytes))
	}
	if s.Depth <= 0 {
		errs = append(errs, fmt.Errorf("nvme stream %q: Depth is %d, set at least 1", s.Name, s.Depth))
	}
	if s.SoftwareNS < 0 {
		errs = append(errs, fmt.Errorf("nvme stream %q: SoftwareNS is %d, set zero or more", s.Name, s.SoftwareNS))
	}
	return errors.Join(errs...)
}

// nvmeCeilDiv is the number of parts of size b that cover a.
func nvmeCeilDiv(a, b int64) int64 { return (a + b - 1) / b }

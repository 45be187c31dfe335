package telemetry

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"github.com/prometheus/procfs"

	"sparkharness/harness/record"
)

// Proc reads CPU time, memory and pressure stall information below a proc mount point.
//
// CPU comes from the aggregate line of <root>/stat,
//
//	cpu  2255 34 2290 22625563 6290 127 456 0 0 0
//	     user nice system idle iowait irq softirq steal guest guest_nice
//
// as a share of the machine's CPU time in the interval: all fields but the two guest ones, which the
// kernel has already counted in user and nice. User includes nice; System includes irq and softirq, as
// in vmstat(8); steal is part of the whole but of no share, so the four sum to less than 100 on a
// virtual machine.
//
// iowait and idle may decrease (kernel Documentation/filesystems/proc.rst): the kernel re-labels idle
// time of a CPU with a blocked task, and the task belongs to no CPU. A negative delta of these two
// counts as 0 and is no reset.
type Proc struct {
	fs      procfs.FS
	root    string
	prevCPU *procfs.CPUStat
	prevIO  procfs.PSIStats
	prevMem procfs.PSIStats
}

// NewProc opens the proc tree at procRoot, such as /proc.
func NewProc(procRoot string) (*Proc, error) {
	f, err := procfs.NewFS(procRoot)
	if err != nil {
		return nil, fmt.Errorf("open proc tree: %w", err)
	}
	return &Proc{fs: f, root: procRoot}, nil
}

// Name is "proc".
func (p *Proc) Name() string { return "proc" }

// Sample fills CPU, Mem and PSI. Mem is what stands in meminfo now; CPU and PSI are nil in the first
// call. PSI is nil without an error where the kernel has none.
func (p *Proc) Sample(_ context.Context, s *record.SysSample) error {
	cpuErr := p.cpu(s)
	memErr := p.mem(s)
	psiErr := p.psi(s)
	return errors.Join(cpuErr, memErr, psiErr)
}

func (p *Proc) cpu(s *record.SysSample) error {
	stat, err := p.fs.Stat()
	if err != nil {
		return fmt.Errorf("cpu time: %w", err)
	}
	cur, prev := &stat.CPUTotal, p.prevCPU
	p.prevCPU = cur
	if prev == nil {
		return nil
	}
	user := cur.User - prev.User
	nice := cur.Nice - prev.Nice
	system := cur.System - prev.System
	irq := cur.IRQ - prev.IRQ
	soft := cur.SoftIRQ - prev.SoftIRQ
	steal := cur.Steal - prev.Steal
	if min(user, nice, system, irq, soft, steal) < 0 {
		s.Reset = true
		return fmt.Errorf("cpu time in %s/stat: %w", p.root, ErrReset)
	}
	idle := max(0, cur.Idle-prev.Idle)
	iowait := max(0, cur.Iowait-prev.Iowait)
	total := user + nice + system + irq + soft + steal + idle + iowait
	if total <= 0 {
		return fmt.Errorf("cpu time in %s/stat did not advance since the previous sample", p.root)
	}
	pct := func(v float64) float64 { return round4(100 * v / total) }
	s.CPU = &record.CPU{User: pct(user + nice), System: pct(system + irq + soft), IOWait: pct(iowait), Idle: pct(idle)}
	return nil
}

func (p *Proc) mem(s *record.SysSample) error {
	m, err := p.fs.Meminfo()
	if err != nil {
		return fmt.Errorf("memory: %w", err)
	}
	s.Mem = &record.Mem{
		Available: bytesOf(m.MemAvailableBytes),
		Cached:    bytesOf(m.CachedBytes),
		SwapTotal: bytesOf(m.SwapTotalBytes),
		SwapFree:  bytesOf(m.SwapFreeBytes),
	}
	return nil
}

func bytesOf(v *uint64) *float64 {
	if v == nil {
		return nil
	}
	return new(float64(*v))
}

func (p *Proc) psi(s *record.SysSample) error {
	ioNow, ioErr := p.pressure("io")
	memNow, memErr := p.pressure("memory")
	var err error
	psi := record.PSI{
		IOSomeUS:  stall(ioNow.Some, p.prevIO.Some, &err),
		IOFullUS:  stall(ioNow.Full, p.prevIO.Full, &err),
		MemSomeUS: stall(memNow.Some, p.prevMem.Some, &err),
		MemFullUS: stall(memNow.Full, p.prevMem.Full, &err),
	}
	if err != nil {
		s.Reset = true
		err = fmt.Errorf("pressure in %s/pressure: %w", p.root, err)
	} else if psi != (record.PSI{}) {
		s.PSI = &psi
	}
	// After a failed read the older totals stay, so that the next sample spans both intervals.
	if ioErr == nil {
		p.prevIO = ioNow
	}
	if memErr == nil {
		p.prevMem = memNow
	}
	return errors.Join(err, ioErr, memErr)
}

// pressure reads one PSI file. Lines that the kernel does not offer are nil: the file is absent without
// CONFIG_PSI, and a read answers EOPNOTSUPP where PSI is compiled in but off.
func (p *Proc) pressure(resource string) (procfs.PSIStats, error) {
	st, err := p.fs.PSIStatsForResource(resource)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.EOPNOTSUPP) {
		return procfs.PSIStats{}, nil
	}
	if err != nil {
		return procfs.PSIStats{}, fmt.Errorf("pressure of %s: %w", resource, err)
	}
	return st, nil
}

// stall is the growth of a PSI total in us, nil if either reading lacks the line. A total that went
// backwards sets err.
func stall(cur, prev *procfs.PSILine, err *error) *float64 {
	if cur == nil || prev == nil {
		return nil
	}
	if cur.Total < prev.Total {
		*err = ErrReset
		return nil
	}
	return new(float64(cur.Total - prev.Total))
}

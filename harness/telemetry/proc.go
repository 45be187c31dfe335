package telemetry

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
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
//
// The files stay open from the first Sample to Close.
type Proc struct {
	fs      procfs.FS
	root    string
	stat    kernelFile
	meminfo kernelFile
	io      kernelFile
	memory  kernelFile
	prevCPU *procfs.CPUStat
	prevIO  stalls
	prevMem stalls
}

// NewProc opens the proc tree at procRoot, such as /proc.
func NewProc(procRoot string) (*Proc, error) {
	f, err := procfs.NewFS(procRoot)
	if err != nil {
		return nil, fmt.Errorf("open proc tree: %w", err)
	}
	file := func(name string) kernelFile {
		return kernelFile{path: filepath.Join(procRoot, filepath.FromSlash(name))}
	}
	return &Proc{
		fs: f, root: procRoot,
		stat: file("stat"), meminfo: file("meminfo"), io: file("pressure/io"), memory: file("pressure/memory"),
	}, nil
}

// Close closes the files; a nil Proc has none.
func (p *Proc) Close() error {
	if p == nil {
		return nil
	}
	return errors.Join(p.stat.close(), p.meminfo.close(), p.io.close(), p.memory.close())
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
	cur, err := p.readCPU()
	if err != nil {
		return fmt.Errorf("cpu time: %w", err)
	}
	prev := p.prevCPU
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

func (p *Proc) readCPU() (*procfs.CPUStat, error) {
	text, err := p.stat.read()
	if err != nil {
		return nil, err
	}
	if c, ok := parseCPU(text); ok {
		return &c, nil
	}
	stat, err := p.fs.Stat()
	if err != nil {
		return nil, err
	}
	return &stat.CPUTotal, nil
}

func (p *Proc) mem(s *record.SysSample) error {
	m, err := p.readMemory()
	if err != nil {
		return fmt.Errorf("memory: %w", err)
	}
	s.Mem = &record.Mem{
		Available: bytesOf(m.available),
		Cached:    bytesOf(m.cached),
		SwapTotal: bytesOf(m.swapTotal),
		SwapFree:  bytesOf(m.swapFree),
	}
	return nil
}

func (p *Proc) readMemory() (memory, error) {
	text, err := p.meminfo.read()
	if err != nil {
		return memory{}, err
	}
	if m, ok := parseMemory(text); ok {
		return m, nil
	}
	m, err := p.fs.Meminfo()
	if err != nil {
		return memory{}, err
	}
	return memory{m.MemAvailableBytes, m.CachedBytes, m.SwapTotalBytes, m.SwapFreeBytes}, nil
}

func bytesOf(v *uint64) *float64 {
	if v == nil {
		return nil
	}
	return new(float64(*v))
}

func (p *Proc) psi(s *record.SysSample) error {
	ioNow, ioErr := p.pressure("io", &p.io)
	memNow, memErr := p.pressure("memory", &p.memory)
	var err error
	psi := record.PSI{
		IOSomeUS:  stall(ioNow.some, p.prevIO.some, &err),
		IOFullUS:  stall(ioNow.full, p.prevIO.full, &err),
		MemSomeUS: stall(memNow.some, p.prevMem.some, &err),
		MemFullUS: stall(memNow.full, p.prevMem.full, &err),
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
// CONFIG_PSI, and opening or reading it answers EOPNOTSUPP where PSI is compiled in but off.
func (p *Proc) pressure(resource string, file *kernelFile) (stalls, error) {
	text, err := file.read()
	if err == nil {
		if s, ok := parseStalls(text); ok {
			return s, nil
		}
		var odd procfs.PSIStats
		if odd, err = p.fs.PSIStatsForResource(resource); err == nil {
			return stalls{total(odd.Some), total(odd.Full)}, nil
		}
	}
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.EOPNOTSUPP) {
		return stalls{}, nil
	}
	return stalls{}, fmt.Errorf("pressure of %s: %w", resource, err)
}

func total(line *procfs.PSILine) *uint64 {
	if line == nil {
		return nil
	}
	return &line.Total
}

// stall is the growth of a PSI total in us, nil if either reading lacks the line. A total that went
// backwards sets err.
func stall(cur, prev *uint64, err *error) *float64 {
	if cur == nil || prev == nil {
		return nil
	}
	if *cur < *prev {
		*err = ErrReset
		return nil
	}
	return new(float64(*cur - *prev))
}

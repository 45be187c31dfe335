package config

// Machine is a file of machines/: what a serving stack and a drive are in.
type Machine struct {
	Machine string `yaml:"machine"` // name of the file
	Note    string `yaml:"note"`
	Drive   string `yaml:"drive"` // file of drives/ that the machine comes with

	CPUs   Figure[int] `yaml:"cpus"`
	Memory Memory      `yaml:"memory"`
	Files  FileReads   `yaml:"files"`
	System System      `yaml:"system"`
	GPU    GPU         `yaml:"gpu"`
}

// Memory is the one memory that CPU, GPU and devices share.
type Memory struct {
	Total Figure[Size] `yaml:"total"` // MemTotal of /proc/meminfo
	Peak  Figure[Rate] `yaml:"peak"`  // that nothing beats, all that moves at one time together
	// Copy is the rate of copies inside it, all that run at one time together; each byte is read and written.
	Copy      Figure[Rate] `yaml:"copy"`
	System    Figure[Size] `yaml:"system"`     // of the operating system and its programs
	PageCache Figure[Size] `yaml:"page_cache"` // of files that are read before the run; the kernel gives it back when asked
	// Reserve is what must stay free beside all that is allocated: without it the machine stalls instead of failing.
	Reserve Figure[Size] `yaml:"reserve"`
}

// FileReads are read()s of files through the page cache.
type FileReads struct {
	Cached     Figure[Rate]     `yaml:"cached"`     // of a file that is in it
	Window     Figure[Size]     `yaml:"window"`     // the kernel's readahead
	WindowTime Figure[Duration] `yaml:"window_cpu"` // CPU time of each window of a file that is not in it
}

// System is what the operating system and its programs do by themselves.
type System struct {
	ReadsPerS   Figure[float64] `yaml:"reads_per_s"`
	WritesPerS  Figure[float64] `yaml:"writes_per_s"`
	IOBytes     Figure[Size]    `yaml:"io_bytes"`
	EngineCores Figure[float64] `yaml:"engine_cores"` // busy while the GPU works
	IdleCores   Figure[float64] `yaml:"idle_cores"`   // always busy
	KernelShare Figure[float64] `yaml:"kernel_share"` // of that CPU time
	// ForeignCPUPerIO is the CPU time of each I/O of another program.
	ForeignCPUPerIO Figure[Duration] `yaml:"foreign_cpu_per_io"`
	Jiffy           Figure[Duration] `yaml:"jiffy"` // grain of the kernel's I/O time
}

// GPU is what nvidia-smi tells.
type GPU struct {
	IdleW   Figure[float64] `yaml:"idle_w"`
	BusyW   Figure[float64] `yaml:"busy_w"`
	IdleMHz Figure[float64] `yaml:"idle_mhz"`
	BusyMHz Figure[float64] `yaml:"busy_mhz"`
}

func (m *Machine) check(r *reader) {
	r.plain("machine", m.Machine)
	r.plain("drive", m.Drive)
	r.figures(m)
	r.oneMemory(m)
	s := m.System
	if s.KernelShare.Value > 1 {
		r.refuse("system.kernel_share.value", "must be a share of at most 1, not %g", s.KernelShare.Value)
	}
	busy := s.EngineCores.Value + s.IdleCores.Value
	if r.ok("cpus.value", "system.idle_cores.value") && busy > float64(m.CPUs.Value) {
		r.refuse("system.engine_cores.value", "is %g, with idle_cores %g: there are %d CPUs", s.EngineCores.Value, busy, m.CPUs.Value)
	}
	moved := Rate((s.ReadsPerS.Value + s.WritesPerS.Value) * float64(s.IOBytes.Value))
	if r.ok("system.writes_per_s.value", "system.io_bytes.value") && moved > mostBackground {
		r.refuse("system.reads_per_s.value", "is %g: with %g writes, of %v each, they move more than %v, which loads the drive; that is fio's part",
			s.ReadsPerS.Value, s.WritesPerS.Value, s.IOBytes.Value, mostBackground)
	}
	if s.IOBytes.Value < sector {
		r.refuse("system.io_bytes.value", "is %v, less than a sector of %v", s.IOBytes.Value, sector)
	}
	if r.ok("gpu.busy_w.value") && m.GPU.IdleW.Value > m.GPU.BusyW.Value {
		r.refuse("gpu.idle_w.value", "is %g, more than the %g of a busy GPU", m.GPU.IdleW.Value, m.GPU.BusyW.Value)
	}
	if r.ok("gpu.busy_mhz.value") && m.GPU.IdleMHz.Value > m.GPU.BusyMHz.Value {
		r.refuse("gpu.idle_mhz.value", "is %g, more than the %g of a busy GPU", m.GPU.IdleMHz.Value, m.GPU.BusyMHz.Value)
	}
}

// mostBackground is what a quiet system reads and writes at most: neither the drive nor the memory feels it.
const mostBackground Rate = 10e6

// oneMemory holds what the memory has against what it has to do.
func (r *reader) oneMemory(machine *Machine) {
	m := machine.Memory
	if r.ok("memory.total.value", "memory.system.value", "memory.reserve.value") {
		if used := m.System.Value + m.Reserve.Value; used >= m.Total.Value {
			r.refuse("memory.total.value", "is %v, and system and reserve alone take %v", m.Total.Value, used)
		} else if cached := m.System.Value + m.PageCache.Value; cached > m.Total.Value {
			r.refuse("memory.page_cache.value", "is %v: with the system that is %v, more than the total of %v",
				m.PageCache.Value, cached, m.Total.Value)
		}
	}
	if !r.ok("memory.copy.value", "memory.peak.value") {
		return
	}
	if moved := 2 * m.Copy.Value; moved >= m.Peak.Value {
		r.refuse("memory.copy.value", "is %v: a copy reads and writes each byte, and %v is not below the peak of %v",
			m.Copy.Value, moved, m.Peak.Value)
	}
	if cached := machine.Files.Cached.Value; cached > m.Copy.Value {
		r.refuse("files.cached.value", "is %v: it is one CPU's copy, and all copies together have %v", cached, m.Copy.Value)
	}
}

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
	if !r.ok("memory.total.value", "memory.system.value", "memory.reserve.value", "memory.copy.value", "memory.peak.value") {
		return
	}
	if used := m.Memory.System.Value + m.Memory.Reserve.Value; used >= m.Memory.Total.Value {
		r.refuse("memory.total.value", "is %v, and system and reserve alone take %v", m.Memory.Total.Value, used)
	}
	if moved := 2 * m.Memory.Copy.Value; moved >= m.Memory.Peak.Value {
		r.refuse("memory.copy.value", "is %v: a copy reads and writes each byte, and %v is not below the peak of %v", m.Memory.Copy.Value, moved, m.Memory.Peak.Value)
	}
	if m.System.KernelShare.Value > 1 {
		r.refuse("system.kernel_share.value", "must be a share of at most 1, not %g", m.System.KernelShare.Value)
	}
}

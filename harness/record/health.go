package record

// Health is a machine's state before or after something: what wears, what heats up, and what the kernel complains of. What
// nobody tells, or not to this user, is null.
type Health struct {
	At     float64       `json:"at"` // s since 1970
	Drives []DriveHealth `json:"drives,omitempty"`
	// Temperatures are those of hwmon, in the order of their chips and sensors.
	Temperatures []Temperature `json:"temperatures,omitempty"`
	Kernel       *KernelLog    `json:"kernel"` // null: its log may not be read
	CPU          *CPUClock     `json:"cpu"`
	// Untold says why something is null, in a line each.
	Untold []string `json:"untold,omitempty"`
}

// DriveHealth is the SMART / Health Information log of an NVMe drive (NVM Express Base Specification 2.0, figure 207).
type DriveHealth struct {
	Device            string   `json:"device"` // such as nvme0n1
	CriticalWarning   *float64 `json:"critical_warning"`
	TemperatureC      *float64 `json:"temperature_c"`
	AvailableSparePct *float64 `json:"available_spare_pct"`
	PercentageUsed    *float64 `json:"percentage_used"`
	ReadBytes         *float64 `json:"read_bytes"` // data units of 512,000 bytes
	WriteBytes        *float64 `json:"write_bytes"`
	MediaErrors       *float64 `json:"media_errors"`
	ErrorLogEntries   *float64 `json:"error_log_entries"`
	WarningMinutes    *float64 `json:"warning_temp_min"`
	CriticalMinutes   *float64 `json:"critical_temp_min"`
	Throttled1        *float64 `json:"thm_temp1_transitions"` // lighter throttling by its own thermal management, since it was made
	Throttled2        *float64 `json:"thm_temp2_transitions"` // heavier
	Throttled1Seconds *float64 `json:"thm_temp1_s"`
	Throttled2Seconds *float64 `json:"thm_temp2_s"`
}

// Temperature is a sensor of hwmon (kernel Documentation/hwmon/sysfs-interface.rst), degrees Celsius.
type Temperature struct {
	Chip   string   `json:"chip"`             // such as nvme
	Device string   `json:"device,omitempty"` // the block device or the controller that it is of, where told
	Label  string   `json:"label,omitempty"`
	C      float64  `json:"c"`
	MaxC   *float64 `json:"max_c"`
	CritC  *float64 `json:"crit_c"`
}

// KernelLog counts lines of the kernel's log since the boot, as far as it reaches back. What counts are the lines that came
// after those of an earlier reading.
type KernelLog struct {
	Lines       int  `json:"lines"`
	Wrapped     bool `json:"wrapped"`          // its beginning has been overwritten: a difference of two may be too small
	NVErrMemory int  `json:"nv_err_no_memory"` // NV_ERR_NO_MEMORY of NVIDIA's driver
	Xid         int  `json:"xid"`              // faults of a GPU
	NVMe        int  `json:"nvme"`             // resets, timeouts and faults of an NVMe controller
	IOErrors    int  `json:"io_errors"`        // of a block device or file system
	OOMKills    int  `json:"oom_kills"`
	// NewestS is the kernel's own time of the last line, s since the boot; null where lines have none.
	NewestS *float64 `json:"newest_s,omitempty"`
	// Since counts the lines that came after the last one of the reading before, which was still there, so that none of them
	// is lost; null where it was not, and where there was no reading before.
	Since *KernelLog `json:"since,omitempty"`
}

// CPUClock is cpufreq (kernel Documentation/admin-guide/pm/cpufreq.rst) over all policies, MHz.
type CPUClock struct {
	Governors []string `json:"governors"` // each that some policy has, sorted
	LeastMHz  *float64 `json:"least_mhz"` // of the slowest policy now
	MostMHz   *float64 `json:"most_mhz"`
	LimitMHz  *float64 `json:"limit_mhz"` // the lowest scaling_max_freq
	RatedMHz  *float64 `json:"rated_mhz"` // the highest cpuinfo_max_freq
}

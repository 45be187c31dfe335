package record

// Clocks of a rig.
const (
	ClockVirtual = "virtual" // simulated time: simultaneous events have no order of their own
	ClockReal    = "real"
)

// What a machine may lack.
const (
	LacksThrottling = "throttle_reasons" // nothing in it is ever throttled, or has a driver that would tell
	LacksSwap       = "swap"             // its kernel has none
)

// Facts are what a rig says of itself and of its machine before the first cell: part of plan.json, so that what is
// concluded later asks no rig.
type Facts struct {
	Rig   string `json:"rig"`
	Clock string `json:"clock"` // ClockVirtual or ClockReal
	// Origin says in words how far the rig's numbers speak about hardware. Simulated says that some of what is
	// measured is not hardware.
	Origin    string `json:"origin"`
	Simulated bool   `json:"simulated"`
	// SameDrive says that the two folders which are compared as drives lie on one: an A/A control.
	SameDrive bool `json:"same_drive,omitempty"`
	// Machine identifies what measures: a digest of the constants of a simulated machine, or of the identity of a
	// real one. It is part of the run's digest.
	Machine string `json:"machine"`
	// CPUs is how many hardware threads the machine has: /proc/stat counts iowait in shares of all of them. 0 if not told.
	CPUs int `json:"cpus,omitempty"`
	// Capabilities are what the rig can do to its machine and read of it.
	Capabilities []string `json:"capabilities"`
	// Uncalibrated are the parts of the machine that rest on no measurement; empty for a real one.
	Uncalibrated []string `json:"uncalibrated"`
	// Lacks are notions that the machine does not have, so that nothing is amiss where it tells nothing of them.
	Lacks []string `json:"lacks,omitempty"`
	// MaxRequestBytes is the largest request that the block device takes: larger reads are split. Null if unknown.
	MaxRequestBytes *float64 `json:"max_request_bytes"`
	// MaxReadDrift is by how much of it a read of the idle drive may move from a block's begin to its end; a block in which it moves more
	// is void (Drift). Null where nobody looks: the drive is simulated, or somebody else's.
	MaxReadDrift *float64 `json:"max_read_drift,omitempty"`
}

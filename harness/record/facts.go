package record

// Clocks of a rig.
const (
	ClockVirtual = "virtual" // simulated time: simultaneous events have no order of their own
	ClockReal    = "real"
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
	// Machine identifies what measures: a digest of the constants of a simulated machine, or of the identity of a
	// real one. It is part of the run's digest.
	Machine string `json:"machine"`
	// Capabilities are what the rig can do to its machine and read of it.
	Capabilities []string `json:"capabilities"`
	// Uncalibrated are the parts of the machine that rest on no measurement; empty for a real one.
	Uncalibrated []string `json:"uncalibrated"`
	// MaxRequestBytes is the largest request that the block device takes: larger reads are split. Null if unknown.
	MaxRequestBytes *float64 `json:"max_request_bytes"`
}

package record

// What a lasting fall of a drive's write rate looks like.
const (
	SteadyRate   = "steady"      // it did not fall
	CacheCliff   = "cache_cliff" // to a lower, steady level: a cache, such as one of SLC cells, was full
	ThermalLimit = "thermal"     // while the drive was near its limit of temperature, or by its own word
	UnknownFall  = "unknown"
)

// Steadiness is whether the rate at which a drive was written fell for good, seen in one-second means.
type Steadiness struct {
	Cause string `json:"cause"`
	N     int    `json:"n"` // seconds looked at
	// P is the significance of a change of level (Pettitt's test), and the rest is about the change; null and 0 if it is
	// none that counts.
	P        float64  `json:"p"`
	AtS      *float64 `json:"at_s,omitempty"`       // s after the first
	AfterGiB *float64 `json:"after_gib,omitempty"`  // GiB written until then
	BeforeBs *float64 `json:"before_b_s,omitempty"` // median rate, B/s
	AfterBs  *float64 `json:"after_b_s,omitempty"`
	MarginC  *float64 `json:"margin_c,omitempty"` // least distance to the drive's limit since then, degrees Celsius; null if not told
}

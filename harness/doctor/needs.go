package doctor

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"sparkharness/harness/config"
	"sparkharness/harness/lora"
	"sparkharness/harness/outgoing"
)

// Needs are what a plan is about to use.
type Needs struct {
	Machine    *Machine // nil: Here
	Hypotheses []string // by id; none: all
	Servers    []Instance
	Dir        string // on the drive that the servers use; "" if none is named
	Results    string // folder of the results; "" for the working directory
	// ModelBytes is what a server that is yet to be started will take; 0 where it runs already.
	ModelBytes float64
	// CPUTierBytes is the tier of a server in shared memory; nil if it is not told.
	CPUTierBytes *float64
	// PromptKVBytes is the KV of the longest prompt, times how many are loaded at once; nil if it is not told.
	PromptKVBytes *float64
	// FootprintBytes is what the plan keeps on the drive at most; nil if it is not told.
	FootprintBytes *float64
	// Adapters are the LoRA adapters that servers are to serve; nil if they are not told.
	Adapters *lora.Wanted
	// Hours is how long the plan takes at most, 0 if that is not told; TestTimeout is go test's, nil if it is not told, and 0
	// for none.
	Hours       float64
	TestTimeout *time.Duration
	// IOURing says that a loader was chosen that needs io_uring.
	IOURing bool
	// Probe lets checks load the machine and the servers for some seconds.
	Probe bool
}

// Instance is a server that runs and was named.
type Instance struct {
	Stack string // A or B
	URL   string
	Kind  *config.Server
	HTTP  *outgoing.Client // with the key for URL, if the server wants one
	// Metrics and KVMetrics are the URLs of its pages; "" for where the file of its kind says.
	Metrics, KVMetrics string
	Container          string  // its name for docker; "" if none is named
	PID                int     // of its process; 0 if it is not told
	Log                *string // what it logged; nil if it is not told
}

// AllHypotheses are the ids in their order.
var AllHypotheses = []string{"H0", "H1", "H2A", "H2B", "H3", "H4A", "H4B", "H5", "H6", "H7", "H8A", "H8B"}

// What hypotheses have in common, by what their configurations ask for.
var (
	withB      = []string{"H0", "H2B", "H3", "H4B", "H5", "H6", "H7", "H8B"} // stack B, and so KV telemetry
	withBoth   = []string{"H0", "H2B", "H3"}
	withWaits  = []string{"H0"} // of each request, before its admission
	withFio    = []string{"H3", "H4A", "H4B", "H8B"}
	withLibaio = []string{"H4A", "H4B", "H8B"}
	dropping   = []string{"H1"} // the page cache
	withLoRA   = []string{"H1"} // adapters
	withGPU    = []string{"H2A", "H3"}
	withPSI    = []string{"H3", "H8B"}
)

// Check refuses needs that nothing can be looked at for.
func (n *Needs) Check() error {
	for _, id := range n.Hypotheses {
		if !slices.Contains(AllHypotheses, id) {
			return fmt.Errorf("there is no hypothesis %.20q; there are %s", id, strings.Join(AllHypotheses, ", "))
		}
	}
	for i, s := range n.Servers {
		if s.Kind == nil || s.HTTP == nil {
			return fmt.Errorf("server %s: its kind and a client are needed", s.Stack)
		}
		if slices.ContainsFunc(n.Servers[:i], func(o Instance) bool { return o.Stack == s.Stack }) {
			return fmt.Errorf("two servers of stack %s", s.Stack)
		}
	}
	return nil
}

// chosen are the hypotheses among ids that were asked for.
func (n *Needs) chosen(ids []string) (out []string) {
	for _, id := range ids {
		if len(n.Hypotheses) == 0 || slices.Contains(n.Hypotheses, id) {
			out = append(out, id)
		}
	}
	return out
}

// server is that of a stack, nil if none is named.
func (n *Needs) server(stack string) *Instance {
	for i := range n.Servers {
		if n.Servers[i].Stack == stack {
			return &n.Servers[i]
		}
	}
	return nil
}

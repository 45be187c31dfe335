package record

import (
	"fmt"
	"slices"
	"strings"
)

// Bounds of what a line can hold. They are wide: no measurement comes near them, and what lies beyond is a damaged
// file or a server that counts nonsense.
const (
	maxNumber    = 1e18 // bytes that counters reach in a machine's life, and more
	maxLatencyMS = 30 * 24 * 3600e3
	maxTokens    = 1e9
	maxInteger   = 1 << 53 // of what counts or names; JSON readers lose digits beyond it
	// leastMS is for differences of two clock readings that are rounded apart.
	leastMS = -1
)

var requestPhases = []string{PhaseWarmup, PhaseMeasure}

var samplePhases = []string{PhasePrepare, PhaseTreat, PhaseBaseline, PhaseWarmup, PhaseMeasure, PhaseDrain}

var resultCodes = []string{RCOK, RCTimeout, RCRejected, RCHTTP, RCRefused, RCUnanswered, RCCut, RCServer, RCMalformed, RCShort, RCCancelled}

// checkLine refuses a line that no measurement leaves: an unknown phase or result code, a number that is negative
// or beyond what can be.
func checkLine(v Line) error {
	p := plausible{phases: samplePhases}
	if _, ok := v.(*Request); ok {
		p.phases = requestPhases
	}
	v.line(&p)
	return p.err
}

// plausible is a codec that only looks.
type plausible struct {
	phases []string
	at     string // text of the key whose value follows
	err    error
}

func (p *plausible) name() string {
	return strings.Trim(p.at[strings.LastIndexAny(p.at, ",{")+1:], `":`)
}

func (p *plausible) refuse(v any, why string) {
	if p.err == nil {
		p.err = fmt.Errorf("%s is %v: %s", p.name(), v, why)
	}
}

func (p *plausible) key(text string) { p.at = text }

func (p *plausible) maybe(text string, has bool) bool { p.at = text; return has }

func (p *plausible) group(has bool) bool { return has }

func (p *plausible) number(v *float64) {
	if *v >= 0 && *v <= maxLatencyMS {
		return
	}
	name := p.name()
	latency := slices.Contains(latencies, name)
	switch {
	case *v < 0 && (!slices.Contains(differences, name) || *v < leastMS):
		p.refuse(*v, "it cannot be negative")
	case latency && *v > maxLatencyMS:
		p.refuse(*v, "longer than a month")
	case !(*v <= maxNumber): // NaN, too
		p.refuse(*v, "no such number is measured")
	}
}

// latencies are the fields that hold one request's time, ms.
var latencies = []string{"lat_ttft_ms", "lat_e2e_ms", "send_lag_ms", "itl_p50_ms", "itl_max_ms", "itl_mean_ms", "chunk_gap_p50_ms", "chunk_gap_max_ms", "headers_ms",
	"server_wait_ms", "wait_ms", "prefill_ms", "fetch_p50_ms", "fetch_p95_ms", "fetch_p99_ms", "dt_ms"}

// differences are those of two clock readings.
var differences = []string{"send_lag_ms", "headers_ms", "server_wait_ms", "wait_ms", "prefill_ms"}

func (p *plausible) optNumber(v **float64) {
	if *v != nil {
		p.number(*v)
	}
}

func (p *plausible) integer(v *int) {
	switch {
	case *v < 0:
		p.refuse(*v, "it cannot be negative")
	case strings.HasSuffix(p.name(), "_tokens") && *v > maxTokens, *v > maxInteger:
		p.refuse(*v, "no such count is measured")
	}
}

func (p *plausible) optInteger(v **int) {
	if *v != nil {
		p.integer(*v)
	}
}

func (p *plausible) text(v *string) {
	switch name := p.name(); {
	case name == "phase" && !slices.Contains(p.phases, *v):
		p.refuse(fmt.Sprintf("%q", *v), "there are "+strings.Join(p.phases, ", "))
	case name == "rc" && !slices.Contains(resultCodes, *v):
		p.refuse(fmt.Sprintf("%q", *v), "there are "+strings.Join(resultCodes, ", "))
	}
}

func (p *plausible) optText(**string) {}

func (p *plausible) flag(*bool) {}

func (p *plausible) optFlag(**bool) {}

func (p *plausible) texts(*[]string) {}

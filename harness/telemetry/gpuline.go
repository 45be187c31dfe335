package telemetry

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"sparkharness/harness/outgoing"
	"sparkharness/harness/record"
)

// Bits of clocks_event_reasons.active (NVML, nvmlClocksEventReasons) that mean throttled: the hardware
// or the driver holds the clocks below what was asked for, for heat or for lack of power.
//
// Not among them: 0x1 idle, 0x2 application clocks, 0x10 sync boost and 0x100 display clocks are
// settings, and 0x4 software power cap is how a power-managed part runs at full load. A power supply
// that negotiated too little sets no bit at all: sm_clock_mhz shows it.
const (
	hwSlowdown        = 0x08
	swThermalSlowdown = 0x20
	hwThermalSlowdown = 0x40
	hwPowerBrake      = 0x80

	gpuThrottled = hwSlowdown | swThermalSlowdown | hwThermalSlowdown | hwPowerBrake
)

// gpuColumn is what one CSV column means.
type gpuColumn struct {
	scale float64                     // to the unit of record.GPU
	field func(*record.GPU) **float64 // nil: not a number of record.GPU
	mask  bool                        // the clock event reasons
	index bool                        // which GPU the line is of
}

// gpuHeader reads the header line. It is known as one if it names a column that is kept; cols is nil unless each of those
// has the unit that is asked for.
func gpuHeader(line string) (cols []gpuColumn, known bool, err error) {
	for name := range strings.SplitSeq(line, ",") {
		name, unit, _ := strings.Cut(strings.TrimSpace(name), " ")
		var c gpuColumn
		want := unit
		switch name {
		case "utilization.gpu":
			c, want = gpuColumn{scale: 1, field: func(g *record.GPU) **float64 { return &g.Util }}, "[%]"
		case "memory.used":
			c, want = gpuColumn{scale: 1 << 20, field: func(g *record.GPU) **float64 { return &g.MemUsedBytes }}, "[MiB]"
		case "power.draw":
			c, want = gpuColumn{scale: 1, field: func(g *record.GPU) **float64 { return &g.PowerW }}, "[W]"
		case "clocks.sm", "clocks.current.sm":
			c, want = gpuColumn{scale: 1, field: func(g *record.GPU) **float64 { return &g.SMClockMHz }}, "[MHz]"
		case "clocks.max.sm":
			c, want = gpuColumn{scale: 1, field: func(g *record.GPU) **float64 { return &g.SMClockMaxMHz }}, "[MHz]"
		case "clocks_event_reasons.active", "clocks_throttle_reasons.active":
			c, want = gpuColumn{mask: true}, ""
		case "index":
			c, want = gpuColumn{index: true}, ""
		}
		known = known || c.mask || c.field != nil
		if unit != want && err == nil {
			err = fmt.Errorf("nvidia-smi header: column %s has unit %q, not %q", name, unit, want)
		}
		cols = append(cols, c)
	}
	if err != nil || !known {
		return nil, known, err
	}
	return cols, true, nil
}

// gpuWithUnit is a figure as nvidia-smi prints it without nounits, such as "96 %" or "513 MHz".
var gpuWithUnit = regexp.MustCompile(`^[0-9.]+ ?(%|[A-Za-z]+)$`)

// gpuNone says whether a field stands for no value. nvidia-smi puts every reason for having none into brackets: [N/A],
// [Not Supported], [Unknown Error]. dmon and the table, and some versions here, use the bare forms.
func gpuNone(field string) bool {
	return strings.HasPrefix(field, "[") || slices.Contains([]string{"N/A", "-", "Not Supported", "Unknown Error", "ERR!"}, field)
}

// gpuLine reads a line. index is which GPU it is of, "" if it does not tell.
func gpuLine(cols []gpuColumn, line string) (g record.GPU, index string, err error) {
	if n := strings.Count(line, ",") + 1; n != len(cols) {
		return record.GPU{}, "", fmt.Errorf("nvidia-smi line has %d fields, the header %d: %s", n, len(cols), outgoing.Clean(line, outgoing.MaxQuote))
	}
	for i := range cols {
		f, rest, _ := strings.Cut(line, ",")
		line, f = rest, strings.TrimSpace(f)
		if gpuNone(f) {
			continue
		}
		switch c := cols[i]; {
		case c.index:
			index = f
		case c.mask:
			bits, err := strconv.ParseUint(strings.TrimPrefix(f, "0x"), 16, 64)
			if err != nil || !strings.HasPrefix(f, "0x") {
				return record.GPU{}, "", fmt.Errorf("nvidia-smi line: clock event reasons %q are no hex mask", f)
			}
			g.Throttled = new(bits&gpuThrottled != 0)
		case c.field != nil && gpuWithUnit.MatchString(f):
			return record.GPU{}, "", fmt.Errorf("nvidia-smi line: a figure with its unit, %q, did not parse: run nvidia-smi with --format=csv,nounits", f)
		case c.field != nil:
			v, err := strconv.ParseFloat(f, 64)
			if err != nil || !finite(v) {
				return record.GPU{}, "", fmt.Errorf("nvidia-smi line: %q is no number", f)
			}
			if v < 0 {
				return record.GPU{}, "", fmt.Errorf("nvidia-smi line: %q is below zero, where nothing is", f)
			}
			*c.field(&g) = new(round4(v * c.scale))
		}
	}
	return g, index, nil
}

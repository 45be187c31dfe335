package sim

import (
	"context"
	"io"
	"strconv"
	"strings"
	"time"
)

// GPUHeader is the first line of nvidia-smi's CSV for the query that harness/telemetry makes.
const GPUHeader = "utilization.gpu [%], memory.used [MiB], power.draw [W], clocks.current.sm [MHz], clocks_event_reasons.active\n"

// StreamGPU writes what
//
//	nvidia-smi --query-gpu=utilization.gpu,memory.used,power.draw,clocks.sm,clocks_event_reasons.active --format=csv,nounits -lms
//
// would write on this machine, one line every period, until ctx ends or w fails. memory.used is [N/A],
// as the GB10 driver answers it. Power is taken to follow the clock.
func (m *Machine) StreamGPU(ctx context.Context, w io.Writer, period time.Duration) {
	header, told := GPUHeader, true
	if m.engine.mech.ThermalSlowdown.Reasons == ReasonsAbsent {
		header, told = strings.Replace(GPUHeader, ", clocks_event_reasons.active", "", 1), false
	}
	if _, err := io.WriteString(w, header); err != nil {
		return
	}
	ticker := time.NewTicker(period)
	defer ticker.Stop()
	var lastNS, lastBusy float64
	var line []byte
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		var now, busy float64
		var heat thermal
		if err := m.query(ctx, func() {
			m.account()
			now, busy = float64(m.host.lastNS), m.host.gpuNS
			heat = m.engine.thermal
		}); err != nil {
			return
		}
		share := 0.0
		if now > lastNS {
			share = (busy - lastBusy) / (now - lastNS)
		}
		lastNS, lastBusy = now, busy
		p := m.host.p
		power := p.GPUIdleW + (p.GPUBusyW-p.GPUIdleW)*share*(heat.clockMHz/p.GPUMaxMHz)
		clock, reasons := heat.clockMHz, heat.reasons()
		if share == 0 {
			clock = p.GPUIdleClockMHz
			if reasons != "[N/A]" {
				reasons = "0x0000000000000001" // idle
			}
		}
		line = append(strconv.AppendFloat(line[:0], share*100, 'f', 0, 64), ", [N/A], "...)
		line = append(strconv.AppendFloat(line, power, 'f', 2, 64), ", "...)
		line = strconv.AppendFloat(line, clock, 'f', 0, 64)
		if told {
			line = append(append(line, ", "...), reasons...)
		}
		line = append(line, '\n')
		if _, err := w.Write(line); err != nil {
			return
		}
	}
}

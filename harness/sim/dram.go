package sim

import (
	"cmp"
	"errors"
	"fmt"
)

// The machine has one DRAM for CPU, GPU and devices. What the drives move by DMA and what copies between tiers read and
// write is bandwidth that the GPU does not have, so that reading weights and KV takes longer by peak / (peak - that).
// Whatever the GPU's own rate, up to the peak, all together stay below the peak.
//
// The formula is arithmetic: on a GB10 neither the memory controller's arbitration nor decode beside a busy
// drive or a copy has been measured and published. It is an upper bound in so far as a step at batch 1 uses less than
// the peak (some 165 GB/s) and so has room to spare. Other CPU work is left out.

// bytesPerSec is the rate of all transfers under way, reads and writes together, 0 during a pause. The operating
// system's own requests are too few to count.
func (d *NVMeDevice) bytesPerSec() float64 {
	rate := 0.0
	if d.pauseEnd != 0 {
		return rate
	}
	for _, t := range d.transfers {
		rate += t.rate.BytesPerSec
	}
	return rate
}

// memorySlowdown is how many times as long the GPU takes to read memory while others move so many bytes a
// second; 1 exactly if they move none.
func (p HostParams) memorySlowdown(bytesPerSec float64) float64 {
	return p.DRAMBytesPerSec / (p.DRAMBytesPerSec - bytesPerSec)
}

// checkDRAM refuses a memory that drives and copies alone could fill, and a GPU that reads faster than it.
func (p Params) checkDRAM(m Model) error {
	links := p.NVMe.LinkBytesPerSec
	if p.twoDrives() {
		links += cmp.Or(p.Second, p.NVMe).LinkBytesPerSec
	}
	copies := 2 * (p.Host.HostCopyBytesPerSec + p.Host.BufferedReadBytesPerSec)
	var errs []error
	if p.Host.DRAMBytesPerSec <= links+copies {
		errs = append(errs, fmt.Errorf("the simulated machine needs a DRAM (DRAMBytesPerSec %g) faster than the links of its drives (%g B/s) and the copies in it (%g B/s) together",
			p.Host.DRAMBytesPerSec, links, copies))
	}
	step, of := m.DecodeBaseNS, "a step"
	if two := m.ExpertsTwoNS; two > 0 && two < step {
		step, of = two, "a step of two sequences"
	}
	if decode := float64(m.StepBytes) / step * 1e9; decode > p.Host.DRAMBytesPerSec {
		errs = append(errs, fmt.Errorf("model %s reads %g B of weights in %s of %g ms, %.3g B/s: the memory has %g B/s; correct the decode rate or the bytes",
			m.Name, float64(m.StepBytes), of, step/1e6, decode, p.Host.DRAMBytesPerSec))
	}
	if m.KVReadBytesPerSec > p.Host.DRAMBytesPerSec {
		errs = append(errs, fmt.Errorf("KV is read at %g B/s: the memory has %g B/s", m.KVReadBytesPerSec, p.Host.DRAMBytesPerSec))
	}
	return errors.Join(errs...)
}

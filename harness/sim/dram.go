package sim

import "fmt"

// The machine has one DRAM for CPU, GPU and devices. What the drives move by DMA is bandwidth that the GPU does
// not have, so that reading weights and KV takes longer by peak / (peak - DMA).
//
// The formula is arithmetic: on a GB10 neither the memory controller's arbitration nor decode beside a busy
// drive has been measured and published. It is an upper bound in so far as a step at batch 1 uses less than
// the peak (some 165 GB/s) and so has room to spare. What CPUs copy is left out.

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

// memorySlowdown is how many times as long the GPU takes to read memory while devices move so many bytes a
// second; 1 exactly if they move none.
func (p HostParams) memorySlowdown(dmaBytesPerSec float64) float64 {
	return p.DRAMBytesPerSec / (p.DRAMBytesPerSec - dmaBytesPerSec)
}

// checkDRAM refuses a memory that the drives alone could fill.
func (p Params) checkDRAM() error {
	links := p.NVMe.LinkBytesPerSec
	if p.Mechanisms.KVOnSecondDrive {
		links *= 2
	}
	if p.Host.DRAMBytesPerSec <= links {
		return fmt.Errorf("the simulated machine needs a DRAM (DRAMBytesPerSec %g) faster than the links of its drives (%g B/s)", p.Host.DRAMBytesPerSec, links)
	}
	return nil
}

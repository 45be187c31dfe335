package sim

import "fmt"

// The machine, drive and models of the tests: figures of a DGX Spark, as configs/ has them, written down again so that
// these tests stand for the equations whatever the figures become.

// DefaultParams is a machine with its drive.
func DefaultParams() Params {
	return Params{
		NVMe: DefaultNVMeParams(),
		Host: HostParams{
			CPUs:                20,
			MemTotalBytes:       127_600_524 * 1024,
			OSBytes:             6 << 30,
			PageCacheBytes:      4 << 30,
			DRAMBytesPerSec:     273e9,
			HostCopyBytesPerSec: 100e9,
			EngineCores:         1.3,
			IdleCores:           0.2,
			SystemShare:         0.2,
			GPUIdleW:            4, GPUBusyW: 80.1,
			GPUIdleClockMHz: 208, GPUMaxMHz: 2450,
			BufferedReadBytesPerSec: 7.1e9, ReadaheadBytes: 128 << 10, ReadaheadNS: 50_700,
			ForeignNSPerIO: 2_000,
		},
	}
}

// DefaultNVMeParams is a drive with a quiet operating system and no pauses.
func DefaultNVMeParams() NVMeParams {
	return NVMeParams{
		ControllerCmdsPerSec:   2.0e6,
		Planes:                 128,
		PageBytes:              16 << 10,
		PageReadNS:             28_000,
		PageReadJitter:         0.05,
		PageProgramNS:          60_000,
		LinkBytesPerSec:        14.95e9,
		FlashWriteBytesPerSec:  12.1e9,
		WriteCacheBytes:        8 << 20,
		FixedNS:                30_000,
		MaxCommandBytes:        512 << 10,
		JiffyNS:                4_000_000,
		BackgroundReadsPerSec:  2,
		BackgroundWritesPerSec: 10,
		BackgroundBytes:        16 << 10,
	}
}

// ModelByName is L8B or L70B.
func ModelByName(name string) (Model, error) {
	switch name {
	case "L8B":
		return Model{
			Name: name, Served: "nvidia/Llama-3.1-8B-Instruct-FP8", Layers: 32, KVHeads: 8, HeadDim: 128, Hidden: 4096, Intermediate: 14336,
			DecodeBaseNS: 1e9 / 20.5, DecodePerSeqNS: 0.503e6, KVReadBytesPerSec: 216e9,
			PrefillTokensPerSec: 7991, PrefillRefTokens: 2048, DepthNS: 4.1, WeightsBytes: 9_000_000_000, StepBytes: 8_030_000_000,
		}, nil
	case "L70B":
		return Model{
			Name: name, Served: "nvidia/Llama-3.3-70B-Instruct-NVFP4", Layers: 80, KVHeads: 8, HeadDim: 128, Hidden: 8192, Intermediate: 28672,
			DecodeBaseNS: 1e9 / 4.1, DecodePerSeqNS: 4.4e6, KVReadBytesPerSec: 216e9,
			PrefillTokensPerSec: 1030, PrefillRefTokens: 2048, DepthNS: 18, WeightsBytes: 42_000_000_000, StepBytes: 40_610_000_000,
		}, nil
	}
	return Model{}, fmt.Errorf("no model %q", name)
}

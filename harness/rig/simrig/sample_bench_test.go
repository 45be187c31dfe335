package simrig

import (
	"context"
	"testing"

	"sparkharness/harness/record"
)

// BenchmarkSample is what one sample of all sources costs this process, the simulated machine's own work of
// rendering files and pages included: an upper bound of the harness's part of the cost of telemetry. At a cadence
// of 200 ms a millisecond is half a percent of a core.
func BenchmarkSample(b *testing.B) {
	for _, stack := range []string{"A", "B"} {
		b.Run("stack="+stack, func(b *testing.B) {
			s := open(b, options(b, stack))
			tel := s.Sources()
			ctx := context.Background()
			for b.Loop() {
				var sys record.SysSample
				if err := tel.Refresh(ctx); err != nil {
					b.Fatal(err)
				}
				for _, src := range tel.Sys {
					if src.Name() == "gpu" {
						continue // comes by itself, as nvidia-smi's lines do
					}
					// In a tight loop the clock of /proc/stat has often not moved, which is an error there and costs
					// the same.
					if err := src.Sample(ctx, &sys); err != nil && src.Name() != "proc" {
						b.Fatal(src.Name(), err)
					}
				}
				if tel.KV != nil {
					var kv record.KVSample
					if err := tel.KV.SampleKV(ctx, &kv); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}

package diskrig

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sparkharness/harness/sim"
)

// BenchmarkRead reads blocks as loaders do: 128 KiB one at a time and 512 KiB eight at a time, each with and without the
// software time of 220 us that a loader on a GB10 was measured at. Beside it stands what fio makes of the same directory:
//
//	fio --name=x --directory=DIR --size=512m --direct=1 --ioengine=psync --rw=randread --bs=128k --runtime=5 --time_based
//	fio --name=x --directory=DIR --size=512m --direct=1 --ioengine=io_uring --iodepth=8 --rw=randread --bs=512k --runtime=5 --time_based
func BenchmarkRead(b *testing.B) {
	const block, blocks = 4 << 20, 64
	for _, shape := range []struct {
		bytes int64
		depth int
	}{{128 << 10, 1}, {512 << 10, 8}} {
		for _, software := range []time.Duration{0, 220 * time.Microsecond} {
			b.Run(fmt.Sprintf("%dKiBx%d/software=%v", shape.bytes>>10, shape.depth, software), func(b *testing.B) {
				s := opened(b, b.TempDir(), Options{BlockBytes: block, KVBlocks: blocks, Share: 1})
				stream := sim.NVMeStream{IOBytes: shape.bytes, Depth: shape.depth, SoftwareNS: int64(software)}
				require.NoError(b, moved(s, sim.IO{ID: 1, Blocks: numbered(blocks), Stream: stream}))
				before := s.Figures().Reads
				stream.ReadShare = 1
				b.SetBytes(8 * block)
				b.ResetTimer()
				for i := range b.N {
					from := 8 * i % blocks
					require.NoError(b, moved(s, sim.IO{ID: int64(i) + 2, Blocks: numbered(blocks)[from : from+8], Stream: stream}))
				}
				b.StopTimer()
				f := s.Figures().Reads
				n := float64(f.IOs - before.IOs)
				b.ReportMetric(float64(f.Took-before.Took)/n/1e3, "us/pread")
				b.ReportMetric(float64(f.Measured-before.Measured)/n/1e3, "us-spent/IO")
				b.ReportMetric(float64(f.Slept-before.Slept)/n/1e3, "us-waited/IO")
				b.ReportMetric(float64(b.Elapsed())*float64(shape.depth)/n/1e3, "us/IO")
			})
		}
	}
}

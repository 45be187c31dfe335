package load

import (
	"bytes"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func BenchmarkScanChunk(b *testing.B) {
	for name, text := range map[string]string{"trtllm": trtllmChunk, "chat": chatChunk} {
		b.Run(name, func(b *testing.B) {
			data := []byte(text)
			b.ReportAllocs()
			for b.Loop() {
				if _, ok := (&scanner{b: data}).chunk(); !ok {
					b.Fatal("not taken by the fast path")
				}
			}
		})
	}
}

func BenchmarkDecodeChunk(b *testing.B) {
	data := []byte(trtllmChunk)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := decodeChunk(data); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkAnswer is the whole client-side cost of a chunk but the transport's: one read, one frame, one
// scan, one stamp.
func BenchmarkAnswer(b *testing.B) {
	for _, name := range []string{"trtllm_completions", "dynamo_chat"} {
		b.Run(name, func(b *testing.B) {
			body, err := os.ReadFile("../../fixtures/sse/" + name + ".txt")
			require.NoError(b, err)
			frame := body[:bytes.Index(body, []byte("\n\n"))+2]
			src := &repeat{frame: frame}
			var a answer
			a.reset(src)
			limit := time.Now().Add(time.Hour)
			b.ReportAllocs()
			for b.Loop() {
				src.left = 1000
				if err := a.read(limit); !errors.Is(err, errEnough) {
					b.Fatal(err)
				}
				a.reset(src)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/chunk")
		})
	}
}

// repeat gives one frame a read, left times.
type repeat struct {
	frame []byte
	left  int
}

var errEnough = errors.New("enough")

func (r *repeat) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, errEnough
	}
	r.left--
	return copy(p, r.frame), nil
}

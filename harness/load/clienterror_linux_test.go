package load

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/outgoing"
	"sparkharness/harness/record"
	"sparkharness/harness/stats"
)

// BenchmarkClientError measures what the client adds to TTFT and ITL, in real time, against a server in
// another process that stamps each frame (Unix ns) just before it writes it to a loopback socket. All
// streams get their tokens in the same instant, 20 times a second, the hard case.
//
//   - ttft_err is the client's time of a first text less that frame's stamp: everything between the
//     server's write and the client's clock counts against the client.
//   - itl_err is the absolute difference of a gap to the gap of its stamps.
//   - cpu_s/ktok is the user and system time of the client's process, connections and requests included,
//     for 1000 tokens.
//   - socket, at streams=256/socket only, is the part of the error that had passed when the kernel had the
//     frame in the client's socket, for all frames. The rest is waiting for a CPU and reading.
//
// Server and client share the machine's CPUs. Run the test binary under chrt -f 1 to see a client that
// never waits for one: the server goes back to the default policy.
func BenchmarkClientError(b *testing.B) {
	tests := []struct {
		name    string
		streams int
		tokens  float64 // of an answer, on average; few where there are few streams, for more first tokens
		socket  bool
	}{
		{"streams=1", 1, 2, false},
		{"streams=64", 64, 16, false},
		{"streams=256", 256, 32, false},
		{"streams=256/socket", 256, 32, true},
		{"streams=1024", 1024, 32, false},
	}
	for _, tt := range tests {
		b.Run(tt.name, func(b *testing.B) {
			var log arrivals
			var way outgoing.Options
			if tt.socket {
				way.Dial = log.dial
			}
			dist := must[Dist](b)
			var seen deliveries
			spec := Spec{
				RunID: "r1", Stack: "A", Model: "paced", Workload: "fixed_context", ContextTokens: 32,
				// Answers of many lengths keep the users from marching in step; their tokens still do.
				Loop:   Closed{Users: tt.streams, Think: dist(NewConstant(0))},
				Output: dist(NewUniform(tt.tokens/2, tt.tokens*3/2)), Nonce: NoncePerRequest,
				Prompter: FixedContext{Seed: 1, Body: testBody}, Timeout: 30 * time.Second, Seed: 1,
				BaseURL: startStamped(b), API: APICompletions, Dialect: DialectTRTLLM, ModelID: "paced",
				HTTP:     outgoing.New(way),
				Warmup:   Warmup{Min: time.Second, Max: 10 * time.Second, Passes: 1},
				Duration: 5 * time.Second, MaxDuration: 5 * time.Second, MinRequests: 1,
				observe: seen.observe,
			}
			defer spec.HTTP.CloseIdleConnections()
			var cpu time.Duration
			for b.Loop() {
				spec.Start = time.Now()
				before := cpuTime(b)
				_, err := Run(b.Context(), spec, mustSucceed, func(string) {})
				require.NoError(b, err)
				cpu += cpuTime(b) - before
			}
			ttft, itl, tokens := seen.errors(b)
			b.ReportMetric(0, "ns/op") // the length of the run
			report(b, "ttft_err", ttft)
			report(b, "itl_err", itl)
			b.ReportMetric(cpu.Seconds()/float64(tokens)*1000, "cpu_s/ktok")
			line := fmt.Sprintf("%d first texts, error p50 %.0f us, p99 %.0f us; %d gaps, error p50 %.0f us, p99 %.0f us; %d tokens, %.1f us of CPU each",
				len(ttft), stats.Quantile(ttft, 0.5), stats.Quantile(ttft, 0.99), len(itl), stats.Quantile(itl, 0.5), stats.Quantile(itl, 0.99),
				tokens, float64(cpu.Microseconds())/float64(tokens))
			if tt.socket {
				socket := log.delays(b)
				report(b, "socket", socket)
				line += fmt.Sprintf("; in the socket after p50 %.0f us, p99 %.0f us", stats.Quantile(socket, 0.5), stats.Quantile(socket, 0.99))
			}
			b.Log(line)
		})
	}
}

func mustSucceed(r *record.Request) error {
	if r.RC != record.RCOK {
		return fmt.Errorf("request %d of user %d: %s", r.Seq, r.User, r.RC)
	}
	return nil
}

// report gives the median and the 99th percentile of sorted microseconds.
func report(b *testing.B, name string, us []float64) {
	b.ReportMetric(stats.Quantile(us, 0.5), name+"_p50_us")
	b.ReportMetric(stats.Quantile(us, 0.99), name+"_p99_us")
}

// cpuTime is the CPU time of this process so far, user and system.
func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// delivery is a chunk of text: the server's stamp and when the client had read it, Unix ns.
type delivery struct{ sent, received int64 }

// deliveries are the chunks of all requests of a run.
type deliveries struct {
	mu      sync.Mutex
	streams []*delivered
}

// delivered are the chunks of one request.
type delivered struct {
	phase  string
	chunks []delivery
	err    error
}

func (d *deliveries) observe(req *request) func([]byte, time.Time) {
	s := &delivered{phase: req.phase, chunks: make([]delivery, 0, req.tokens)}
	d.mu.Lock()
	d.streams = append(d.streams, s)
	d.mu.Unlock()
	return func(comment []byte, at time.Time) {
		sent, err := stamp(comment)
		if err != nil {
			s.err = err
		}
		s.chunks = append(s.chunks, delivery{sent, at.UnixNano()})
	}
}

// stamp reads "sent <unix ns>".
func stamp(comment []byte) (int64, error) {
	text, ok := bytes.CutPrefix(comment, []byte("sent "))
	if !ok {
		return 0, fmt.Errorf("%q is not a stamp", comment)
	}
	return strconv.ParseInt(string(text), 10, 64)
}

// errors are the errors of TTFT and ITL in the measure phase, us, sorted, and the tokens of all phases.
func (d *deliveries) errors(b *testing.B) (ttft, itl []float64, tokens int) {
	us := func(ns int64) float64 { return float64(ns) / 1e3 }
	for _, s := range d.streams {
		require.NoError(b, s.err)
		tokens += len(s.chunks)
		if s.phase != record.PhaseMeasure {
			continue
		}
		for i, c := range s.chunks {
			require.Greater(b, c.received, c.sent, "a chunk was read before it was sent: the clock was set")
			if i == 0 {
				ttft = append(ttft, us(c.received-c.sent))
				continue
			}
			p := s.chunks[i-1]
			itl = append(itl, math.Abs(us((c.received-p.received)-(c.sent-p.sent))))
		}
	}
	require.NotEmpty(b, itl)
	slices.Sort(ttft)
	slices.Sort(itl)
	return ttft, itl, tokens
}

// The observer gets every chunk with text, and nothing else, at the times that the record is made of.
func TestObserve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chunk := func(text string) string { return `data: {"choices":[{"index":0,"text":"` + text + `"}]}` + "\n\n" }
		e, stop := serve(t, func(w http.ResponseWriter, r *http.Request) {
			replay(w, r, ": sent 1\n"+chunk("")+": keep-alive\n\n"+": sent 2\n"+chunk("a")+": sent 3\n"+chunk("b")+": sent 4\ndata: [DONE]\n\n", 10*time.Millisecond)
		})
		defer stop()
		spec := e.spec(t)
		var comments []string
		var times []time.Time
		spec.observe = func(req *request) func([]byte, time.Time) {
			assert.Equal(t, 3, req.user)
			return func(comment []byte, at time.Time) {
				comments, times = append(comments, string(comment)), append(times, at)
			}
		}
		start := time.Now()
		rec, gaps := ask(t, context.Background(), spec, 2)
		require.Equal(t, []string{"sent 2", "sent 3"}, comments)
		assert.Equal(t, *rec.TTFTms, millis(times[0].Sub(start)))
		assert.Equal(t, gaps, []time.Duration{times[1].Sub(times[0])})
	})
}

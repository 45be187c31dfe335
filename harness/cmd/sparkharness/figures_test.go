package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/record"
	"sparkharness/harness/stats"
)

// The client is said to be the bottleneck where its own delay is above what the gates let pass, and only there.
func TestLoadOfALateClient(t *testing.T) {
	for _, tt := range []struct {
		ttft, lag float64
		late      bool
	}{{10, 0.9, false}, {10, 1.1, true}, {1000, 9, false}, {1000, 11, true}} {
		counts := &tally{ttft: []stats.Obs{{V: tt.ttft}}}
		counts.lag = []stats.Obs{{V: tt.lag}}
		l := plainLoad{kind: &openKind}
		f := l.figures(counts, record.LoadSummary{}, nil, true)
		assert.Equal(t, tt.late, f.ClientLate, "%+v", tt)
		var out bytes.Buffer
		require.NoError(t, f.print(&out))
		assert.Equal(t, tt.late, strings.Contains(out.String(), "WARNING: the client was the bottleneck"), "%+v", tt)
		assert.Equal(t, tt.late, strings.Contains(out.String(), fmt.Sprintf("\n  send lag %v ms: latencies count from", tt.lag)), "%+v", tt)
		assert.NotContains(t, out.String(), "  wait for a processor 0")
		l.chosen = "users"
		out.Reset()
		require.NoError(t, l.figures(counts, record.LoadSummary{}, nil, true).print(&out))
		assert.Equal(t, tt.late, strings.Contains(out.String(), "ms: users sent later than they were due"), "latency counts from the sending")
	}
	waits := delays{counts: []uint64{900, 50, 50}, bounds: []float64{0, 0.001, 0.002, 0.004}}
	counts := &tally{ttft: []stats.Obs{{V: 10}}}
	l := plainLoad{kind: &openKind}
	f := l.figures(counts, record.LoadSummary{}, waits.since(delays{counts: []uint64{900, 0, 0}}), true)
	assert.InDelta(t, 4, *f.ProcessorWait.P99, 1e-9)
	assert.InDelta(t, 2, *f.ProcessorWait.P50, 1e-9)
	assert.True(t, f.ClientLate)
	assert.Nil(t, waits.since(delays{}), "nothing was read before")
}

// An answer ends its latency after what that counts from: the sending in a closed loop, when it was due in an open one.
func TestAnswerEnds(t *testing.T) {
	for users, want := range map[int]float64{0: 101, 4: 103} {
		var counts loadTally
		counts.end(&record.Request{RC: record.RCOK, Phase: record.PhaseMeasure, Concurrency: users, IntendedTS: 100, TS: 102, E2Ems: new(1000.)})
		assert.Equal(t, []answerEnd{{at: want}}, counts.answers)
		assert.InDelta(t, want, counts.last, 0)
	}
}

// A request that timed out is a lower bound in the table and in the file.
func TestLoadMarksLowerBounds(t *testing.T) {
	l := latencyOf([]stats.Obs{{V: 1}, {V: 2}, {V: 9, Censored: true}})
	assert.Equal(t, []string{"p95", "p99", "max"}, l.Bounds)
	var out bytes.Buffer
	l.print(&out, "TTFT")
	assert.Contains(t, out.String(), "\t2.00\t>")
	assert.Contains(t, out.String(), "\t>9.00\n")
}

// A terminal has one line, written over each second, and anything else a line every ten.
func TestLive(t *testing.T) {
	for inPlace, want := range map[bool]string{true: "\r\x1b[K1 s  here\r\x1b[K2 s  here\n", false: "1 s  here\n2 s  here\n"} {
		synctest.Test(t, func(t *testing.T) {
			var out bytes.Buffer
			stop := live{&out, time.Second, inPlace}.start(func() string { return "here" })
			time.Sleep(2500 * time.Millisecond)
			stop()
			time.Sleep(time.Minute)
			assert.Equal(t, want, out.String())
		})
	}
	file, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	require.NoError(t, err)
	defer file.Close()
	assert.Equal(t, live{out: file, every: quietEvery}, liveOn(file))
	terminal, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("there is no terminal here: %v", err)
	}
	defer terminal.Close()
	assert.Equal(t, live{terminal, liveEvery, true}, liveOn(terminal))
}

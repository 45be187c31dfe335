package trace

import (
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/regular"
)

func TestReaderReadsLines(t *testing.T) {
	path := written(t, spelled(1000, 1, 7)+spelled(1000, 512, 8)+spelled(3500, 513, 8, 9))
	r, err := OpenWith(path, Options{})
	requests := all(t, r, err)
	assert.Equal(t, []Request{
		{Line: 1, At: 0, Input: 1, Output: 9, Blocks: []int64{7}},
		{Line: 2, At: 0, Input: 512, Output: 9, Blocks: []int64{8}},
		{Line: 3, At: 2500 * time.Millisecond, Input: 513, Output: 9, Blocks: []int64{8, 9}},
	}, requests)
	assert.Equal(t, []int{1, 512, 512, 1}, []int{requests[0].Tokens(0), requests[1].Tokens(0), requests[2].Tokens(0), requests[2].Tokens(1)})
}

// Requests that come closer together than a millisecond are spelled with fractions of one.
func TestReaderTakesFractionsOfMilliseconds(t *testing.T) {
	text := spelled(0, 600, 0, 1) + spelled(0, 520, 0, 2) + spelled(0, 1, 3)
	text = strings.Replace(strings.Replace(strings.Replace(text, ": 0,", ": 1700000000000.0,", 1), ": 0,", ": 1700000000000.2,", 1), ": 0,", ": 1.7000000000015e12,", 1)
	var at []time.Duration
	for _, r := range readAll(t, written(t, text), Options{TimeScale: 2}) {
		at = append(at, r.At)
	}
	assert.Equal(t, []time.Duration{0, 400 * time.Microsecond, 3 * time.Millisecond}, at)
}

func TestReaderTakesTheLastLineWithoutItsBreak(t *testing.T) {
	text := spelled(0, 1, 7) + spelled(1, 1, 7)
	assert.Len(t, readAll(t, written(t, text[:len(text)-1]), Options{}), 2)
}

func TestOptions(t *testing.T) {
	path := written(t, spelled(100, 10, 1)+spelled(103, 1000, 2, 3)+spelled(110, 20, 4)+spelled(120, 30, 5))
	for name, tc := range map[string]struct {
		o       Options
		lines   []int
		at      []time.Duration
		leftOut int
	}{
		"as it is":     {Options{}, []int{1, 2, 3, 4}, []time.Duration{0, 3000, 10_000, 20_000}, 0},
		"slower":       {Options{TimeScale: 2.5}, []int{1, 2, 3, 4}, []time.Duration{0, 7500, 25_000, 50_000}, 0},
		"whole micros": {Options{TimeScale: 1. / 7}, []int{1, 2, 3, 4}, []time.Duration{0, 429, 1429, 2857}, 0},
		"short ones":   {Options{MaxInput: 30}, []int{1, 3, 4}, []time.Duration{0, 10_000, 20_000}, 1},
		"the first":    {Options{Limit: 2, MaxInput: 999}, []int{1, 3}, []time.Duration{0, 10_000}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := OpenWith(path, tc.o)
			requests := all(t, r, err)
			var lines []int
			var at []time.Duration
			for _, req := range requests {
				lines, at = append(lines, req.Line), append(at, req.At/time.Microsecond)
			}
			assert.Equal(t, tc.lines, lines)
			assert.Equal(t, tc.at, at)
			assert.Equal(t, tc.leftOut, r.LeftOut())
		})
	}
}

func TestOptionsRefused(t *testing.T) {
	path := written(t, spelled(0, 1, 1))
	for want, bad := range map[string][]Options{
		"time scale":        {{TimeScale: -1}, {TimeScale: math.NaN()}, {TimeScale: math.Inf(1)}, {TimeScale: maxTimeScale + 1}},
		"share of sessions": {{Sessions: -0.1}, {Sessions: 1.1}, {Sessions: math.NaN()}},
		"longest prompt":    {{MaxInput: -1}},
		"limit":             {{Limit: -1}},
	} {
		for _, o := range bad {
			_, err := OpenWith(path, o)
			assert.ErrorContains(t, err, want, "%+v", o)
			_, err = Describe(path, o)
			assert.ErrorContains(t, err, want, "%+v", o)
		}
	}
}

func TestReaderStopsAtAFault(t *testing.T) {
	path := written(t, spelled(5, 1, 1)+spelled(4, 1, 1))
	r, err := OpenWith(path, Options{})
	require.NoError(t, err)
	defer r.Close()
	_, err = r.Next()
	require.NoError(t, err)
	_, err = r.Next()
	assert.EqualError(t, err, path+":2: timestamp 4 goes back from 5: sort the trace by time")
	_, err = r.Next()
	assert.Equal(t, io.EOF, err)

	_, err = OpenWith(path, Options{Sessions: 0.5})
	assert.ErrorContains(t, err, path+":2: ", "the pass that counts blocks")
}

func TestNoFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none")
	_, err := OpenWith(path, Options{})
	assert.ErrorContains(t, err, path)
	_, err = Describe(path, Options{})
	assert.ErrorContains(t, err, path)
	assert.ErrorContains(t, Check(path, 3), path)
}

// A trace may be larger than memory, and is a file all the same.
func TestTracesAreRegularFiles(t *testing.T) {
	for name, read := range map[string]func(path string) error{
		"check":    func(path string) error { return Check(path, 1) },
		"describe": func(path string) error { _, err := Describe(path, Options{}); return err },
		"open":     func(path string) error { _, err := OpenWith(path, Options{}); return err },
		"sessions": func(path string) error { _, err := OpenWith(path, Options{Sessions: 0.5}); return err },
	} {
		err := read(os.DevNull)
		require.ErrorIs(t, err, regular.ErrNoFile, name)
		require.EqualError(t, err, "open a trace: /dev/null is a device, not a regular file: correct the path, or put a file there")
	}
}

func BenchmarkReader(b *testing.B) {
	path := generated(b, conversations())
	for b.Loop() {
		readAll(b, path, Options{})
	}
}

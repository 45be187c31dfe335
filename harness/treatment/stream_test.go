package treatment

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/health"
)

// Documents come out whole and in order, however fio's output is cut into pieces, and whatever stands between them.
func TestStream(t *testing.T) {
	doc := func(i int) string {
		return fmt.Sprintf("{\n  \"timestamp_ms\" : %d,\n  \"x\" : \"}{\\\\\\\"\",\n  \"jobs\" : [ {\"write\" : {\"io_bytes\" : %d}} ]\n}", i*1000, i*i)
	}
	text := "fio: a note { of some kind\n" + doc(1) + "\n" + doc(2) + "\n\nfio: terminating on signal 2\n" + doc(3) + "\nlast words"
	rng := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		var got []int64
		var r rates
		s := &stream{each: func(d *document) { got = append(got, d.MS); r.add(d, nil) }}
		for rest := text; rest != ""; {
			n := 1 + rng.IntN(min(40, len(rest)))
			_, err := s.Write([]byte(rest[:n]))
			require.NoError(t, err)
			rest = rest[n:]
		}
		require.NoError(t, s.end())
		require.Equal(t, []int64{1000, 2000, 3000}, got)
		require.Equal(t, []health.Rate{{Seconds: 1, Bytes: 3}, {Seconds: 1, Bytes: 5}}, r.all)
		require.Contains(t, s.said(), "a note { of some kind")
		require.True(t, strings.HasSuffix(s.said(), "last words"))
	}
}

// What is not fio's costs no memory without end.
func TestStreamIsBounded(t *testing.T) {
	s := &stream{each: func(*document) {}}
	line := []byte(strings.Repeat("x", 1<<16))
	for range 100 {
		_, _ = s.Write(line)
	}
	assert.LessOrEqual(t, len(s.line), maxTail)
	_, _ = s.Write([]byte("\n{"))
	for range 400 {
		_, _ = s.Write(line)
	}
	assert.LessOrEqual(t, len(s.doc), mostDocument)
	require.ErrorContains(t, s.end(), "cut off")
	assert.LessOrEqual(t, len(s.said()), 2*maxTail)
}

// Of sums that fall, or of two documents of one time, no rate is made up.
func TestRates(t *testing.T) {
	at := func(ms int64, bytes float64) *document {
		d := &document{MS: ms}
		d.Jobs = append(d.Jobs, jobTold{Write: transfers{Bytes: bytes}})
		return d
	}
	var r rates
	for _, d := range []*document{at(0, 0), at(1000, 10), at(1000, 12), at(500, 13), at(2000, 5), at(2500, 6)} {
		r.add(d, new(7.0))
	}
	assert.Equal(t, []health.Rate{{Seconds: 1, Bytes: 10, MarginC: new(7.0)}, {Seconds: 0.5, Bytes: 1, MarginC: new(7.0)}}, r.all)
}

func TestOneLine(t *testing.T) {
	assert.Equal(t, "it said nothing", oneLine("", "\n \n"))
	assert.Equal(t, `it said "b; c; d"`, oneLine("a\nb\n", "c\n\nd"))
}

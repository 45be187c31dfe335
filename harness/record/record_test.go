package record

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCellKeyRoundTrip(t *testing.T) {
	c := NewCell("stack", "A", "ctx", 2048, "conc", 32, "rep", 1)
	assert.Equal(t, "stack=A/ctx=2048/conc=32/rep=1", c.String())
	assert.Equal(t, "stack=A,ctx=2048,conc=32,rep=1", c.Folder())
	back, err := ParseCell(c.String())
	require.NoError(t, err)
	assert.Equal(t, c, back)
	assert.Equal(t, 2048, c.Int("ctx"))
	assert.Zero(t, c.Int("stack"))
	assert.Equal(t, "stack=A/ctx=2048/conc=32", c.Without("rep").String())
	rate := NewCell("rate", 2.5)
	v, ok := rate.Float("rate")
	assert.True(t, ok)
	assert.Equal(t, 2.5, v)
}

// A key becomes a folder below cells/: nothing in it may leave that folder.
func TestCellKeyRefuses(t *testing.T) {
	for _, s := range []string{"", "ctx", "ctx=", "=1", "ctx=1/ctx=2", "a=../b", "a=..", "a=b c", "a=b/../c=d", "a=\x00"} {
		_, err := ParseCell(s)
		assert.Error(t, err, "%q", s)
	}
}

func FuzzParseCell(f *testing.F) {
	f.Add("stack=A/ctx=2048/rep=1")
	f.Add("a=../../etc")
	f.Fuzz(func(t *testing.T, s string) {
		c, err := ParseCell(s)
		if err != nil {
			return
		}
		assert.Equal(t, s, c.String())
		assert.True(t, filepath.IsLocal(c.Folder()), c.Folder())
		assert.NotContains(t, c.Folder(), string(filepath.Separator))
	})
}

func TestWriterLeavesWholeLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.jsonl")
	w, err := Create(path, 64)
	require.NoError(t, err)
	for i := range 100 {
		require.NoError(t, w.Write(&KVSample{TS: float64(i), Phase: PhaseMeasure}))
	}
	// As a killed process leaves it: what has been flushed, nothing torn.
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NotEmpty(t, b)
	for line := range strings.SplitSeq(strings.TrimSuffix(string(b), "\n"), "\n") {
		assert.True(t, json.Valid([]byte(line)), line)
	}
	require.NoError(t, w.Close())
	n := 0
	torn, err := Read(path, func(v *KVSample) error {
		assert.Equal(t, float64(n), v.TS)
		n++
		return nil
	})
	require.NoError(t, err)
	assert.False(t, torn)
	assert.Equal(t, 100, n)
	assert.Equal(t, 100, w.Lines())

	_, err = Create(path, 0)
	require.ErrorIs(t, err, os.ErrExist, "measured lines are never overwritten")
}

// A full disk is an error at once and at every later line, with what to do.
func TestWriterFullDisk(t *testing.T) {
	f, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("no /dev/full here")
	}
	w := &Writer{f: f}
	err = w.Write(&PerfLine{})
	require.ErrorIs(t, err, syscall.ENOSPC)
	assert.ErrorContains(t, err, "-resume")
	require.ErrorIs(t, w.Write(&PerfLine{}), syscall.ENOSPC)
	require.ErrorIs(t, w.Close(), syscall.ENOSPC)
}

func TestReadTornAndMalformed(t *testing.T) {
	count := func(text string) (n int, torn bool, err error) {
		torn, err = ReadFrom(strings.NewReader(text), "f", func(*PerfLine) error { n++; return nil })
		return n, torn, err
	}
	n, torn, err := count("{\"wait_ms\":1}\n{\"wait_ms\":2")
	require.NoError(t, err)
	assert.True(t, torn, "a killed process may tear the last line")
	assert.Equal(t, 1, n)

	_, _, err = count("{\"wait_ms\":1}\nnonsense\n{\"wait_ms\":2}\n")
	require.ErrorContains(t, err, "f:2:")

	stop := errors.New("stop")
	_, err = ReadFrom(strings.NewReader("{}\n{}\n"), "f", func(*PerfLine) error { return stop })
	require.ErrorIs(t, err, stop)
}

// Null is not zero: what was not measured stays null through a round trip.
func TestNullIsNotZero(t *testing.T) {
	b, err := json.Marshal(SysSample{NVMe: &NVMe{}})
	require.NoError(t, err)
	for _, want := range []string{`"cpu":null`, `"gpu":null`, `"r_await_ms":null`, `"rps":0`} {
		assert.Contains(t, string(b), want)
	}
	assert.NotContains(t, string(b), "fio", "nothing to say while no fio runs")
	var s SysSample
	require.NoError(t, json.Unmarshal(b, &s))
	assert.Nil(t, s.CPU)
	assert.Nil(t, s.NVMe.RAwait)
}

func TestLatency(t *testing.T) {
	v := func(f float64) *float64 { return &f }
	for _, tc := range []struct {
		name     string
		r        Request
		ms       float64
		censored bool
		ok       bool
	}{
		{"answered", Request{TTFTms: v(5), E2Ems: v(9)}, 5, false, true},
		{"timed out before any text", Request{E2Ems: v(100), Censored: true}, 100, true, true},
		{"timed out after the first text", Request{TTFTms: v(5), E2Ems: v(100), Censored: true}, 5, false, true},
		{"refused", Request{}, 0, false, false},
	} {
		ms, censored, ok := tc.r.Latency()
		assert.Equal(t, tc.ms, ms, tc.name)
		assert.Equal(t, tc.censored, censored, tc.name)
		assert.Equal(t, tc.ok, ok, tc.name)
	}
}

package runner

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/record"
)

// Lines stand in the order of the instants at which requests ended, those of one instant in the order of their
// intended sends; a line is written when the clock has moved on, and once.
func TestInstants(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "metrics.jsonl")
		w, err := record.Create(path, 0)
		require.NoError(t, err)
		lines := &instants{w: w}
		add := func(ts float64, user, seq int) {
			require.NoError(t, lines.add(&record.Request{Phase: record.PhaseMeasure, RC: record.RCOK, IntendedTS: ts, User: user, Seq: seq}))
		}
		add(9, 1, 0)
		assert.Zero(t, w.Lines(), "more may end at this instant")
		time.Sleep(time.Nanosecond)
		add(3, 2, 1)
		assert.Equal(t, 1, w.Lines())
		add(3, 2, 0)
		add(3, 1, 7)
		add(1, 5, 0)
		time.Sleep(time.Second)
		add(2, 1, 0)
		require.NoError(t, lines.flush())
		require.NoError(t, lines.flush(), "again is nothing")
		require.NoError(t, w.Close())
		b, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.Equal(t, 6, strings.Count(string(b), "\n"))
		var got [][3]float64
		_, err = record.Read(path, func(r *record.Request) error {
			got = append(got, [3]float64{r.IntendedTS, float64(r.User), float64(r.Seq)})
			return nil
		})
		require.NoError(t, err)
		assert.Equal(t, [][3]float64{{9, 1, 0}, {1, 5, 0}, {3, 1, 7}, {3, 2, 0}, {3, 2, 1}, {2, 1, 0}}, got)
	})
}

package hypotheses

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"sparkharness/harness/record"
	"sparkharness/harness/report"
)

// The largest latency and counter that are read at all leave a run with its report, its table and its figures.
func TestLargestNumbersAreReported(t *testing.T) {
	if testing.Short() {
		t.Skip("it draws every figure: left out with -short")
	}
	t.Parallel()
	for _, h := range judged {
		t.Run(h.ID, func(t *testing.T) {
			r := recorded(t, h).requests(func(_ record.Cell, q object) {
				if q["lat_ttft_ms"] != nil && q["seq"].(float64) == 1 {
					q["lat_ttft_ms"], q["lat_e2e_ms"] = 2.5e9, 2.5e9
				}
			}).samples(func(_ record.Cell, s object) {
				if cpu, ok := s["cpu"].(object); ok {
					cpu["user"] = 1e18
				}
			})
			rep := r.replay()
			require.NotEmpty(t, rep.Figures)
			results := t.TempDir()
			dir := filepath.Join(results, "run")
			require.NoError(t, report.Write(dir, rep))
			require.NoError(t, report.WriteTable(dir, rep))
			require.NoError(t, report.WriteFigures(dir, rep))
			_, err := report.WriteIndex(results)
			require.NoError(t, err)
		})
	}
}

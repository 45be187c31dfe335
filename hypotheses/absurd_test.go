package hypotheses

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/record"
	"sparkharness/harness/report"
)

// A latency or a counter that cannot be leaves a run with its report, its table and its figures.
func TestAbsurdLinesAreReported(t *testing.T) {
	said := 0
	for _, h := range all {
		t.Run(h.ID, func(t *testing.T) {
			r := recorded(t, h).requests(func(_ record.Cell, q object) {
				if q["lat_ttft_ms"] != nil && q["seq"].(float64) == 1 {
					q["lat_ttft_ms"], q["lat_e2e_ms"] = 1e308, 1e308
				}
			}).samples(func(_ record.Cell, s object) {
				if cpu, ok := s["cpu"].(object); ok {
					cpu["user"] = 1e308
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
			for _, f := range rep.Findings {
				if f.Name == "numbers left out" {
					said++
				}
			}
		})
	}
	assert.NotZero(t, said, "such values overflow somewhere, and the report says where")
}

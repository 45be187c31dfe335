package report

import (
	"regexp"
	"strings"
	"testing"

	"sparkharness/harness/evidence"
	"sparkharness/harness/stats"
	"sparkharness/harness/verdict"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// workloadOf is the workload table of a report, "" if there is none.
func workloadOf(t *testing.T, r *verdict.Judgement) string {
	t.Helper()
	_, s, _ := strings.Cut(tableOf(t, r), "\nworkload\n")
	s, _, _ = strings.Cut(s, "\nsizing  ")
	s, _, _ = strings.Cut(s, "\nverdict  ")
	return s
}

func TestWorkloadTableHasAColumnForEachKnownField(t *testing.T) {
	two := 2
	for _, tc := range []struct {
		name string
		set  func(*evidence.Row)
		want []string // heading and cell
	}{
		{"prompt", func(r *evidence.Row) { r.PromptTokens = ptr(1075.2) }, []string{"mean", "1,080"}},
		{"offered", func(r *evidence.Row) { r.ReuseOffered, r.CachedShare = ptr(0.75), nil }, []string{"offered", "75.0"}},
		{"offered and cached", func(r *evidence.Row) { r.ReuseOffered, r.CachedShare = ptr(0), ptr(0.5) }, []string{"offered  cached", "0    50.0"}},
		{"working set", func(r *evidence.Row) { r.WorkingSetGiB = ptr(51.2) }, []string{"set", "51.2"}},
		{"read", func(r *evidence.Row) { r.NVMeReadGB = ptr(76.6) }, []string{"read", "76.6"}},
		{"first touches", func(r *evidence.Row) { r.FirstTouchN = &two }, []string{"touches", "2"}},
		{"first touch TTFT", func(r *evidence.Row) { r.FirstTouchMS = ptr(8088) }, []string{"TTFT mean", "8,090"}},
		{"later TTFT", func(r *evidence.Row) {
			r.LaterP99 = &evidence.Percentile{Estimate: stats.Estimate{Value: ptr(60000), Lo: ptr(55000)}, AtLeast: true}
		}, []string{"[bounds]", ">= 60,000 [55,000, open]"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := sampleH0()
			r.Rows = r.Rows[:2]
			require.Empty(t, workloadOf(t, r), "a share that was cached alone makes no table")
			tc.set(&r.Rows[1])
			lines := strings.Split(strings.TrimSpace(workloadOf(t, r)), "\n")
			require.Len(t, lines, 6)
			assert.Regexp(t, `^cell +`+regexp.QuoteMeta(tc.want[0])+`$`, lines[1])
			assert.Regexp(t, `conc=1 +-`, lines[4], "not known is no 0")
			assert.Regexp(t, `conc=2 +`+regexp.QuoteMeta(tc.want[1])+`$`, lines[5])
		})
	}
}

func TestIndexShowsTheWorkload(t *testing.T) {
	page := indexOf(t, map[string]*verdict.Judgement{"a": sampleH2B()})
	for _, want := range []string{"Workload by cell", "reuse offered, %", "working set, GiB", "NVMe read, GB", "first-touch TTFT mean, ms", "11,600 [10,400, open]"} {
		assert.Contains(t, page, want)
	}
	assert.NotContains(t, indexOf(t, map[string]*verdict.Judgement{"a": sampleH0()}), "Workload by cell")
}

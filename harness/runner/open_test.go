package runner

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/config"
	"sparkharness/harness/record"
	"sparkharness/harness/rig"
	"sparkharness/harness/telemetry"
)

// A cell has a file for each source that it is watched by, whichever rig has it: of a server without a block of Dynamo that tells of
// its tiers, too.
func TestFilesOfACell(t *testing.T) {
	kv := telemetry.Failed{Source: "kv"}
	for _, tc := range []struct {
		name  string
		stack config.Stack
		src   rig.Sources
		want  []string
	}{
		{"stack A", config.Stack{}, rig.Sources{Perf: &telemetry.Perf{}}, []string{record.FileMetrics, record.FileSysmon, record.FilePerf}},
		{"stack B", config.Stack{Dynamo: &config.Dynamo{}}, rig.Sources{KV: kv}, []string{record.FileMetrics, record.FileSysmon, record.FileDynKV}},
		{"a server with tiers", config.Stack{Server: &config.Server{}}, rig.Sources{KV: kv}, []string{record.FileMetrics, record.FileSysmon, record.FileDynKV}},
		{"and with records of requests", config.Stack{Server: &config.Server{}}, rig.Sources{KV: kv, Perf: &telemetry.Perf{}},
			[]string{record.FileMetrics, record.FileSysmon, record.FileDynKV, record.FilePerf}},
		{"a server without either", config.Stack{Server: &config.Server{}}, rig.Sources{}, []string{record.FileMetrics, record.FileSysmon, record.FilePerf}},
	} {
		c := cellRun{tools: &tools{plan: &record.Plan{}}, dir: t.TempDir(), stack: &tc.stack}
		writers, err := c.open(tc.src)
		require.NoError(t, err)
		var names []string
		for name, w := range writers {
			names = append(names, name)
			require.NoError(t, w.Close())
		}
		assert.ElementsMatch(t, tc.want, names, tc.name)
	}
}

package runner

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/record"
)

// measuredIn measures the first cell of that kind of a short run in a world, and returns its folder and cell.json.
func measuredIn(t *testing.T, id, world string, is func(record.PlannedCell) bool) (dir string, info record.CellInfo) {
	t.Helper()
	r := opened(t, inWorld(t, id, filepath.Join(root, "fixtures", "configs"), world))
	i := slices.IndexFunc(r.o.Plan.Cells, is)
	require.NotEqual(t, -1, i)
	dir = filepath.Join(t.TempDir(), "cell")
	require.NoError(t, measureCell(t, r, r.o.Plan.Cells[i], dir, nil))
	require.NoError(t, r.Close())
	b, err := os.ReadFile(filepath.Join(dir, record.FileCell))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(b, &info))
	return dir, info
}

// After its load a server with a KV manager is asked what prompts of it begin with: it knows, unless what came back from
// the NVMe is another prompt's KV. Nothing that was measured differs.
func TestOracle(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds: left out with -short")
	}
	quiet := func(pc record.PlannedCell) bool { return pc.Fio == "none" }
	sound, info := measuredIn(t, "H4B", "default", quiet)
	o, soundID := info.Oracle, info.RunID
	require.NotNil(t, o)
	assert.Equal(t, []int{questions, questions, 0}, []int{o.Asked, o.Answered, o.Wrong})
	assert.Equal(t, questions, *o.ThroughTier2)
	assert.Greater(t, *o.CachedTokens, questions*4000)
	assert.True(t, *o.ColdRight)
	assert.Empty(t, o.Example+o.Failed)

	wrong, info := measuredIn(t, "H4B", "wrong_kv", quiet)
	o = info.Oracle
	assert.Equal(t, []int{questions, questions, questions, questions}, []int{o.Asked, o.Answered, *o.ThroughTier2, o.Wrong})
	assert.True(t, *o.ColdRight, "what is computed is right")
	assert.Regexp(t, `^asked for "[0-9a-f]{16}", the server said "\w`, o.Example)
	for _, name := range []string{record.FileMetrics, record.FileSysmon, record.FileDynKV} {
		a, err := os.ReadFile(filepath.Join(sound, name))
		require.NoError(t, err)
		b, err := os.ReadFile(filepath.Join(wrong, name))
		require.NoError(t, err)
		assert.Equal(t, bytes.ReplaceAll(a, []byte(soundID), nil), bytes.ReplaceAll(b, []byte(info.RunID), nil), name)
	}

	_, info = measuredIn(t, "H4B", "tier_never_fires", quiet)
	assert.Equal(t, []int{questions, 0, 0}, []int{info.Oracle.Answered, *info.Oracle.ThroughTier2, info.Oracle.Wrong})
	_, info = measuredIn(t, "H5", "default", func(record.PlannedCell) bool { return true })
	assert.Equal(t, []int{questions, 0}, []int{info.Oracle.Answered, info.Oracle.Wrong}, "sessions")
	assert.True(t, *info.Oracle.ColdRight)
	_, info = measuredIn(t, "H4A", "default", quiet)
	assert.Nil(t, info.Oracle, "no KV manager")
}

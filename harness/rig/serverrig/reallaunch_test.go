//go:build servers

package serverrig

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/load"
	"sparkharness/harness/record"
	"sparkharness/harness/rig"
)

// isStarted starts a server of other people as its file says, reads it back, starts it again, and stops it with all its processes.
func isStarted(t *testing.T, kind string, environment map[string]string) record.Settings {
	t.Helper()
	for name, value := range environment {
		t.Setenv(name, value)
	}
	r, out := launching(t, fixture(t, kind), map[string]string{"A": kind, "B": kind}, "tiny")
	t.Cleanup(func() {
		if t.Failed() {
			logs, _ := filepath.Glob(filepath.Join(r.folder(), "*.log")) // the pattern is a good one
			for _, path := range logs {
				text, _ := os.ReadFile(path)
				t.Logf("%s: %s", path, last(text, 4000))
			}
		}
	})
	m := begun(t, r, "stack", "A")
	got, err := m.ReadBack(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "tiny", got.Model)
	assert.False(t, got.Unasked)
	pids, err := processesAt(procRoot, m.Endpoint().BaseURL)
	require.NoError(t, err)
	require.NotEmpty(t, pids, "who listens")
	time.Sleep(time.Second)
	done, err := m.Apply(t.Context(), rig.Treatment{Kind: rig.Restart})
	require.NoError(t, err)
	assert.Less(t, *done.Seen.After, *done.Seen.Before)
	again, err := processesAt(procRoot, m.Endpoint().BaseURL)
	require.NoError(t, err)
	assert.NotEqual(t, pids, again)
	require.NoError(t, m.Close())
	base := m.Endpoint().BaseURL
	require.NoError(t, r.Close())
	_, err = load.ServedModel(t.Context(), r.client, base)
	require.Error(t, err)
	for _, pid := range append(pids, again...) {
		assert.NoDirExists(t, filepath.Join("/proc", strconv.Itoa(pid)))
	}
	t.Log(out.String())
	return got
}

// The launcher, and a real engine.
func TestLlamaCPPIsStarted(t *testing.T) {
	py := python(t, "llama-cpp")
	got := isStarted(t, "llama-cpp", map[string]string{"LLAMA_PYTHON": py, "LLAMA_GGUF": filepath.Join(model(t, py, narrow), "tiny.gguf")})
	assert.Nil(t, got.KVPoolBlocks, "it tells none")
}

// The launcher, and a server of two programs: the real frontend before its mocker.
func TestDynamoIsStarted(t *testing.T) {
	hf := filepath.Join(model(t, python(t, "llama-cpp"), narrow), "hf")
	got := isStarted(t, "dynamo", map[string]string{"DYNAMO_PYTHON": python(t, "dynamo"), "DYNAMO_MODEL": hf})
	require.NotNil(t, got.KVPoolBlocks)
	assert.Equal(t, 4000.0, *got.KVPoolBlocks, "as its command says")
}

//go:build servers || peers

package serverrig

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// simulated is one of the simulated servers as other people's clients meet it: a program that listens on loopback.
type simulated struct {
	name  string
	stack string   // its file in configs/
	flags []string // of serve
}

// What can be served: the stacks' own dialects, Dynamo's with its switch, and vLLM's.
var (
	simulatedA       = simulated{"A", "stackA_llama70b_baseline.yaml", nil}
	simulatedB       = simulated{"B", "stackB_llama70b_dynamo_tiered.yaml", nil}
	simulatedLenient = simulated{"B, --ignore-unsupported", simulatedB.stack, []string{"--ignore-unsupported"}}
	simulatedVLLM    = simulated{"A, --dialect vllm", simulatedA.stack, []string{"--dialect", "vllm"}}
)

// simulatedModel is what all of them serve: a small one, so that tokens come 20 times a second.
const simulatedModel = "nvidia/Llama-3.1-8B-Instruct-FP8"

// sparkharness builds the command.
func sparkharness(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sparkharness")
	require.NoError(t, command("go", "build", "-o", path, "sparkharness/harness/cmd/sparkharness"))
	return path
}

// serve is the server's URL, until the test ends.
func (s simulated) serve(t *testing.T, program string) string {
	t.Helper()
	configs, err := filepath.Abs(filepath.Join(repository, "configs"))
	require.NoError(t, err)
	dir := t.TempDir()
	base := fmt.Sprintf("http://127.0.0.1:%d", port(t))
	stack := fmt.Sprintf("base: %s\nmodel: L8B\nendpoint:\n  url: %s\n  engine_metrics: %[2]s/prometheus/metrics\n", filepath.Join(configs, s.stack), base)
	if s.stack == simulatedB.stack {
		stack = fmt.Sprintf("base: %s\nmodel: L8B\nendpoint:\n  url: %s\n  engine_metrics: http://127.0.0.1:%d/metrics\n  kvbm_metrics: http://127.0.0.1:%d/metrics\n",
			filepath.Join(configs, s.stack), base, port(t), port(t))
	}
	for name, text := range map[string]string{"configs.yaml": "base: " + configs + "\n", "stack.yaml": stack} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	serves(t, base, start(t, nil, program, append([]string{"serve", "--configs", dir, "--stack", "stack.yaml"}, s.flags...)...))
	return base
}

package serverrig

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// writeAdapter writes an adapter of noise, in the form that PEFT has: size bytes of weights. It returns the bytes of its files.
func writeAdapter(t *testing.T, dir, model string, rank, size int) float64 {
	t.Helper()
	configuration, err := json.Marshal(map[string]any{"peft_type": "LORA", "r": rank, "lora_alpha": rank, "base_model_name_or_path": model, "target_modules": []string{"q_proj"}})
	require.NoError(t, err)
	header := fmt.Appendf(nil, `{"base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight":{"dtype":"U8","shape":[%d],"data_offsets":[0,%[1]d]}}`, size)
	noise := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte([]byte(fmt.Sprintf("%-32.32s", filepath.Base(dir))))).Read(noise)
	weights := append(append(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header...), noise...)
	require.NoError(t, os.MkdirAll(dir, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "adapter_config.json"), configuration, 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "adapter_model.safetensors"), weights, 0o644))
	return float64(len(configuration) + len(weights))
}

// Package loratest makes LoRA adapters for tests.
package loratest

import (
	"encoding/binary"
	"fmt"
)

// Weights are those of an adapter in the form of safetensors: one tensor, which has the bytes that are given.
func Weights(bytes []byte) []byte {
	header := fmt.Appendf(nil, `{"base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight":{"dtype":"U8","shape":[%d],"data_offsets":[0,%[1]d]}}`, len(bytes))
	return append(append(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header...), bytes...)
}

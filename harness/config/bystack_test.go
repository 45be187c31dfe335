package config

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestByStack(t *testing.T) {
	for text, want := range map[string]map[string]string{
		"":                                   {},
		"vllm":                               {"*": "vllm"},
		"A=vllm,B=vllm-fs":                   {"A": "vllm", "B": "vllm-fs"},
		"A=vllm, B=vllm-fs":                  {"A": "vllm", "B": "vllm-fs"},
		"http://127.0.0.1:8000/?a=b":         {"*": "http://127.0.0.1:8000/?a=b"},
		"A=http://127.0.0.1:8000/?a=b,B=x:1": {"A": "http://127.0.0.1:8000/?a=b", "B": "x:1"},
	} {
		got, err := ByStack(text, "*")
		require.NoError(t, err, text)
		assert.Equal(t, want, got, text)
	}
	for text, want := range map[string]string{
		"A=x,A=y": "stack A stands twice: name the stack of each, as in A=x,B=y",
		"x,y":     "stack * stands twice",
		"A=x,":    "has an empty value",
		"A=x,\t":  "has an empty value",
		"B=":      "stack B has an empty value",
	} {
		_, err := ByStack(text, "*")
		require.ErrorContains(t, err, want, text)
	}
}

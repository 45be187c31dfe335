package rig

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestMetricValue(t *testing.T) {
	const name = "kv_cache_tokens_per_block"
	for what, tt := range map[string]struct {
		page string
		want *float64
	}{
		"with prefix":       {"# TYPE trtllm_" + name + " gauge\ntrtllm_" + name + `{engine_type="undefined"} 32` + "\n", new(32.0)},
		"without":           {name + " 64\n", new(64.0)},
		"blanks in a label": {name + `{model_name="Llama 3 70B"} 32` + "\n", new(32.0)},
		"brace in a label":  {name + `{model_name="a} 7"} 32` + "\n", new(32.0)},
		"with a timestamp":  {name + "{} 32 1700000000000\n", new(32.0)},
		"another metric":    {"trtllm_" + name + "_total 32\nx" + name + " 3\n", nil},
		"no number":         {name + " NaN\n", nil},
		"empty":             {"", nil},
	} {
		t.Run(what, func(t *testing.T) { assert.Equal(t, tt.want, MetricValue([]byte(tt.page), name)) })
	}
}

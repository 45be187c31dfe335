package experiment_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/experiment"
)

// A model is a file of models/, the id that such a file serves, another id with its owner, or a folder. A name with a slip is refused before
// a server looks for it.
func TestModelsOfServersThatAreStarted(t *testing.T) {
	o := choices()
	o.Rig, o.World, o.Launches, o.Device, o.Dir = "spark", "", map[string]string{"A": "vllm", "B": "vllm-fs"}, "sda", "/nvme"
	for model, served := range map[string]string{
		"L8B":                              "nvidia/Llama-3.1-8B-Instruct-FP8",
		"nvidia/Llama-3.1-8B-Instruct-FP8": "nvidia/Llama-3.1-8B-Instruct-FP8",
		"meta-llama/Llama-3.1-8B-Instruct": "meta-llama/Llama-3.1-8B-Instruct",
		"/models/mine":                     "/models/mine",
		"L9B":                              "",
		"Llama-3.1-8B-Instruct-FP8":        "",
		"../L8B with a blank":              "",
		"-L8B":                             "",
	} {
		o.Model = model
		e, err := experiment.Load(smallH2B, *o)
		if served != "" {
			require.NoError(t, err, model)
			assert.Equal(t, served, e.Stacks["B"].Launched.Model)
			continue
		}
		require.ErrorContains(t, err, "-model ", model)
	}
	o.Model = "L9B"
	_, err := experiment.Load(smallH2B, *o)
	require.ErrorContains(t, err, "-model L9B: there is no file models/L9B.yaml (there are GPTOSS120B, L70B, L8B, M8B, Q32B, Q7B); an id has its owner")
}

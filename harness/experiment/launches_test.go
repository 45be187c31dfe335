package experiment_test

import (
	"errors"
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
		"gpt2":                             "gpt2",
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
	require.ErrorContains(t, err, "-model L9B: there is no file models/L9B.yaml (there are GPTOSS120B, L70B, L8B, M8B, Q32B, Q7B); an id is such as nvidia/")
}

// A hypothesis about a stack that nothing is started for cannot be decided here, and is passed over among others.
func TestOneStackIsStarted(t *testing.T) {
	o := choices()
	o.Rig, o.World, o.Launches, o.Model, o.Device, o.Dir = "spark", "", map[string]string{"B": "vllm-fs"}, "L8B", "sda", "/nvme"
	_, err := experiment.Load(smallH2B, *o)
	missing, cannot := errors.AsType[*experiment.NoServerError](err)
	require.True(t, cannot, err)
	assert.Equal(t, "A", missing.Missing)
	assert.EqualError(t, err, "H2B is about stack A and B, and for A nothing is to be started: name the kind of each, as in -launch A=vllm,B=vllm-fs")
}

package config

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"
)

// A control world may name one check, as in files from before there were lists, or several. What is saved is what was read, in
// the form that gives an old file its old digest.
func TestShown(t *testing.T) {
	for text, want := range map[string]struct {
		shown Shown
		saved string
	}{
		"a_check": {Shown{"a_check"}, `"a_check"`}, "[a_check]": {Shown{"a_check"}, `"a_check"`},
		"[b_check, a_check]": {Shown{"b_check", "a_check"}, `["b_check","a_check"]`}, "gate.fio": {Shown{"gate.fio"}, `"gate.fio"`},
	} {
		h, err := parseHypothesis("h.yaml", []byte(edit(t, hypothesis, "controls: {w1: a_check}", "controls: {w1: "+text+"}")))
		require.NoError(t, err, text)
		assert.Equal(t, map[string]Shown{"w1": want.shown}, h.Controls)
		b, err := json.Marshal(h.Controls["w1"])
		require.NoError(t, err)
		assert.JSONEq(t, want.saved, string(b))
		roundTrip(t, "h.yaml", h, parseHypothesis)

		saved, err := Encode(h.Controls)
		require.NoError(t, err)
		var again map[string]Shown
		require.NoError(t, yaml.Unmarshal(saved, &again), "as a replay reads it")
		assert.Equal(t, h.Controls, again)
	}
}

// What shows nothing, or cannot be shown, is refused.
func TestShownFaults(t *testing.T) {
	for text, says := range map[string]string{
		"[]":                          "controls.w1: names no check and no gate",
		"[a_check, a_check]":          "controls.w1: names a_check twice",
		"[a_check, gate.fio]":         "controls.w1: names gate.fio beside others",
		"a check":                     `controls.w1: "a check" is not a plain name`,
		"{a_check: true}":             "controls.w1: must be a list, not a mapping",
		"a_check}\nunshown: {b: \"\"": "unshown.b: gives no reason",
	} {
		_, err := parseHypothesis("h.yaml", []byte(edit(t, hypothesis, "controls: {w1: a_check}", "controls: {w1: "+text+"}")))
		require.Error(t, err, text)
		assert.True(t, strings.Contains(err.Error(), says), "%s: %v", text, err)
	}
}

// Why a check is not shown decides nothing of what is measured, so that no digest knows it.
func TestUnshownIsInNoDigest(t *testing.T) {
	h, err := parseHypothesis("h.yaml", []byte(hypothesis))
	require.NoError(t, err)
	before, err := Digest(h)
	require.NoError(t, err)
	h.Unshown = map[string]string{"a_check": "because"}
	after, err := Digest(h)
	require.NoError(t, err)
	assert.Equal(t, before, after)
}

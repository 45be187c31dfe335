package sim

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Commas, brackets and quotes inside strings and inner values end nothing.
func TestMembers(t *testing.T) {
	const object = ` { "a" : "x,}]\"{[" ,"b":[1,{"c":","},[],"\\"],"\u0063":{"d":[",",{"]":"}"}]} , "e":-1.5e3,"":null,"f\\":"\\\\\"" } ` + "\n"
	var want map[string]any
	require.NoError(t, json.Unmarshal([]byte(object), &want))
	got := map[string]any{}
	var names []string
	for name, value := range members([]byte(object)) {
		var v any
		require.NoError(t, json.Unmarshal(value, &v), "%s: %s", name, value)
		assert.Equal(t, string(trim(value)), string(value))
		got[name], names = v, append(names, name)
	}
	assert.Equal(t, want, got)
	assert.Equal(t, []string{"a", "b", "c", "e", "", `f\`}, names, "in their order")
}

func TestElements(t *testing.T) {
	var got []string
	for value := range elements([]byte(` [ 1 ,"a,]" , [2,3],{"b":","},null]`)) {
		got = append(got, string(value))
	}
	assert.Equal(t, []string{"1", `"a,]"`, "[2,3]", `{"b":","}`, "null"}, got)
}

// An empty value, or one of another kind, has none; whoever has seen enough may stop.
func TestNoMembers(t *testing.T) {
	for _, value := range []string{"{}", " { } ", "[]", "[1]", `"{}"`, "1", "null", ""} {
		for name := range members([]byte(value)) {
			t.Errorf("%s has a member %q", value, name)
		}
	}
	for _, value := range []string{"[]", "[ ]", "{}", `{"a":1}`, `"[1]"`, ""} {
		for element := range elements([]byte(value)) {
			t.Errorf("%s has an element %s", value, element)
		}
	}
	n := 0
	for range elements([]byte("[1,2,3]")) {
		if n++; n == 2 {
			break
		}
	}
	assert.Equal(t, 2, n)
}

func TestHalfPair(t *testing.T) {
	for quoted, want := range map[string]bool{
		`"a"`: false, `"\ud83d\ude00"`: false, `"\uD83D\uDE00x"`: false, `"\\ud800"`: false, `"\u00e4\ufffd"`: false, `"\ud7ff\ue000"`: false,
		`"\ud800"`: true, `"\ude00"`: true, `"\ud83dx\ude00"`: true, `"\ud83d\ud83d\ude00"`: true, `"\\\udbff"`: true, `"\ud83d\ude00\ud83d"`: true, `"\ud83d\n"`: true,
	} {
		assert.Equal(t, want, halfPair([]byte(quoted)), quoted)
	}
}

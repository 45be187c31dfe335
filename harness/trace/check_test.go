package trace

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestFaults(t *testing.T) {
	good := spelled(50, 1, 1)
	for name, tc := range map[string]struct{ bad, want string }{
		"not json":              {"timestamp,input_length", "not JSON: "},
		"cut off":               {`{"timestamp": 60,`, "not JSON: "},
		"empty line":            {"", "empty line"},
		"an array":              {"[60, 1, 1]", "not a JSON object but a array"},
		"two objects":           {strings.Repeat(`{"timestamp": 60, "input_length": 1, "output_length": 1, "hash_ids": [1]}`, 2), "more than one JSON object"},
		"unknown field":         {`{"timestamp": 60, "input_length": 1, "output_length": 1, "hash_ids": [1], "model": 1}`, `unknown field "model"`},
		"no timestamp":          {`{"input_length": 1, "output_length": 1, "hash_ids": [1]}`, "timestamp is missing"},
		"no input":              {`{"timestamp": 60, "output_length": 1, "hash_ids": [1]}`, "input_length is missing"},
		"no output":             {`{"timestamp": 60, "input_length": 1, "hash_ids": [1]}`, "output_length is missing"},
		"no ids":                {`{"timestamp": 60, "input_length": 1, "output_length": 1}`, "hash_ids is missing"},
		"null":                  {`{"timestamp": null, "input_length": 1, "output_length": 1, "hash_ids": [1]}`, "timestamp is missing"},
		"a fraction of a token": {`{"timestamp": 60, "input_length": 1.5, "output_length": 1, "hash_ids": [1]}`, "input_length: number 1.5 where whole numbers belong"},
		"time as text":          {`{"timestamp": "60", "input_length": 1, "output_length": 1, "hash_ids": [1]}`, "timestamp: string where milliseconds belong"},
		"a fraction back":       {`{"timestamp": 49.999, "input_length": 1, "output_length": 1, "hash_ids": [1]}`, "timestamp 49.999 goes back from 50"},
		"beyond any date":       {`{"timestamp": 1e17, "input_length": 1, "output_length": 1, "hash_ids": [1]}`, "timestamp 1e+17: beyond any date; write milliseconds"},
		"text":                  {`{"timestamp": 60, "input_length": 1, "output_length": 1, "hash_ids": ["a"]}`, "hash_ids: string where whole numbers belong"},
		"negative time":         {`{"timestamp": -1, "input_length": 1, "output_length": 1, "hash_ids": [1]}`, "timestamp -1: at least 0"},
		"no prompt":             {`{"timestamp": 60, "input_length": 0, "output_length": 1, "hash_ids": []}`, "input_length 0: at least 1"},
		"negative prompt":       {`{"timestamp": 60, "input_length": -5, "output_length": 1, "hash_ids": [1]}`, "input_length -5: at least 1"},
		"no answer":             {`{"timestamp": 60, "input_length": 1, "output_length": 0, "hash_ids": [1]}`, "output_length 0: at least 1"},
		"negative answer":       {`{"timestamp": 60, "input_length": 1, "output_length": -2, "hash_ids": [1]}`, "output_length -2: at least 1"},
		"too many ids":          {strings.TrimSpace(spelled(60, 512, 1, 2)), "2 hash_ids for an input_length of 512: 1 are needed"},
		"too few ids":           {strings.TrimSpace(spelled(60, 513, 1)), "1 hash_ids for an input_length of 513: 2 are needed"},
		"negative id":           {strings.TrimSpace(spelled(60, 513, 1, -7)), "hash_ids[1] is -7: at least 0"},
		"less than nothing":     {`{"timestamp": -0.5, "input_length": 1, "output_length": 1, "hash_ids": [1]}`, "timestamp -0.5: at least 0"},
		"back in time":          {strings.TrimSpace(spelled(49, 1, 1)), "timestamp 49 goes back from 50"},
		"not milliseconds":      {strings.TrimSpace(spelled(1<<40, 1, 1)), "write milliseconds"},
		"past any integers":     {`{"timestamp": 1e300, "input_length": 1, "output_length": 1, "hash_ids": [1]}`, "timestamp 1e+300: beyond any date"},
	} {
		t.Run(name, func(t *testing.T) {
			path := written(t, good+tc.bad+"\n")
			err := Check(path, 10)
			require.ErrorContains(t, err, tc.want)
			assert.True(t, strings.HasPrefix(err.Error(), path+":2: "), "%v", err)
			assert.NotContains(t, err.Error(), "\n")
			assert.NotContains(t, err.Error(), "json:")
		})
	}
}

func TestCheckListsTheFirstFaults(t *testing.T) {
	text := spelled(0, 1, 1)
	for range 5 {
		text += spelled(10, 1, 1) + spelled(10, 1, -1)
	}
	path := written(t, text)
	assert.EqualError(t, Check(path, 2), fmt.Sprintf("%[1]s:3: hash_ids[0] is -1: at least 0 is needed\n%[1]s:5: hash_ids[0] is -1: at least 0 is needed\nand 3 more", path))
	assert.NotContains(t, Check(path, 5).Error(), "more")
	assert.NoError(t, Check(written(t, spelled(0, 1, 1)), 1))
}

// One line that is out of order is one fault, not one for each line after it.
func TestCheckGoesOnFromATimestampThatGoesBack(t *testing.T) {
	path := written(t, spelled(100, 1, 1)+spelled(20, 1, 1)+spelled(21, 1, 1)+spelled(120, 1, 1))
	assert.EqualError(t, Check(path, 9), path+":2: timestamp 20 goes back from 100: sort the trace by time")
}

func TestCheckOfNothing(t *testing.T) {
	assert.ErrorContains(t, Check(written(t, ""), 3), "no requests")
}

func TestLinesAreBounded(t *testing.T) {
	long := spelled(0, 1, 1) + `{"timestamp": ` + strings.Repeat(" ", maxLine) + "1}\n"
	path := written(t, long)
	assert.EqualError(t, Check(path, 0), path+":2: line is longer than 16 MiB: write one request a line")
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(spelled(27482, 513, 46, 47)))
	f.Add([]byte(`{"timestamp": 1, "input_length": 9223372036854775807, "output_length": 1, "hash_ids": [1]}`))
	f.Add([]byte(`{"hash_ids": [1, null]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		l, err := parse(text)
		if err != nil {
			assert.NotContains(t, err.Error(), "\n")
			return
		}
		r := Request{Input: *l.InputLength, Blocks: *l.HashIDs}
		sum := 0
		for i := range r.Blocks {
			assert.Positive(t, r.Tokens(i))
			sum += r.Tokens(i)
		}
		assert.Equal(t, r.Input, sum)
		assert.GreaterOrEqual(t, l.at(), int64(0))
		assert.Positive(t, *l.OutputLength)
	})
}

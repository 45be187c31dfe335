package config

import (
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"

	"sparkharness/harness/record"
)

// FuzzParse: any bytes are a configuration or a list of located faults, and a configuration that is read
// can be saved and read again.
func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"*.yaml", "*/*.yaml"} {
		committed(f, pattern, func(path string) {
			data, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		})
	}
	f.Add([]byte(stackB))
	f.Add([]byte(hypothesis))
	f.Add([]byte("a: &a {<<: [*a, *a]}\nb: &b {<<: *a}"))
	f.Add([]byte("run: {reps: 2}\ncontrols: {w1: null, w2: c}\nload: {<<: {nonce: none}}\nwindows: ~"))
	f.Add([]byte("? {a: b}\n: !!binary x"))
	f.Add([]byte("!z\nHHz\t!\n\n\n-!!"))
	f.Fuzz(func(t *testing.T, data []byte) {
		fuzzOne(t, data, parseStack)
		fuzzOne(t, data, parseHypothesis)
		fuzzOne(t, data, parseWorld)
		fuzzOne(t, data, parseProfile)
		fuzzOne(t, data, over(stackB, (*Stack).check))
		fuzzOne(t, data, over(hypothesis, (*Hypothesis).check))
	})
}

// over reads f.yaml as an overlay of a good file, and what is saved of it alone.
func over[T any](base string, check func(*T, *reader)) func(string, []byte) (*T, error) {
	return func(file string, data []byte) (*T, error) {
		text := string(data)
		if file == "f.yaml" {
			text = "base: b.yaml\n" + text
		}
		return parseFrom(files{file: text, "b.yaml": base}, file, check)
	}
}

func fuzzOne[T any](t *testing.T, data []byte, parse func(string, []byte) (*T, error)) {
	v, err := parse("f.yaml", data)
	if err != nil {
		var faults Faults
		if !errors.As(err, &faults) || len(faults) == 0 {
			t.Fatalf("not a list of faults: %v", err)
		}
		if got := strings.Count(err.Error(), "\n") + 1; got != len(faults) {
			t.Fatalf("%d faults on %d lines:\n%v", len(faults), got, err)
		}
		return
	}
	text, err := Encode(v)
	if err != nil {
		t.Fatal(err)
	}
	again, err := parse("saved.yaml", text)
	if err != nil {
		t.Fatalf("saved configuration is refused: %v\n%s", err, text)
	}
	if !reflect.DeepEqual(v, again) {
		t.Fatalf("saved configuration reads differently:\n%s", text)
	}
}

// FuzzExperiment: what a run saved is read, or refused with the file's name, and never half.
func FuzzExperiment(f *testing.F) {
	// Small seeds: the fuzzer is slow on large ones.
	f.Add([]byte("rig: sim\nhypothesis: {hypothesis: H2B, sweep: {ctx: [1024]}}\nstacks: {A: null}\nworld: null\n"))
	f.Add([]byte("rig: sim\nhypothesis: {hypothesis: H2A}\nstacks: {A: {stack: A}}\nworld: {world: default, moon: [1]}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := ParseExperiment("config.yaml", data)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "config.yaml: ") {
				t.Fatalf("not located: %v", err)
			}
			return
		}
		if e.Hypothesis == nil || len(e.StackNames()) == 0 {
			t.Fatal("half an experiment")
		}
		for _, name := range e.StackNames() {
			e.StackOf(record.PlannedCell{Stack: name})
		}
	})
}

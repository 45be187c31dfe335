package config

import (
	"encoding/json"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// Shown are the checks that a control world must contradict, or gate.<name> alone, the gate that its run must fail. A file may
// name a single one without a list.
type Shown []string

// GatePrefix marks a gate among what a control world shows.
const GatePrefix = "gate."

// single is what is saved: the one name, so that a file from before there were lists has the digest that it had, or the list.
func (s Shown) single() any {
	if len(s) == 1 {
		return s[0]
	}
	return []string(s)
}

// UnmarshalYAML reads what a run saved. Files are read by Parse.
func (s *Shown) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		*s = Shown{n.Value}
		return nil
	}
	return n.Decode((*[]string)(s))
}

// MarshalYAML implements yaml.Marshaler.
func (s Shown) MarshalYAML() (any, error) { return s.single(), nil }

// MarshalJSON implements json.Marshaler.
func (s Shown) MarshalJSON() ([]byte, error) { return json.Marshal(s.single()) }

// check refuses what no run could show.
func (s Shown) check(r *reader, path string) {
	if len(s) == 0 {
		r.refuse(path, "names no check and no gate: a control world shows something")
	}
	for i, name := range s {
		r.plain(path, name)
		if slices.Contains(s[:i], name) {
			r.refuse(path, "names %s twice", name)
		}
		if len(s) > 1 && strings.HasPrefix(name, GatePrefix) {
			r.refuse(path, "names %s beside others: a run that a gate refuses shows nothing else", name)
		}
	}
}

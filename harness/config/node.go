package config

import (
	"fmt"
	"regexp"

	"gopkg.in/yaml.v3"
)

// key is a field of a mapping in one file.
type key struct {
	name string
	layer
}

// keys are those of a mapping and of what it merges (<<), in the order in which they apply: its own come
// first and win. A key that stands twice in the mapping itself is a fault.
func (r *reader) keys(l layer, path string) []key {
	var out []key
	r.collect(l.at.file, target(l.node), path, map[*yaml.Node]bool{}, map[string]bool{}, &out)
	return out
}

// collect visits each merged mapping once: a second visit cannot add a key, and an anchor may hold itself.
func (r *reader) collect(file string, n *yaml.Node, path string, visited map[*yaml.Node]bool, have map[string]bool, out *[]key) {
	if visited[n] {
		return
	}
	visited[n] = true
	var merged []*yaml.Node
	first := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, value := target(n.Content[i]), n.Content[i+1]
		at := place{file, n.Content[i].Line}
		if name.Kind != yaml.ScalarNode {
			r.fault(at, path, "has a key that is %s; a key is a plain name", describe(name))
			continue
		}
		if l, twice := first[name.Value]; twice {
			r.fault(at, join(path, name.Value), "stands twice, first on line %d", l)
			continue
		}
		first[name.Value] = at.line
		if name.ShortTag() == "!!merge" {
			merged = r.merges(file, value, path)
			continue
		}
		if !have[name.Value] {
			have[name.Value] = true
			*out = append(*out, key{name.Value, layer{at, value}})
		}
	}
	for _, m := range merged {
		r.collect(file, m, path, visited, have, out)
	}
}

// merges are the mappings that the value of a merge key stands for.
func (r *reader) merges(file string, value *yaml.Node, path string) []*yaml.Node {
	list := []*yaml.Node{value}
	if v := target(value); v.Kind == yaml.SequenceNode {
		list = v.Content
	}
	var out []*yaml.Node
	for _, item := range list {
		if m := target(item); m.Kind == yaml.MappingNode {
			out = append(out, m)
		} else {
			r.fault(place{file, item.Line}, join(path, "<<"), "must be a mapping, not %s", describe(m))
		}
	}
	return out
}

// target is the node itself, or the one that an alias stands for.
func target(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

func isText(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!str" }

func isNumber(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && (n.ShortTag() == "!!int" || n.ShortTag() == "!!float")
}

// decimal leaves out 010 and 0x10, which YAML reads as eight and sixteen.
var decimal = regexp.MustCompile(`^-?(0|[1-9][0-9]*)$`)

func isWhole(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!int" && decimal.MatchString(n.Value)
}

// describe names what stands where something else should. Long text is cut.
func describe(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case isNull(n):
		return "nothing"
	case isText(n):
		return fmt.Sprintf("the text %.40q", n.Value)
	case plain(n.Value):
		return n.Value
	}
	return fmt.Sprintf("%.40q", n.Value)
}

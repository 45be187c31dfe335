package config

import "gopkg.in/yaml.v3"

// place is a line of a file; line is 0 if it is not known.
type place struct {
	file string
	line int
}

// layer is what one file says of a field, or of a whole configuration: a file lies over its base.
type layer struct {
	at   place // of the field's key
	node *yaml.Node
}

func (l layer) isMapping() bool { return target(l.node).Kind == yaml.MappingNode }

// entry is a field of a mapping and what the files say of it, the one that decides first.
type entry struct {
	name    string
	layers  []layer
	removed bool // a null takes away what a file below says
}

// entries are the fields of a mapping over the files that have it, an overlay before its base. Mappings
// continue in the mapping below them; a list, a scalar or null hides what is below.
func (r *reader) entries(in []layer, path string) []entry {
	var out []entry
	index, closed := map[string]int{}, map[string]bool{}
	for _, l := range in {
		for _, k := range r.keys(l, path) {
			i, above := index[k.name]
			if !above {
				index[k.name], closed[k.name] = len(out), !k.isMapping()
				out = append(out, entry{name: k.name, layers: []layer{k.layer}})
				continue
			}
			e := &out[i]
			e.removed = e.removed || isNull(target(e.layers[0].node))
			closed[k.name] = closed[k.name] || !k.isMapping()
			if !closed[k.name] {
				e.layers = append(e.layers, k.layer)
			}
		}
	}
	return out
}

// under are the layers of a file that holds only one field of a configuration, as layers of that configuration.
func under(field string, in []layer) []layer {
	out := make([]layer, len(in))
	for i, l := range in {
		key := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: field, Line: l.at.line}
		out[i] = layer{l.at, &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{key, l.node}}}
	}
	return out
}

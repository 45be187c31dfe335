package config

import (
	"encoding"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// field is one struct field and what its tags say; see the package comment.
type field struct {
	name               string
	index              int
	optional, nullable bool
	verbatim, signed   bool // signed: any finite number, zero and negative ones included
}

func fieldsOf(t reflect.Type) []field {
	fields := make([]field, t.NumField())
	for i := range fields {
		tag := t.Field(i).Tag
		name, option, _ := strings.Cut(tag.Get("yaml"), ",")
		fields[i] = field{
			name: name, index: i, optional: option == "omitempty",
			nullable: tag.Get("config") == "null", verbatim: tag.Get("config") == "verbatim",
		}
	}
	return fields
}

// structure fills a struct from a mapping; line is where a missing field is reported.
func (r *reader) structure(v reflect.Value, n *yaml.Node, line int, path string) {
	fields := fieldsOf(v.Type())
	known, at := make([]string, len(fields)), make(map[string]field, len(fields))
	for i, f := range fields {
		known[i], at[f.name] = f.name, f
	}
	given := map[string]bool{}
	for _, e := range r.entries(n, path) {
		f, ok := at[e.name]
		if !ok {
			r.fault(e.line, join(path, e.name), "unknown field%s", didYouMean(e.name, known))
			continue
		}
		given[f.name] = true
		r.value(v.Field(f.index), f, e.value, e.line, join(path, f.name))
	}
	for _, f := range fields {
		if !f.optional && !given[f.name] {
			r.fault(line, join(path, f.name), "required field is missing")
		}
	}
}

// value fills one field, list element or map value.
func (r *reader) value(v reflect.Value, f field, n *yaml.Node, line int, path string) {
	r.lines[path] = line
	n = target(n)
	if isNull(n) {
		if !f.nullable && !f.optional {
			r.fault(line, path, "has no value")
		}
		return
	}
	if v.Kind() == reflect.Pointer {
		p := reflect.New(v.Type().Elem())
		r.value(p.Elem(), field{optional: true}, n, line, path)
		v.Set(p)
		return
	}
	if err := r.fill(v, f, n, line, path); err != nil {
		r.fault(line, path, "%v", err)
		return
	}
	switch {
	case f.optional || f.signed || !v.IsZero() || !r.ok(path):
	case v.Kind() == reflect.Struct || v.Kind() == reflect.Bool: // an empty mapping has its missing fields reported
	case v.Kind() == reflect.String, v.Kind() == reflect.Slice, v.Kind() == reflect.Map:
		r.fault(line, path, "is empty")
	default:
		r.fault(line, path, "is zero, which would mean that it is not set")
	}
}

// fill sets v from a node that is not null. Structs, lists and maps report what is wrong inside them.
func (r *reader) fill(v reflect.Value, f field, n *yaml.Node, line int, path string) error {
	if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		if !isText(n) && !isNumber(n) {
			return wrong("a number or text", n)
		}
		return u.UnmarshalText([]byte(n.Value))
	}
	switch v.Kind() {
	case reflect.Struct:
		if n.Kind != yaml.MappingNode {
			return wrong("a mapping", n)
		}
		r.structure(v, n, line, path)
	case reflect.Slice:
		if n.Kind != yaml.SequenceNode {
			return wrong("a list", n)
		}
		for i, item := range n.Content {
			element := reflect.New(v.Type().Elem()).Elem()
			r.value(element, field{}, item, item.Line, fmt.Sprintf("%s[%d]", path, i))
			v.Set(reflect.Append(v, element))
		}
	case reflect.Map:
		if n.Kind != yaml.MappingNode {
			return wrong("a mapping", n)
		}
		for _, e := range r.entries(n, path) {
			element := reflect.New(v.Type().Elem()).Elem()
			r.value(element, field{signed: true}, e.value, e.line, join(path, e.name))
			if v.IsNil() {
				v.Set(reflect.MakeMap(v.Type()))
			}
			v.SetMapIndex(reflect.ValueOf(e.name), element)
		}
	default:
		return scalar(v, f, n)
	}
	return nil
}

// scalar sets text, booleans and numbers.
func scalar(v reflect.Value, f field, n *yaml.Node) error {
	switch v.Kind() {
	case reflect.String:
		if !isText(n) && (!f.verbatim || !isNumber(n)) {
			return wrong("text", n)
		}
		v.SetString(n.Value)
	case reflect.Bool:
		if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!bool" {
			return wrong("true or false", n)
		}
		v.SetBool(strings.EqualFold(n.Value, "true"))
	case reflect.Int:
		i, err := strconv.Atoi(n.Value)
		if !isWhole(n) || err != nil {
			return wrong("a decimal whole number", n)
		}
		v.SetInt(int64(i))
	case reflect.Uint64:
		u, err := strconv.ParseUint(n.Value, 10, 64)
		if !isWhole(n) || err != nil {
			return wrong("a decimal whole number that is not negative", n)
		}
		v.SetUint(u)
	case reflect.Float64:
		x, err := strconv.ParseFloat(n.Value, 64)
		if !isWhole(n) && n.ShortTag() != "!!float" || err != nil || math.IsInf(x, 0) || math.IsNaN(x) {
			return wrong("a number", n)
		}
		v.SetFloat(x)
	default:
		panic("config: no way to read a " + v.Type().String())
	}
	if !f.signed && (v.CanInt() && v.Int() < 0 || v.CanFloat() && v.Float() < 0) {
		return fmt.Errorf("%s is negative", n.Value)
	}
	return nil
}

func wrong(want string, n *yaml.Node) error {
	return fmt.Errorf("must be %s, not %s", want, describe(n))
}

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

// structure fills a struct from the layers of a mapping; at is where a missing field is reported.
func (r *reader) structure(v reflect.Value, in []layer, at place, path string) {
	fields := fieldsOf(v.Type())
	known, named := make([]string, len(fields)), make(map[string]field, len(fields))
	for i, f := range fields {
		known[i], named[f.name] = f.name, f
	}
	given := map[string]bool{}
	for _, e := range r.entries(in, path) {
		f, ok := named[e.name]
		if !ok {
			r.fault(e.layers[0].at, join(path, e.name), "unknown field%s", didYouMean(e.name, known))
			continue
		}
		given[f.name] = true
		r.value(v.Field(f.index), f, e.layers, join(path, f.name))
	}
	for _, f := range fields {
		if !f.optional && !given[f.name] {
			r.fault(at, join(path, f.name), "required field is missing")
		}
	}
}

// value fills one field, list element or map value.
func (r *reader) value(v reflect.Value, f field, in []layer, path string) {
	at := in[0].at
	r.places[path] = at
	if later, ok := v.Addr().Interface().(*overlay); ok {
		later.layers = in
		return
	}
	if isNull(target(in[0].node)) {
		if !f.nullable && !f.optional {
			r.fault(at, path, "has no value")
		}
		return
	}
	if v.Kind() == reflect.Pointer {
		p := reflect.New(v.Type().Elem())
		r.value(p.Elem(), field{optional: true}, in, path)
		v.Set(p)
		return
	}
	if err := r.fill(v, f, in, path); err != nil {
		r.fault(at, path, "%v", err)
		return
	}
	r.within(v, at, path)
	switch {
	case f.optional || f.signed || !v.IsZero() || !r.ok(path):
	case v.Kind() == reflect.Struct || v.Kind() == reflect.Bool: // an empty mapping has its missing fields reported
	case v.Kind() == reflect.String, v.Kind() == reflect.Slice, v.Kind() == reflect.Map:
		r.fault(at, path, "is empty")
	default:
		r.fault(at, path, "is zero, which would mean that it is not set")
	}
}

// fill sets v from layers whose first one is not null. Structs, lists and maps report what is wrong inside them.
func (r *reader) fill(v reflect.Value, f field, in []layer, path string) error {
	n := target(in[0].node)
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
		r.structure(v, in, in[len(in)-1].at, path)
	case reflect.Slice:
		if s, ok := v.Addr().Interface().(*Shown); ok && isText(n) {
			*s = Shown{n.Value}
			return nil
		}
		if n.Kind != yaml.SequenceNode {
			return wrong("a list", n)
		}
		if len(n.Content) > maxLevels {
			return fmt.Errorf("has %d elements, and at most %d make sense", len(n.Content), maxLevels)
		}
		for i, item := range n.Content {
			element := reflect.New(v.Type().Elem()).Elem()
			one := []layer{{place{in[0].at.file, item.Line}, item}}
			r.value(element, field{}, one, fmt.Sprintf("%s[%d]", path, i))
			v.Set(reflect.Append(v, element))
		}
	case reflect.Map:
		if n.Kind != yaml.MappingNode {
			return wrong("a mapping", n)
		}
		for _, e := range r.entries(in, path) {
			if e.removed {
				continue
			}
			element := reflect.New(v.Type().Elem()).Elem()
			r.value(element, field{signed: true}, e.layers, join(path, e.name))
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

package config

import (
	"reflect"
	"slices"
	"strings"
)

// figures refuses figures that do not say what they rest on.
func (r *reader) figures(part any) {
	each(reflect.ValueOf(part), "", func(path string, f grounds) {
		basis, source := f.rests()
		if !slices.Contains(Bases, basis) {
			r.oneOf(path+".basis", basis, Bases...)
		}
		if source != "" && strings.TrimSpace(source) == "" {
			r.refuse(path+".source", "is empty")
		}
		v := reflect.ValueOf(f.amount())
		for _, b := range figureBounds {
			if v.Type() == reflect.TypeOf(b.most) && beyond(v, b.most) {
				r.refuse(path+".value", "%s", b.refusal(f.amount()))
			}
		}
	})
}

// Assumptions are the figures of a part that rest on no measurement of it, by their basis and as their fields are called.
func Assumptions(part any) map[string][]string {
	out := map[string][]string{}
	each(reflect.ValueOf(part), "", func(path string, f grounds) {
		if basis, _ := f.rests(); basis == BasisTransferred || basis == BasisArithmetic || basis == BasisAssumed {
			out[basis] = append(out[basis], strings.NewReplacer("_", " ", ".", " ").Replace(path))
		}
	})
	return out
}

// each calls do with each figure of a part and the path of its field, in the order of the file; maps by their keys.
func each(v reflect.Value, path string, do func(path string, f grounds)) {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return
		}
		v = v.Elem()
	}
	if f, ok := v.Interface().(grounds); ok {
		do(path, f)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for _, f := range fieldsOf(v.Type()) {
			each(v.Field(f.index), join(path, f.name), do)
		}
	case reflect.Map:
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
		for _, k := range keys {
			each(v.MapIndex(k), join(path, k.String()), do)
		}
	}
}

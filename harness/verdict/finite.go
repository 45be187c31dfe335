package verdict

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
)

// mostNamed is how many lost numbers a finding names.
const mostNamed = 5

// keepFinite takes every number from the judgement that is not finite, because no report could hold it, and says in a
// finding which; sentences say open instead. What may be absent becomes null; a point, a row or an account without its number is left out.
func (r *Judgement) keepFinite() {
	f := finite{}
	v := reflect.ValueOf(r).Elem()
	for i := range v.NumField() {
		if path := fieldName(v.Type().Field(i)); !f.keep(v.Field(i), path) {
			v.Field(i).SetZero()
			f.lose(path)
		}
	}
	if len(f.lost) == 0 {
		return
	}
	named := strings.Join(f.lost[:min(len(f.lost), mostNamed)], ", ")
	if more := len(f.lost) - mostNamed; more > 0 {
		named += fmt.Sprintf(" and %d more", more)
	}
	r.Findings = append(r.Findings, Finding{Name: "numbers left out", Detail: named +
		" would not be finite: look in the lines of the cells for values that cannot be"})
}

// openEnds calls an end of an interval that one block leaves at infinity what tables call it.
var openEnds = strings.NewReplacer("+Inf", "open", "-Inf", "open")

// finite are the paths of numbers that were taken away, each once.
type finite struct{ lost []string }

func (f *finite) lose(path string) {
	if !slices.Contains(f.lost, path) {
		f.lost = append(f.lost, path)
	}
}

// keep reports whether v can be kept once everything below it that may go has gone.
func (f *finite) keep(v reflect.Value, path string) bool {
	switch v.Kind() {
	case reflect.Float64:
		return !math.IsNaN(v.Float()) && !math.IsInf(v.Float(), 0)
	case reflect.String:
		v.SetString(openEnds.Replace(v.String()))
	case reflect.Pointer:
		if !v.IsNil() && !f.keep(v.Elem(), path) {
			v.SetZero()
			f.lose(path)
		}
	case reflect.Slice:
		kept := 0
		for i := range v.Len() {
			at := fmt.Sprintf("%s[%d]", path, i)
			if !f.keep(v.Index(i), at) {
				f.lose(at)
				continue
			}
			if kept < i {
				v.Index(kept).Set(v.Index(i))
			}
			kept++
		}
		v.SetLen(kept)
	case reflect.Struct:
		if s, ok := v.Addr().Interface().(*Series); ok {
			f.points(s, path)
		}
		whole := true
		for i := range v.NumField() {
			at := path
			if field := v.Type().Field(i); !field.Anonymous {
				at += "." + fieldName(field)
			}
			whole = f.keep(v.Field(i), at) && whole
		}
		return whole
	}
	return true
}

// points takes whole points from a series, so that x, y and bounds stay those of the same ones.
func (f *finite) points(s *Series, path string) {
	if len(s.X) != len(s.Y) {
		return // which a report refuses
	}
	var x, y []float64
	var lo, hi []*float64
	for i := range s.X {
		if math.IsNaN(s.X[i]+s.Y[i]) || math.IsInf(s.X[i], 0) || math.IsInf(s.Y[i], 0) {
			f.lose(path)
			continue
		}
		x, y = append(x, s.X[i]), append(y, s.Y[i])
		if len(s.Lo) == len(s.Y) {
			lo = append(lo, s.Lo[i])
		}
		if len(s.Hi) == len(s.Y) {
			hi = append(hi, s.Hi[i])
		}
	}
	if len(x) < len(s.X) {
		s.X, s.Y, s.Lo, s.Hi = x, y, lo, hi
	}
}

// fieldName is a field's name in report.json.
func fieldName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}

package report

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"sparkharness/harness/verdict"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const schemaPath = "../../fixtures/schema/report.schema.json"

func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	s, err := jsonschema.NewCompiler().Compile(schemaPath)
	require.NoError(t, err)
	return s
}

// document is a report as a generic JSON value.
func document(t *testing.T, r *verdict.Judgement) map[string]any {
	t.Helper()
	data, err := encode(r)
	require.NoError(t, err)
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	require.NoError(t, err)
	return doc.(map[string]any)
}

func TestSchemaAcceptsReports(t *testing.T) {
	s := compiled(t)
	scatter := sampleH0()
	scatter.Figures = append(scatter.Figures, sampleScatter())
	least := &verdict.Judgement{Schema: verdict.Schema, RunID: "r", Rig: "spark", Clock: "real"}
	least.Verdict.Outcome = "Inconclusive"
	repeated := sampleH2B()
	repeated.CellsAgain = 2
	profiled := sampleH2B()
	profiled.Profile = "hour"
	for name, r := range map[string]*verdict.Judgement{"H2B": sampleH2B(), "measured again": repeated, "by a profile": profiled, "H0": scatter,
		"nothing measured": least} {
		assert.NoError(t, s.Validate(document(t, r)), name)
	}
}

func TestSchemaRefuses(t *testing.T) {
	s := compiled(t)
	row := func(d map[string]any) map[string]any { return d["rows"].([]any)[0].(map[string]any) }
	v := func(d map[string]any) map[string]any { return d["verdict"].(map[string]any) }
	check := func(d map[string]any) map[string]any { return v(d)["checks"].([]any)[0].(map[string]any) }
	account := func(d map[string]any) map[string]any { return d["accounts"].([]any)[0].(map[string]any) }
	for name, change := range map[string]func(map[string]any){
		"none measured again": func(d map[string]any) { d["cells_measured_again"] = 0 },
		"a missing field":     func(d map[string]any) { delete(d, "seed") },
		"a missing row field": func(d map[string]any) { delete(row(d), "r_await_ms") },
		"a renamed row field": func(d map[string]any) { row(d)["r_await"] = row(d)["r_await_ms"]; delete(row(d), "r_await_ms") },
		"an additional field": func(d map[string]any) { d["note"] = "" },
		"an unknown outcome":  func(d map[string]any) { v(d)["outcome"] = "Maybe" },
		"an unknown state":    func(d map[string]any) { check(d)["state"] = "ok" },
		"no origin":           func(d map[string]any) { delete(d, "origin") },
		"an unknown clock":    func(d map[string]any) { d["clock"] = "wall" },
		"a sizing row without its knee": func(d map[string]any) {
			delete(d["sizing"].(map[string]any)["rows"].([]any)[0].(map[string]any), "knee_tokens")
		},
		"a check without its bounds":      func(d map[string]any) { delete(check(d), "bounds") },
		"an open bound of a check":        func(d map[string]any) { check(d)["bounds"] = []any{nil} },
		"no accounts":                     func(d map[string]any) { delete(d, "accounts") },
		"an account without its residual": func(d map[string]any) { delete(account(d), "residual_GB") },
		"an account of a third direction": func(d map[string]any) { account(d)["direction"] = "trim" },
		"an account of an unknown device": func(d map[string]any) { account(d)["device_GB"] = nil },
		"an account with another field":   func(d map[string]any) { account(d)["other_GB"] = 0 },
		"null for a list":                 func(d map[string]any) { d["rows"] = nil },
		"text for a number":               func(d map[string]any) { row(d)["samples"] = "12" },
		"null for a plain number":         func(d map[string]any) { row(d)["samples"] = nil },
		"another version":                 func(d map[string]any) { d["schema"] = "sparkharness.report.v2" },
	} {
		t.Run(name, func(t *testing.T) {
			d := document(t, sampleH2B())
			require.NoError(t, s.Validate(d))
			change(d)
			assert.Error(t, s.Validate(d))
		})
	}
}

// TestSchemaHasEveryField compares the schema with the Go types, both ways, at every depth: names, what is
// required, what may be null, that nothing else is allowed, a description for each and a unit for numbers.
func TestSchemaHasEveryField(t *testing.T) {
	data, err := os.ReadFile(schemaPath)
	require.NoError(t, err)
	var root map[string]any
	require.NoError(t, json.Unmarshal(data, &root))
	assert.Equal(t, "https://json-schema.org/draft/2020-12/schema", root["$schema"])
	w := schemaWalk{T: t, defs: root["$defs"].(map[string]any), seen: map[string]bool{}}
	w.compare("report", reflect.TypeFor[verdict.Judgement](), root)
	assert.ElementsMatch(t, slices.Collect(maps.Keys(w.defs)), slices.Collect(maps.Keys(w.seen)), "every definition is in use")
}

type schemaWalk struct {
	*testing.T
	defs map[string]any
	seen map[string]bool
}

func (w schemaWalk) compare(path string, typ reflect.Type, node map[string]any) {
	if ref, ok := node["$ref"].(string); ok {
		name := strings.TrimPrefix(ref, "#/$defs/")
		w.seen[name] = true
		node = w.defs[name].(map[string]any)
	}
	switch typ.Kind() {
	case reflect.Struct:
		w.compareStruct(path, typ, node)
	case reflect.Slice:
		assert.Equal(w, "array", node["type"], path)
		w.compare(path+"[]", typ.Elem(), node["items"].(map[string]any))
	case reflect.Pointer:
		if options, ok := node["anyOf"].([]any); ok {
			assert.Equal(w, map[string]any{"type": "null"}, options[0], path)
			w.compare(path, typ.Elem(), options[1].(map[string]any))
			return
		}
		word := "number"
		if typ.Elem().Kind() == reflect.Int {
			word = "integer"
		}
		assert.Equal(w, []any{word, "null"}, node["type"], path)
		assert.NotEmpty(w, node["x-unit"], "%s has a unit", path)
	case reflect.Float64:
		assert.Equal(w, "number", node["type"], path)
		assert.NotEmpty(w, node["x-unit"], "%s has a unit", path)
	case reflect.Int, reflect.Int64, reflect.Uint64:
		assert.Equal(w, "integer", node["type"], path)
		assert.NotEmpty(w, node["x-unit"], "%s has a unit", path)
	case reflect.Bool:
		assert.Equal(w, "boolean", node["type"], path)
	case reflect.String:
		assert.True(w, node["type"] == "string" || node["const"] != nil, path)
	default:
		w.Errorf("%s has the kind %s, which this test does not know", path, typ.Kind())
	}
}

func (w schemaWalk) compareStruct(path string, typ reflect.Type, node map[string]any) {
	assert.Equal(w, "object", node["type"], path)
	assert.Equal(w, false, node["additionalProperties"], path)
	properties, _ := node["properties"].(map[string]any)
	var names, required []string
	for _, f := range reflect.VisibleFields(typ) {
		name, option, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous || name == "-" {
			continue // its fields stand beside the others, or it is not part of the file
		}
		require.NotEmpty(w, name, "%s.%s has a JSON name", path, f.Name)
		names = append(names, name)
		if option != "omitempty" {
			required = append(required, name)
		}
		field, ok := properties[name].(map[string]any)
		if assert.True(w, ok, "%s.%s is in the schema", path, name) {
			assert.NotEmpty(w, field["description"], "%s.%s has a description", path, name)
			w.compare(path+"."+name, f.Type, field)
		}
	}
	assert.ElementsMatch(w, names, slices.Collect(maps.Keys(properties)), path)
	var listed []string
	for _, r := range node["required"].([]any) {
		listed = append(listed, r.(string))
	}
	assert.ElementsMatch(w, required, listed, path)
}

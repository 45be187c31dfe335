package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"sparkharness/harness/disk"
	"sparkharness/harness/regular"
	"sparkharness/harness/verdict"
)

// FileName is the name of a report in its results folder.
const FileName = "report.json"

// ErrNotAReport marks a file that Read refuses.
var ErrNotAReport = errors.New("not a report of schema " + verdict.Schema)

// Write puts r into dir/report.json: indented, the same bytes for the same report, in one step. A list
// that is nil is written as []. A NaN or an infinity is refused with the path of its field: JSON has no
// word for it, and a missing number is nil.
func Write(dir string, r *verdict.Judgement) error {
	data, err := encode(r)
	if err != nil {
		return fmt.Errorf("report of run %q: %w", r.RunID, err)
	}
	return disk.Replace(filepath.Join(dir, FileName), data)
}

// Same says whether dir/report.json is r, byte for byte. Without the file the error is os.ErrNotExist.
func Same(dir string, r *verdict.Judgement) (bool, error) {
	want, err := encode(r)
	if err != nil {
		return false, fmt.Errorf("report of run %q: %w", r.RunID, err)
	}
	got, err := regular.Read(filepath.Join(dir, FileName), maxReport)
	if err != nil {
		return false, fmt.Errorf("read report: %w", err)
	}
	return bytes.Equal(got, want), nil
}

// maxReport is the most bytes of a report.json. A cell of a sweep leaves one or two thousand in it.
const maxReport = 256 << 20

// Read returns the report in a report.json. Unknown fields, another schema version, an unknown outcome and
// anything after the report are refused with ErrNotAReport.
func Read(path string) (*verdict.Judgement, error) {
	data, err := regular.Read(path, maxReport)
	if err != nil {
		return nil, fmt.Errorf("read report: %w", err)
	}
	r, err := decode(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %w", path, ErrNotAReport, err)
	}
	return r, nil
}

func encode(r *verdict.Judgement) ([]byte, error) {
	if err := check(r); err != nil {
		return nil, err
	}
	tidy, err := complete("", reflect.ValueOf(*r))
	if err != nil {
		return nil, err
	}
	var buf bytes.Buffer
	e := json.NewEncoder(&buf)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(tidy.Interface()); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

func decode(data []byte) (*verdict.Judgement, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	var r verdict.Judgement
	if err := d.Decode(&r); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is more after the report")
	}
	return &r, check(&r)
}

// check refuses a report that no reader could place.
func check(r *verdict.Judgement) error {
	if r.Schema != verdict.Schema {
		return fmt.Errorf("schema is %q, this program knows %q", r.Schema, verdict.Schema)
	}
	if r.RunID == "" {
		return errors.New("run_id is empty")
	}
	known := []verdict.Outcome{verdict.Supported, verdict.Refuted, verdict.Inconclusive, verdict.Invalid}
	if !slices.Contains(known, r.Verdict.Outcome) {
		return fmt.Errorf("verdict.outcome is %q, not one of %v", r.Verdict.Outcome, known)
	}
	for _, f := range r.Figures {
		if err := checkFigure(f); err != nil {
			return fmt.Errorf("figure %q: %w", f.Name, err)
		}
	}
	return nil
}

// complete returns a deep copy of v in which no slice is nil, or an error that names the first number that
// is not finite. path is in JSON's field names: rows[3].ttft_ms.p99.hi.
func complete(path string, v reflect.Value) (reflect.Value, error) {
	out := reflect.New(v.Type()).Elem()
	switch v.Kind() {
	case reflect.Float64:
		if f := v.Float(); math.IsNaN(f) || math.IsInf(f, 0) {
			return v, fmt.Errorf("%s is %v: leave an absent number nil, and a row without a number out", path, f)
		}
		return v, nil
	case reflect.Pointer:
		if v.IsNil() {
			return v, nil
		}
		elem, err := complete(path, v.Elem())
		if err != nil {
			return v, err
		}
		out = reflect.New(v.Type().Elem())
		out.Elem().Set(elem)
	case reflect.Slice:
		out = reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		for i := range v.Len() {
			elem, err := complete(fmt.Sprintf("%s[%d]", path, i), v.Index(i))
			if err != nil {
				return v, err
			}
			out.Index(i).Set(elem)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			in := path
			if f := v.Type().Field(i); !f.Anonymous { // the fields of an embedded struct stand beside the others
				name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
				in = strings.TrimPrefix(path+"."+name, ".")
			}
			field, err := complete(in, v.Field(i))
			if err != nil {
				return v, err
			}
			out.Field(i).Set(field)
		}
	default:
		return v, nil
	}
	return out, nil
}

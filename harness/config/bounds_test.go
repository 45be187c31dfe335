package config

import (
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// boundedElsewhere are numbers with a range of their own, or with none.
var boundedElsewhere = []string{
	"run.seed",                                       // any number is a seed
	"near[].truth", "near[].measured", "near[].runs", // checkNear
	"mechanisms.kv_system_drive_share", // below 1
	"run.cadence", "run.observer", "sweep.cadence[]", "telemetry.cadence", "windows.length", "sweep.gap_cv", "sweep.ramp.over",
	"sweep.reuse[]", "load.chat.turn_spread", "load.adapters.hot_set", "load.adapters.hot_share",
	"gates.min_coverage", "gates.max_send_lag_share", "gates.prompt_tolerance", "gates.max_error_rate", "gates.max_cov",
	"errors.decode_one_stream.median", "errors.decode_one_stream.largest", "errors.decode_one_stream.rows",
	"errors.decode_streams.median", "errors.decode_streams.largest", "errors.decode_streams.rows",
	"errors.prefill.median", "errors.prefill.largest", "errors.prefill.rows",
	"page_read_jitter", "rates.*.prefill_ref_tokens",
	"sweep.policies_at.tier1", "sweep.policies_at.ctx", // levels of lists that are
	"gates.steady_alpha", "gates.steady_max_drift", "gates.steady_tail_alpha", "gates.steady_max_tail_drift",
	"gates.reproduced_within", "gates.cadence_tolerance", "gates.min_fio_presence", "gates.max_foreign_reads", "gates.max_carry_over",
	"gates.min_told", "gates.max_clock_difference", "mechanisms.cpu_sleep.kept_awake", "gates.max_again_share",
	"launch.port",
	// What is set by the harness, from fields that are bounded in their own files.
	"server.launch.port", "server.launch.ready.limit", "server.launch.stop.grace", "launched.max_batch", "launched.max_tokens", "launched.max_length",
	"launched.block_tokens", "launched.chunk_tokens", "launched.kv_pool", "launched.tier1", "launched.tier2", "launched.token_bytes", "launched.adapters.slots", "launched.adapters.rank",
}

// leaves are the paths of the numbers of a configuration.
func leaves(t reflect.Type, path string, visit func(path string, t reflect.Type)) {
	switch t.Kind() {
	case reflect.Pointer:
		leaves(t.Elem(), path, visit)
	case reflect.Slice:
		leaves(t.Elem(), path+"[]", visit)
	case reflect.Map:
		if t.Elem().Kind() == reflect.Struct {
			leaves(t.Elem(), path+".*", visit)
		}
	case reflect.Struct:
		if f, ok := reflect.New(t).Elem().Interface().(grounds); ok { // bounded by what it counts
			if !slices.ContainsFunc(figureBounds, func(b bound) bool { return reflect.TypeOf(b.most) == reflect.TypeOf(f.amount()) }) {
				visit(path+".value", reflect.TypeOf(f.amount()))
			}
			return
		}
		for i, f := range fieldsOf(t) {
			leaves(t.Field(i).Type, join(path, f.name), visit)
		}
	case reflect.Int, reflect.Int64, reflect.Uint64, reflect.Float64:
		visit(path, t)
	case reflect.String:
		if parent := path[:max(0, strings.LastIndex(path, "."))]; strings.HasSuffix(parent, "think_time") || strings.HasSuffix(parent, "output_tokens") {
			if !strings.HasSuffix(path, ".dist") {
				visit(path, t)
			}
		}
	}
}

// Every number of a configuration has an upper end, in the table or in a check of its own.
func TestEveryNumberIsBounded(t *testing.T) {
	left := maps.Clone(bounds)
	for _, kind := range []any{Hypothesis{}, Stack{}, World{}, Profile{}, Model{}, Engine{}, Drive{}, Machine{}, Server{}} {
		leaves(reflect.TypeOf(kind), "", func(path string, typ reflect.Type) {
			b, ok := bounds[path]
			if !ok {
				assert.Contains(t, boundedElsewhere, path, "%T: no upper end", kind)
				return
			}
			delete(left, path)
			if typ.Kind() != reflect.String {
				assert.Equal(t, typ, reflect.TypeOf(b.most), "%s: a bound is of the field's type", path)
			}
			assert.NotEmpty(t, b.why, path)
		})
	}
	assert.Empty(t, slices.Sorted(maps.Keys(left)), "bounds of no field")
}

// spelled is a value as a file has it.
func spelled(v any) string {
	if f, ok := v.(float64); ok {
		return fmt.Sprintf("%.6f", f)
	}
	return fmt.Sprint(v)
}

// next is the next larger value of a bound's type.
func next(most any) any {
	v := reflect.New(reflect.TypeOf(most)).Elem()
	if v.CanFloat() {
		v.SetFloat(reflect.ValueOf(most).Float() + 0.001)
	} else {
		v.SetInt(reflect.ValueOf(most).Int() + 1)
	}
	return v.Interface()
}

// A value at the bound is taken, and the next one is refused in a line that says why.
func TestBounds(t *testing.T) {
	base := files{"hypothesis.yaml": hypothesis, "stack.yaml": stackB, "world.yaml": "world: w\nnote: n\n",
		"model.yaml": fileText(t, "models/GPTOSS120B.yaml"), "drive.yaml": fileText(t, "drives/sata.yaml"),
		"server.yaml": fileText(t, "servers/vllm.yaml"), "profile.yaml": "profile: p\nnote: n\ntier0_bytes: 1GiB\ntier1_bytes: 1GiB\n"}
	faults := func(path, value string) string {
		text := value
		for _, part := range slices.Backward(strings.Split(path, ".")) {
			name, list := strings.CutSuffix(part, "[]")
			if list {
				text = "[" + text + "]"
			}
			text = "{" + name + ": " + text + "}"
		}
		var errs []string
		for _, parse := range []func() error{
			func() error { return overlaid(base, "hypothesis.yaml", text, (*Hypothesis).check) },
			func() error { return overlaid(base, "stack.yaml", text, (*Stack).check) },
			func() error { return overlaid(base, "world.yaml", text, (*World).check) },
			func() error { return overlaid(base, "profile.yaml", text, (*Profile).check) },
			func() error { return overlaid(base, "model.yaml", text, (*Model).check) },
			func() error { return overlaid(base, "drive.yaml", text, (*Drive).check) },
			func() error {
				return overlaid(base, "server.yaml", text, func(s *Server, r *reader) { s.check(r, "vllm") })
			},
		} {
			if err := parse(); err != nil && !strings.Contains(err.Error(), "unknown field") {
				errs = append(errs, err.Error())
			}
		}
		return strings.Join(errs, "\n")
	}
	for path, b := range bounds {
		at := strings.ReplaceAll(path, "[]", "[0]") + ": is at most "
		assert.NotContains(t, faults(path, spelled(b.most)), at, "the bound itself")
		beyond := spelled(next(b.most))
		said := faults(path, beyond)
		require.Contains(t, said, at, "%s of %s", path, beyond)
		assert.Contains(t, said, ": "+b.why, path)
	}
}

// overlaid reads one of the files with a text laid over it.
func overlaid[T any](base files, name, text string, check func(*T, *reader)) error {
	f := maps.Clone(base)
	f["over.yaml"] = "base: " + name + "\n" + strings.TrimSuffix(strings.TrimPrefix(text, "{"), "}") + "\n"
	_, err := parseFrom(f, "over.yaml", check)
	return err
}

// All that is beyond a bound is told at once, beside other faults, and a consequence of it is not.
func TestBoundsAreToldAtOnce(t *testing.T) {
	text := edit(t, hypothesis, "conc: [1, 4]", "conc: [1, 100000000]\n  tier1: [8GiB, 64TiB]")
	text = edit(t, text, "reps: 3", "reps: 1000000000")
	text = edit(t, text, "max_duration: 300s", "max_duration: 2562047h")
	text = edit(t, text, "mean: 20s", "mean: 2562047h")
	text = edit(t, text, "sigma: 0.7", "sigma: 70")
	text = edit(t, text, "baseline: 10s", "baseline: 10s\n  cadence: 1ns")
	_, err := parseHypothesis("h.yaml", []byte(text))
	require.EqualError(t, err, strings.Join([]string{
		"h.yaml:8: load.think_time.mean: is at most 24h0m0s, not 2562047h: nobody waits longer than a day",
		"h.yaml:9: load.output_tokens.sigma: is at most 5, not 70: a hundredth of the values would be 100,000 times the median and more",
		"h.yaml:13: sweep.conc[1]: is at most 65536, not 100000000: each user holds a connection, and an address has no more ports",
		"h.yaml:14: sweep.tier1[1]: is at most 16TiB, not 64TiB: no host has more than 16 TiB of memory",
		"h.yaml:14: sweep.tier1: treats the host tier of Stack B, which stacks does not name",
		"h.yaml:16: run.reps: is at most 1000, not 1000000000: an interval shrinks with their root, and 1000 make a tenth of that of ten",
		"h.yaml:19: run.max_duration: is at most 168h0m0s, not 2562047h0m0s: a machine that has not settled within a week does not settle",
		"h.yaml:22: run.cadence: must be from 10ms to 60s, not 1ns",
	}, "\n"))
}

// A list without end is refused before its elements are looked at.
func TestListsAreBounded(t *testing.T) {
	levels := func(n int) string { return "fio: [a" + strings.Repeat(", a", n-1) + "]" }
	read := func(n int) error {
		_, err := parseHypothesis("h.yaml", []byte(edit(t, hypothesis, "conc: [1, 4]", "conc: [1, 4]\n  "+levels(n))))
		return err
	}
	require.EqualError(t, read(maxLevels+1), "h.yaml:14: sweep.fio: has 1001 elements, and at most 1000 make sense")
	require.NotContains(t, read(maxLevels).Error(), "elements")
}

// What a flag gives instead of a field has the field's bound.
func TestWithin(t *testing.T) {
	require.NoError(t, Within("run.reps", 1000))
	require.ErrorContains(t, Within("run.reps", 1001), "is at most 1000, not 1001: an interval")
	require.NoError(t, Within("run.duration", 168*time.Hour))
	require.ErrorContains(t, Within("run.duration", 168*time.Hour+1), "is at most 168h0m0s, not 168h0m0.000000001s: ")
	assert.Panics(t, func() { _ = Within("run.seed", 1) }, "no bound is no reason to let anything pass")
}

// fileText is a committed file of configuration.
func fileText(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile("../../configs/" + file)
	require.NoError(t, err)
	return string(b)
}

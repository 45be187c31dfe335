package simrig

import (
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/config"
	"sparkharness/harness/fio"
	"sparkharness/harness/record"
	"sparkharness/harness/rig"
	"sparkharness/harness/sim"
)

// Each mechanism of a world file reaches the machine under the same name, and no other does.
func TestMechanismsReachTheMachine(t *testing.T) {
	fields := reflect.TypeFor[config.Mechanisms]()
	assert.Equal(t, reflect.TypeFor[sim.Mechanisms]().NumField(), fields.NumField(), "all can be switched")
	for i := range fields.NumField() {
		name := fields.Field(i).Name
		t.Run(name, func(t *testing.T) {
			o := options(t, "B")
			o.World = &config.World{}
			set(reflect.ValueOf(&o.World.Mechanisms).Elem().Field(i))
			_, params, err := Spec(o)
			require.NoError(t, err)
			var want sim.Mechanisms
			field := reflect.ValueOf(&want).Elem().FieldByName(name)
			require.True(t, field.IsValid(), "the machine has no such mechanism")
			set(field)
			assert.Equal(t, want, params.Mechanisms)
		})
	}
}

// set gives a field a value that is not its zero, and all that it holds: of a time or of bytes, seven thousand million.
func set(v reflect.Value) {
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Float64:
		v.SetFloat(7)
	case reflect.String:
		v.SetString(sim.ReasonsUnset)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		set(v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			set(v.Field(i))
		}
	default:
		v.SetInt(7e9)
	}
}

// What a world file may say of the reasons is what the machine knows.
func TestThrottleReasons(t *testing.T) {
	assert.Equal(t, []string{sim.ReasonsShown, sim.ReasonsUnset, sim.ReasonsNA, sim.ReasonsAbsent}, config.ThrottleReasons)
}

// Before a cell the machine is told of the one that comes before it in the plan, whatever was measured beside it: its
// writes in flight, in a world that remembers them.
func TestMachineIsToldOfTheCellBefore(t *testing.T) {
	e := short(t, "carry_over")
	e.Fio = map[string]string{"none": profile(t, "none"), "heavy": profile(t, "heavy"), "steady": profile(t, "steady")}
	plan := &record.Plan{Cells: []record.PlannedCell{{Key: "a", Fio: "heavy"}, {Key: "b", Fio: "none"}, {Key: "c", Fio: "steady"}, {Key: "d"}, {Key: "e"}}}
	told := func(e *config.Experiment) (out []float64) {
		r, err := newRig(t, e)
		require.NoError(t, err)
		r.plan = plan
		for _, key := range []string{"e", "d", "c", "b", "a", "unknown"} {
			jobs, err := r.before(record.PlannedCell{Key: key})
			require.NoError(t, err)
			_, params, err := Spec(Options{Stack: e.Stacks["A"], World: e.World, Twin: e.Twin, Adapters: e.Adapters, AdapterRank: 8, Before: jobs})
			require.NoError(t, err)
			out = append(out, params.WritesBefore)
		}
		return out
	}
	got := told(e)
	assert.InDelta(t, 0.01*128, got[3], 1e-9, "b comes after heavy")
	got[3] = 0
	assert.Equal(t, make([]float64, 6), got)
	e.World.Mechanisms.CarryOver = nil
	assert.Equal(t, make([]float64, 6), told(e))
}

// A machine that begins after writes is slow from its begin on, and one that does not is as ever.
func TestCarryOverBeginsWithTheCell(t *testing.T) {
	await := func(before []fio.Job) (ms float64) {
		synctest.Test(t, func(t *testing.T) {
			o := options(t, "A")
			o.World = &config.World{Mechanisms: config.Mechanisms{CarryOver: &config.CarryOver{
				Latency: 3, Decay: config.Duration(time.Hour), WritesInFlight: 1}}}
			s := &Machine{opts: o, before: func(pc record.PlannedCell) ([]fio.Job, error) {
				assert.Equal(t, "cell", pc.Key)
				return before, nil
			}}
			require.NoError(t, s.Begin(t.Context(), record.PlannedCell{Key: "cell", MachineSeed: 1}))
			defer func() { assert.NoError(t, s.Close()) }()
			time.Sleep(time.Minute)
			run, err := s.startFio(t.Context(), rig.Treatment{Name: "steady", Text: profile(t, "steady")})
			require.NoError(t, err)
			require.NoError(t, s.stopFio(t.Context()))
			ms = *run.RAwaitAfter
		})
		return ms
	}
	fresh := await(nil)
	assert.Equal(t, fresh, await(jobs(t, "moderate")))
	assert.InEpsilon(t, (1+2*0.98)*fresh, await(jobs(t, "heavy")), 0.03)
}

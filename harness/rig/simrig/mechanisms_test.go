package simrig

import (
	"reflect"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/config"
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

// set gives a field a value that is not its zero.
func set(v reflect.Value) {
	if v.Kind() == reflect.Bool {
		v.SetBool(true)
		return
	}
	v.SetInt(7)
}

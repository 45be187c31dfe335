package trace

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestDistances(t *testing.T) {
	d := newDistances(6)
	_, ok := d.of(7)
	assert.False(t, ok, "never touched")
	for _, id := range []int64{7, 8, 9, 8, 8, 9} {
		d.touch(id)
	}
	for id, want := range map[int64]int{9: 1, 8: 2, 7: 3} {
		got, ok := d.of(id)
		assert.True(t, ok)
		assert.Equal(t, want, got, "block %d", id)
	}
}

package sim

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// KV that is computed on top of other KV is other KV; what came before it is what it ought to be.
func TestContent(t *testing.T) {
	s := &sequence{hashes: []uint64{11, 12, 13, 14}}
	s.goesOnFrom(0, 0)
	s.goesOnFrom(1, 0)
	assert.Zero(t, s.wrong)
	assert.Zero(t, s.contentAt(3, 2))
	s.goesOnFrom(1, 99)
	assert.NotZero(t, s.wrong)
	assert.Equal(t, []uint64{0, 99}, []uint64{s.contentAt(0, 2), s.contentAt(1, 2)})
	third, fourth := s.contentAt(2, 2), s.contentAt(3, 2)
	assert.NotZero(t, third)
	assert.NotZero(t, fourth)
	assert.NotEqual(t, third, fourth)
}

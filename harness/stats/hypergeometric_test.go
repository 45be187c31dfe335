package stats

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// By counting: of 5 items of which 2 are marked, 3 of 5 first draws miss, then 2 of 4, then 1 of 3.
func TestNoneDrawn(t *testing.T) {
	for drawn, want := range []float64{1, 3. / 5, 3. / 5 * 2 / 4, 3. / 5 * 2 / 4 * 1 / 3, 0, 0} {
		assert.InDelta(t, want, NoneDrawn(5, 2, drawn), 1e-12, drawn)
	}
	assert.InDelta(t, 1, NoneDrawn(5, 0, 5), 0)
	assert.InDelta(t, 0, NoneDrawn(5, 5, 1), 0)
	// 100 factors (472-i)/(590-i), multiplied as fractions.
	assert.InEpsilon(t, 1.8340261961273996e-11, NoneDrawn(590, 118, 100), 1e-9)
}

package report

import (
	"math"
	"strconv"
	"strings"
	"testing"

	"sparkharness/harness/evidence"
	"sparkharness/harness/stats"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestNumber(t *testing.T) {
	for _, tc := range []struct {
		v    float64
		want string
	}{
		{0, "0"}, {math.Copysign(0, -1), "0"}, {1, "1.00"}, {0.5, "0.500"}, {12.34, "12.3"}, {99.96, "100"}, {999.6, "1,000"},
		{1234567, "1,230,000"}, {12345, "12,300"}, {-1234.5, "-1,230"}, {0.000123456, "0.000123"}, {0.00001234, "1.23e-05"},
		{9.999e-5, "1.00e-04"}, {2e15, "2.00e+15"}, {math.Inf(1), "+Inf"}, {100, "100"}, {-0.5, "-0.500"},
	} {
		assert.Equal(t, tc.want, number(tc.v), "%v", tc.v)
	}
}

// TestNumberKeepsThreeDigits is the law behind number: what is printed is within half of the third digit.
func TestNumberKeepsThreeDigits(t *testing.T) {
	for e := -6.0; e < 17; e += 0.0137 {
		for _, v := range []float64{math.Pow(10, e), -math.Pow(10, e)} {
			got, err := strconv.ParseFloat(strings.ReplaceAll(number(v), ",", ""), 64)
			require.NoError(t, err)
			assert.InEpsilon(t, v, got, 0.005+1e-9, "%v", v)
		}
	}
}

func TestQuantityKeepsLevels(t *testing.T) {
	assert.Equal(t, "4,096", quantity(4096))
	assert.Equal(t, "-3", quantity(-3))
	assert.Equal(t, "4,100", quantity(4096.5))
	assert.Equal(t, "1.84", quantity(1.8371))
	assert.Equal(t, "123,000,000", quantity(123456789))
}

func TestPercentileInWords(t *testing.T) {
	assert.Equal(t, "-", bounded(nil))
	assert.Equal(t, "1,120 [1,020, 1,280]", bounded(&evidence.Percentile{Estimate: stats.Estimate{Value: ptr(1118), Lo: ptr(1018), Hi: ptr(1275)}}))
	assert.Equal(t, ">= 60,000 [55,000, open]", bounded(&evidence.Percentile{Estimate: stats.Estimate{Value: ptr(60000), Lo: ptr(55000)}, AtLeast: true}))
	assert.Equal(t, "5.00 [open, open]", bounded(&evidence.Percentile{Estimate: stats.Estimate{Value: ptr(5)}}))
}

func TestSpan(t *testing.T) {
	for seconds, want := range map[float64]string{15120: "4.2 h", 0: "0 s", 90: "90 s", 300: "5 min", 6210: "103.5 min", 36000: "10 h", 3.7e6: "1,027.8 h"} {
		assert.Equal(t, want, span(seconds))
	}
}

func TestWrap(t *testing.T) {
	assert.Equal(t, []string{"aa bb", "cc"}, wrap("aa  bb\ncc", 5))
	assert.Equal(t, []string{"a", "longestword", "b"}, wrap("a longestword b", 4))
	assert.Equal(t, []string{""}, wrap("", 4))
}

func TestCleanLeavesNoControl(t *testing.T) {
	assert.Equal(t, "a [31mb c", clean("a\x1b[31mb\nc"))
	assert.Equal(t, "a b", clean("a\u202eb"), "no override of the writing direction")
}

func TestNatural(t *testing.T) {
	order := []string{"H0", "H1", "H2A", "H2B", "H8B", "H10", "H010B"}
	for i := range order[1:] {
		assert.Negative(t, natural(order[i], order[i+1]), "%s before %s", order[i], order[i+1])
		assert.Positive(t, natural(order[i+1], order[i]))
	}
}

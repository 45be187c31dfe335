package stats

import (
	"math"

	"gonum.org/v1/gonum/stat/combin"
)

// NoneDrawn is the chance that none of drawn items is marked that are taken without putting them back out of all, of which marked are: the
// lower end of the hypergeometric distribution, and of Fisher's exact test.
func NoneDrawn(all, marked, drawn int) float64 {
	switch {
	case drawn <= 0 || marked <= 0:
		return 1
	case drawn > all-marked:
		return 0
	}
	return math.Exp(combin.LogGeneralizedBinomial(float64(all-marked), float64(drawn)) - combin.LogGeneralizedBinomial(float64(all), float64(drawn)))
}

package config

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDistributionLaw(t *testing.T) {
	for name, c := range map[string]struct {
		d       Distribution
		plain   bool
		want    Law
		wantErr string
	}{
		"constant time":        {d: Distribution{Dist: Constant, Value: "1500ms"}, want: Law{Constant, 1.5, 0}},
		"no time":              {d: Distribution{Dist: Constant, Value: "0s"}, want: Law{Constant, 0, 0}},
		"uniform time":         {d: Distribution{Dist: Uniform, Min: "80s", Max: "160s"}, want: Law{Uniform, 80, 160}},
		"uniform from zero":    {d: Distribution{Dist: Uniform, Min: "0s", Max: "1s"}, want: Law{Uniform, 0, 1}},
		"exponential time":     {d: Distribution{Dist: Exponential, Mean: "20s"}, want: Law{Exponential, 20, 0}},
		"log-normal time":      {d: Distribution{Dist: LogNormal, Median: "20s", Sigma: "0.7"}, want: Law{LogNormal, 20, 0.7}},
		"log-normal number":    {d: Distribution{Dist: LogNormal, Median: "48", Sigma: "0.7"}, plain: true, want: Law{LogNormal, 48, 0.7}},
		"time without a unit":  {d: Distribution{Dist: Exponential, Mean: "20"}, wantErr: "mean 20 needs a unit, such as 300s or 200ms"},
		"number with a unit":   {d: Distribution{Dist: Exponential, Mean: "20s"}, plain: true, wantErr: `mean "20s" is not a plain number, such as 48 or 0.7`},
		"sigma has no unit":    {d: Distribution{Dist: LogNormal, Median: "20s", Sigma: "1s"}, wantErr: `sigma "1s" is not a plain number, such as 48 or 0.7`},
		"not finite":           {d: Distribution{Dist: Constant, Value: "inf"}, plain: true, wantErr: `value "inf" is not a plain number, such as 48 or 0.7`},
		"zero mean":            {d: Distribution{Dist: Exponential, Mean: "0s"}, wantErr: "mean 0s is not above zero"},
		"negative":             {d: Distribution{Dist: Constant, Value: "-1"}, plain: true, wantErr: "value -1 is not above zero"},
		"empty range":          {d: Distribution{Dist: Uniform, Min: "2s", Max: "2000ms"}, wantErr: "max must be above min (2s), not 2000ms"},
		"unknown":              {d: Distribution{Dist: "pareto", Mean: "2s"}, wantErr: `dist must be constant, uniform, exponential or lognormal, not "pareto"`},
		"missing and surplus":  {d: Distribution{Dist: LogNormal, Mean: "2s", Sigma: "1"}, wantErr: "mean is no parameter of the lognormal distribution\nmedian required field of the lognormal distribution is missing"},
		"nothing but its name": {d: Distribution{Dist: Uniform}, wantErr: "min required field of the uniform distribution is missing\nmax required field of the uniform distribution is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			law := c.d.Seconds
			if c.plain {
				law = c.d.Plain
			}
			got, err := law()
			if c.wantErr != "" {
				require.EqualError(t, err, c.wantErr)
			} else {
				require.NoError(t, err)
			}
			assert.Equal(t, c.want, got)
		})
	}
}

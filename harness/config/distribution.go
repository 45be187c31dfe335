package config

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
)

// Distribution is a seeded random quantity. Dist is constant (value), uniform (min, max), exponential
// (mean) or lognormal (median, sigma). Values carry the unit of the field: a duration for think times,
// a plain number for tokens.
type Distribution struct {
	Dist   string `yaml:"dist"`
	Value  string `yaml:"value,omitempty" config:"verbatim"`
	Min    string `yaml:"min,omitempty" config:"verbatim"`
	Max    string `yaml:"max,omitempty" config:"verbatim"`
	Mean   string `yaml:"mean,omitempty" config:"verbatim"`
	Median string `yaml:"median,omitempty" config:"verbatim"`
	Sigma  string `yaml:"sigma,omitempty" config:"verbatim"`
}

// Law is a distribution as numbers. A is the value of a constant, the min of a uniform, the mean of an
// exponential and the median of a log-normal law; B is the max of a uniform law and the sigma of a
// log-normal one, the standard deviation of the natural logarithm, which has no unit.
type Law struct {
	Dist string
	A, B float64
}

// Scaled is the law of the quantity times factor.
func (l Law) Scaled(factor float64) Law {
	l.A *= factor
	if l.Dist == Uniform {
		l.B *= factor
	}
	return l
}

// The laws that a distribution may follow.
const (
	Constant    = "constant"
	Uniform     = "uniform"
	Exponential = "exponential"
	LogNormal   = "lognormal"
)

// lawFields are the parameters of a law in the order of Law's A and B, nil if there is no such law.
func lawFields(dist string) []string {
	switch dist {
	case Constant:
		return []string{"value"}
	case Uniform:
		return []string{"min", "max"}
	case Exponential:
		return []string{"mean"}
	case LogNormal:
		return []string{"median", "sigma"}
	}
	return nil
}

// Seconds is the law of a quantity of time, whose parameters are written as durations. B is in seconds
// too, but for the sigma of a log-normal law.
func (d Distribution) Seconds() (Law, error) {
	return d.law(func(s string) (float64, error) {
		t, err := ParseDuration(s)
		return float64(t) / 1e9, err
	})
}

// Plain is the law of a quantity without a unit.
func (d Distribution) Plain() (Law, error) { return d.law(parseNumber) }

// law joins all errors; each is a *parameterError.
func (d Distribution) law(parse func(string) (float64, error)) (Law, error) {
	var errs []error
	fail := func(field, format string, args ...any) {
		errs = append(errs, &parameterError{field, fmt.Sprintf(format, args...)})
	}
	fields := lawFields(d.Dist)
	if fields == nil {
		fail("dist", "must be constant, uniform, exponential or lognormal, not %q", d.Dist)
		return Law{}, errors.Join(errs...)
	}
	var numbers [2]float64
	for _, p := range d.parameters() {
		at := slices.Index(fields, p.name)
		switch {
		case at < 0 && p.text != "":
			fail(p.name, "is no parameter of the %s distribution", d.Dist)
		case at >= 0 && p.text == "":
			fail(p.name, "required field of the %s distribution is missing", d.Dist)
		case at >= 0:
			read := parse
			if p.name == "sigma" {
				read = parseNumber
			}
			x, err := read(p.text)
			if err == nil && (x < 0 || x == 0 && p.name != "value" && p.name != "min") {
				err = fmt.Errorf("%s is not above zero", p.text)
			}
			if err != nil {
				fail(p.name, "%v", err)
			}
			numbers[at] = x
		}
	}
	law := Law{Dist: d.Dist, A: numbers[0], B: numbers[1]}
	if len(errs) == 0 && d.Dist == Uniform && law.A >= law.B {
		fail("max", "must be above min (%s), not %s", d.Min, d.Max)
	}
	if len(errs) > 0 {
		return Law{}, errors.Join(errs...)
	}
	return law, nil
}

type parameter struct{ name, text string }

func (d Distribution) parameters() []parameter {
	return []parameter{
		{"value", d.Value}, {"min", d.Min}, {"max", d.Max}, {"mean", d.Mean}, {"median", d.Median}, {"sigma", d.Sigma},
	}
}

// parameterError is a fault of one field of a distribution.
type parameterError struct{ field, problem string }

func (e *parameterError) Error() string { return e.field + " " + e.problem }

func parseNumber(s string) (float64, error) {
	x, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsInf(x, 0) || math.IsNaN(x) {
		return 0, fmt.Errorf("%q is not a plain number, such as 48 or 0.7", s)
	}
	return x, nil
}

// Mean is the law's mean; of a log-normal law with median m it is m exp(sigma^2/2).
func (l Law) Mean() float64 {
	switch l.Dist {
	case Uniform:
		return (l.A + l.B) / 2
	case LogNormal:
		return l.A * math.Exp(l.B*l.B/2)
	}
	return l.A
}

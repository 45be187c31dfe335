package config

import "time"

// Figure is a number of a model, an engine, a drive or a machine, with what it rests on. Its unit is part of its value,
// or of the field's name.
type Figure[T any] struct {
	Value  T      `yaml:"value"`
	Basis  string `yaml:"basis"`  // one of Bases
	Source string `yaml:"source"` // where it was published, or how it comes about
}

// Bases are what a figure can rest on, the strongest first.
var Bases = []string{
	BasisMeasured,    // on this part, published by whoever did it
	BasisPublished,   // the maker's own claim
	BasisFitted,      // to measured figures
	BasisTransferred, // measured on another part and taken for this one
	BasisArithmetic,  // follows from other figures
	BasisAssumed,     // nothing is published
}

// The bases of figures.
const (
	BasisMeasured    = "measured"
	BasisPublished   = "published"
	BasisFitted      = "fitted"
	BasisTransferred = "transferred"
	BasisArithmetic  = "arithmetic"
	BasisAssumed     = "assumed"
)

// Calibrated says that the figure was measured, or fitted to what was, or is what the maker vouches for.
func (f Figure[T]) Calibrated() bool {
	return f.Basis == BasisMeasured || f.Basis == BasisPublished || f.Basis == BasisFitted
}

// grounds is what all figures have.
type grounds interface {
	rests() (basis, source string)
	amount() any
}

func (f Figure[T]) rests() (basis, source string) { return f.Basis, f.Source }
func (f Figure[T]) amount() any                   { return f.Value }

// figureBounds are the upper ends of figures by what they count. What a figure is held against in its file is closer.
var figureBounds = []bound{
	{Rate(1e14), "no memory, link or drive moves more"},
	{hostMemory.most, hostMemory.why},
	{Duration(time.Hour), "no step of a machine lasts longer"},
	{1 << 20, "nothing of a machine is counted in more"},
	{1e12, "no figure of a machine is larger in its unit"},
}

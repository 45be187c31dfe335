// Package config reads the YAML files under configs/: stacks, hypotheses, profiles and worlds.
//
// Reading is strict, because a field that is silently ignored is a treatment that never happened: an
// unknown field, a size or duration without its unit, a missing value or a zero where zero would decide
// something is a fault. All faults of a file are reported at once, each with its path and line.
//
// The struct tags are the schema. A field is required, and neither null, zero nor empty, unless its tag
// says otherwise:
//
//	yaml:"x,omitempty"          optional; absent, null and zero all mean not set
//	yaml:"x" config:"null"      the key must be there, its value may be null
//	config:"verbatim"           a scalar kept as it is spelled, because its unit depends on the parent
//
// A required pointer must be there too, and may point at zero or false: somebody has decided.
package config

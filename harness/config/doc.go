// Package config reads the YAML files under configs/: stacks, hypotheses and their gates, plans, profiles and worlds, and the
// models, engines, drives and machines that a simulated machine is made of.
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
// Every number has an upper end, too: in the table bounds, or where its range is checked.
//
// A required pointer must be there too, and may point at zero or false: somebody has decided.
//
// A file may be laid over another one, its base, and then holds only what differs:
//
//	base: ../../configs/hypotheses/h4a.yaml   # relative to this file; the base may have a base
//	run: {reps: 2, duration: 60s}             # mappings merge field by field
//	sweep: {fio: [none, heavy]}               # lists and scalars replace
//	windows: null                             # takes away what need not be there, or an entry of a map
//
// A plan (plans/, -profile) lies over hypotheses: what it says of one is one more file above it, of the fields that say what
// is measured and none of those that decide.
//
// So may a folder be laid over another: its configs.yaml names the folder below (base: ../configs), from which every file is taken
// that it does not hold itself. The gates of all hypotheses stand in the folder's gates.yaml, which lies below the
// block gates of each. What counts, and is saved with a run, is the effective configuration; a fault names
// the file and line that hold it.
package config

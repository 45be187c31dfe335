// Package experiment says what will be done: the effective configuration of a run from files and flags, its cells in
// their order, and what they will take. It knows no rig and no simulator.
package experiment

// Package doctor looks whether a machine, and the servers that are named, have what hypotheses need: before a plan of many
// hours, and by hand.
//
// Each check is one small function over a Machine, which is where all of its inputs come from: files of the kernel, commands,
// a clock, the environment. So each has worlds in tests in which it is well, in which it is not, and in which it cannot be told.
// What cannot be told is unknown, and never ok.
//
// Nothing is changed but for a file without a name in the folder that the user gave (drive.Prove), and nothing is loaded but
// for some prompts to servers that the user named; what is told under load alone needs Needs.Probe.
//
// Thresholds, and versions that were seen good or bad, stand in known.go, each with its public source.
package doctor

// Package regular reads files of which somebody else decides what they are: those that flags and configurations name,
// and those of a results folder. A path may lead to a pipe that nobody writes, to a device without end or to a file
// larger than memory; each is refused with its name before anything waits or is read.
package regular

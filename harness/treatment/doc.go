// Package treatment does to this machine what simrig does to a simulated one, for every rig on real hardware: it runs the real
// fio beside the server, reads a little of the drive as the probe does, and empties the page cache. What it does is noted by
// package restore before, and what it records is what simrig records, so that the same gates judge it.
//
// All its files lie in one folder that carries the harness's mark, below a folder on the drive that the user has named. No
// device is ever opened, and no file that somebody else has made is written.
package treatment

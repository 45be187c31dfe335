// Package runner walks a plan on a rig: it drives the load, watches the machine, treats it and undoes that, and leaves
// each cell's lines in the run's folder. It concludes nothing: after a block it asks whoever opened it how to go on, and for how many blocks not to ask again.
package runner

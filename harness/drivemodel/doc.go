// Package drivemodel measures a real drive with fio for some ten seconds and makes of it a drive of the simulated machine, a file
// of configs/drives, so that what a run on the drive shows can be held against what the queue model makes of it.
//
// The model's own read of a KV loader, 128 KiB and one at a time, takes what the real drive's took on average, less the kernel's CPU
// time, which is the loader's own: the model is run to see that. What a deep queue reaches, and what control groups let through, are the measured ones. What cannot be measured from
// outside (pages, planes, a write cache) is assumed, and says so.
package drivemodel

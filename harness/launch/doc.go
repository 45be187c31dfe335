// Package launch starts servers as a file of configs/servers says, waits until they serve, reads in their logs what they became,
// and stops them with all that they have started. It asks no server anything itself: whoever starts one gives it the probe.
package launch

// Package cpus keeps this process on some of the machine's CPUs, away from those of a server that it measures.
package cpus

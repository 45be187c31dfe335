// Package price says before anything runs what a plan will cost: the machine's time and the bytes written to its drive.
// It is arithmetic on the configuration and on the figures of configs/: the load's own draws against a server in
// miniature (engine.go), KV tiers that know whole prefixes only (tiers.go), and a drive that is a closed network of queues
// (drive.go). It knows no rig, no simulator and none of a world's mechanisms: what it takes the machine for is what the
// figures say.
package price

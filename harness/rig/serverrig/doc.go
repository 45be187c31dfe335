// Package serverrig measures servers that other people wrote and started: each is named by its URL. Cells run one after
// another in real time, against one server a stack that outlives them, on the machine on which the harness runs: its /proc,
// its block device and its GPU are the server's.
package serverrig

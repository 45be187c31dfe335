// Package disk keeps what lies on a disk from being half-written, mixed by two processes, or left behind: files that
// are replaced in one step, locks that say who holds them, and scratch folders that go with their process.
package disk

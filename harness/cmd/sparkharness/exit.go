package main

import (
	"errors"
	"fmt"
)

// Exit statuses. Anything that could not be done is exitError.
const (
	exitError  = 1
	exitFailed = 3 // it was done, and more requests failed than may
)

// exitStatus is that of a command that ended with err, which is not nil.
func exitStatus(err error) int {
	if errors.As(err, new(tooManyFailed)) {
		return exitFailed
	}
	return exitError
}

// tooManyFailed is the end of a load of which more failed than may.
type tooManyFailed struct {
	failed, ended int // measured requests
	most          *float64
	why           string // the first did
	lines         string // the file of the raw lines
}

func (e tooManyFailed) Error() string {
	allowed := "not all"
	if e.most != nil {
		allowed = fmt.Sprintf("a share of %v (--max-failed)", *e.most)
	}
	return fmt.Sprintf("%d of %d measured requests failed, where %s may: %s (the first; the others' reasons are in %s)",
		e.failed, e.ended, allowed, e.why, e.lines)
}

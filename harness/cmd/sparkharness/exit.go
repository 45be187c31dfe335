package main

import (
	"errors"
	"fmt"
)

// Exit statuses beside 0.
const (
	exitFailure = 1 // it could not be done
	exitNotWell = 3 // it was done, and the answer is no
)

// exitStatus is that of a command that ended with err, which is not nil.
func exitStatus(err error) int {
	if signal, interrupted := errors.AsType[asked](err); interrupted {
		return signal.status()
	}
	if errors.As(err, new(tooManyFailed)) || errors.As(err, new(notAsLeft)) {
		return exitNotWell
	}
	return exitFailure
}

// notAsLeft is the end of a look at runs of which some have faults.
type notAsLeft struct{ bad, of int }

func (e notAsLeft) Error() string {
	return fmt.Sprintf("%d of %d runs are not as they were left", e.bad, e.of)
}

// tooManyFailed is the end of a load of which more failed than may.
type tooManyFailed struct {
	failed, ended int // measured requests
	most          *float64
	why           string // the first did
	lines         string // the file of the raw lines, "" for none
}

func (e tooManyFailed) Error() string {
	allowed := "not all"
	if e.most != nil {
		allowed = fmt.Sprintf("a share of %v (--max-failed)", *e.most)
	}
	others := "are in " + e.lines
	if e.lines == "" {
		others = "would be in the lines of --lines FILE"
	}
	return fmt.Sprintf("%d of %d measured requests failed, where %s may: %s (the first; the others' reasons %s)", e.failed, e.ended, allowed, e.why, others)
}

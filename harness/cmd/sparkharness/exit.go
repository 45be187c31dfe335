package main

import (
	"errors"
	"fmt"
)

// Exit statuses beside 0.
const (
	exitFailure = 1  // it could not be done
	exitUsage   = 2  // of doctor: the command line means nothing
	exitNotWell = 3  // it was done, and the answer is no
	exitClass   = 10 // of doctor: the first of its classes, of which something is missing; the others follow
	exitUntold  = 18 // of doctor: something that is needed is unknown
	exitOdd     = 19 // of doctor, where that was asked for: something is odd
)

// exitStatus is that of a command that ended with err, which is not nil.
func exitStatus(err error) int {
	if signal, interrupted := errors.AsType[asked](err); interrupted {
		return signal.status()
	}
	if errors.As(err, new(tooManyFailed)) || errors.As(err, new(notAsLeft)) {
		return exitNotWell
	}
	if l, found := errors.AsType[lacks](err); found {
		return l.status
	}
	if errors.As(err, new(usage)) {
		return exitUsage
	}
	return exitFailure
}

// usage is a command line of which nothing was done.
type usage struct{ error }

func (e usage) Unwrap() error { return e.error }

func asUsage(err error) error {
	if err == nil {
		return nil
	}
	return usage{err}
}

// lacks is the end of a look at a machine that has not all that it needs.
type lacks struct {
	what   string
	status int
}

func (e lacks) Error() string { return e.what }

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

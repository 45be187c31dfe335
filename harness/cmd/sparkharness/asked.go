package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

// asked is why a command ended before its work was done: a signal that asked it to.
type asked struct{ os.Signal }

func (a asked) Error() string { return fmt.Sprintf("interrupted (%v)", a.Signal) }

// status is the exit status that shells give to a process that the signal has ended.
func (a asked) status() int {
	if n, ok := a.Signal.(syscall.Signal); ok {
		return 128 + int(n)
	}
	return 1
}

// oneWish is how long after the first signal others are taken for the same one: timeout(1), make and a shell that
// hangs up send theirs to the process and to its group.
const oneWish = 500 * time.Millisecond

// untilAsked is a context that ends, with an asked as its cause, at the first signal that asks the process to end; a
// second one ends the process at once. It is for what has to end in order: elsewhere a signal ends the process, which
// is prompt, and has written nothing half. A hangup that was ignored when the process began stays so (nohup). Call stop
// when the work is done.
func untilAsked(parent context.Context) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) {
		signal.Notify(signals, syscall.SIGHUP)
	}
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() { watch(signals, done, cancel, os.Exit) })
	return ctx, func() {
		signal.Stop(signals)
		close(done)
		wg.Wait()
		cancel(nil)
	}
}

// watch turns the first signal into the end of a context, and a later one into that of the process, until done.
func watch(signals <-chan os.Signal, done <-chan struct{}, cancel context.CancelCauseFunc, exit func(int)) {
	var first time.Time
	for {
		select {
		case s := <-signals:
			switch {
			case first.IsZero():
				first = time.Now()
				cancel(asked{s})
			case time.Since(first) > oneWish:
				exit(asked{s}.status())
				return
			}
		case <-done:
			return
		}
	}
}

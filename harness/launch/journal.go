package launch

import "context"

// Journal notes what outlives this process if it is killed, so that the next start can end it.
type Journal interface {
	// Begin notes what is about to be started, and calls start, which starts it with the mark. If start fails, what carries the
	// mark is ended. gone is called when it has been stopped: it ends what of it is left.
	Begin(n Noted, start func(Mark) error) (gone func(context.Context) error, err error)
}

// Noted is what is about to be started.
type Noted struct {
	What   string // in a user's words
	Docker string // path of the command that runs it as a container; "" of a process
	GraceS float64
}

// Mark is what tells that which is started from all else on the machine.
type Mark interface {
	// Env is what a process must have in its environment, NAME=value; "" for nothing.
	Env() string
	// Label is what a container must have as its label, name=value; "" for none.
	Label() string
	// Started notes the leader of a process group, by its number and its start. It is called before the leader is waited for.
	Started(pid int) error
}

// NoJournal forgets.
type NoJournal struct{}

// Begin starts.
func (NoJournal) Begin(_ Noted, start func(Mark) error) (func(context.Context) error, error) {
	return func(context.Context) error { return nil }, start(noMark{})
}

type noMark struct{}

func (noMark) Env() string       { return "" }
func (noMark) Label() string     { return "" }
func (noMark) Started(int) error { return nil }

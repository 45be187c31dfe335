package runner

import (
	"fmt"
	"runtime/debug"
)

// PanicError is a panic as an error, so that what has been measured is kept and the machine left as it was.
type PanicError struct {
	Value any
	Stack []byte
}

func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v\n%s", e.Value, e.Stack) }

// Catch calls f; a panic of f is a *PanicError.
func Catch(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &PanicError{v, debug.Stack()}
		}
	}()
	return f()
}

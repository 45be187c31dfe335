package record

import "fmt"

// DamageError says that a file of a run is not what the run left, or cannot have been left by one.
type DamageError struct {
	Path string
	Why  string
}

func (e *DamageError) Error() string { return e.Path + ": " + e.Why }

func damaged(path, format string, args ...any) error {
	return &DamageError{Path: path, Why: fmt.Sprintf(format, args...)}
}

package trace

import (
	"errors"
	"fmt"
	"io"
)

// Check reads the whole file and joins the faults of its lines: the first most of them, one a line, and
// then how many more there are. Each has the form path:line: fault, and a line has at most one.
func Check(path string, most int) error {
	f, err := openFile(path)
	if err != nil {
		return err
	}
	defer f.close()
	var faults []error
	more := 0
	for {
		_, err := f.next()
		if errors.Is(err, io.EOF) {
			break
		}
		var one *fault
		goesOn := err == nil || errors.As(err, &one)
		if err != nil && (len(faults) < most || !goesOn) {
			faults = append(faults, err)
		} else if err != nil {
			more++
		}
		if !goesOn {
			break
		}
	}
	if more > 0 {
		faults = append(faults, fmt.Errorf("and %d more", more))
	}
	return errors.Join(faults...)
}

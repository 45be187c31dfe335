package fio

import (
	"errors"
	"fmt"
)

// CheckProfile refuses a profile that is none, or would not load the drive as Lasting has it.
func CheckProfile(name, text string) error {
	jobs, err := Parse(name+".fio", []byte(text))
	if err == nil {
		err = Lasting(jobs)
	}
	if err != nil {
		return fmt.Errorf("fio profile %q: %w", name, err)
	}
	return nil
}

// Lasting refuses jobs that would not load the drive for as long as a cell lasts, or not show that they do.
func Lasting(jobs []Job) error {
	var errs []error
	for _, j := range jobs {
		if !j.TimeBased || j.Runtime == 0 {
			errs = append(errs, fmt.Errorf("fio job %q would end after one pass over its file: set time_based, and a runtime longer than a cell", j.Name))
		}
		if !j.Thread {
			errs = append(errs, fmt.Errorf("fio job %q would be a process of its own, whose bytes do not show in fio's /proc/<pid>/io: set thread", j.Name))
		}
	}
	return errors.Join(errs...)
}

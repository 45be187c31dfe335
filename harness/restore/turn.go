package restore

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"sparkharness/harness/disk"
)

// Turn is a run's turn to measure: one at a time of a user's on a machine, because two would load what the other measures. It is over
// at its End, or with the process, however that ends.
type Turn struct{ lock *disk.Lock }

// turnFile is the lock of this machine in a folder of journals, which hosts may share. It is named by the boot: that is the same for the
// containers of a machine, whose names are not.
func turnFile(dir string) string {
	name := "measuring"
	if me, _ := disk.OwnerOf(os.Getpid()); me.Boot != "" {
		name += "-" + me.Boot
	}
	return filepath.Join(dir, name+lockSuffix)
}

// TakeTurn takes the turn on this machine in a folder of journals. The error says who has it and what to do.
func TakeTurn(dir string) (*Turn, error) {
	if err := own(dir); err != nil {
		return nil, err
	}
	disk.SweepLocks(dir, "measuring-*"+lockSuffix) // of killed runs before the machine was started anew
	lock, err := disk.Take(turnFile(dir))
	if err != nil {
		return nil, refusedTurn(err)
	}
	return &Turn{lock}, nil
}

// TurnTaken refuses, as TakeTurn would, what another run measures beside. It takes and writes nothing.
func TurnTaken(dir string) error {
	if err := disk.Held(turnFile(dir)); err != nil {
		return refusedTurn(err)
	}
	return nil
}

func refusedTurn(err error) error {
	held := (*disk.HeldError)(nil)
	if !errors.As(err, &held) {
		return fmt.Errorf("one run at a time measures on this machine: %w", err)
	}
	end := "end it"
	if held.By != nil && held.By.Alive() {
		end = fmt.Sprintf("end it in order (kill %d)", held.By.PID)
	}
	return fmt.Errorf("another run measures on this machine (%w), and each would load what the other measures: wait until it has ended, or %s", held, end)
}

// End gives the turn back. It may be called twice, and of none.
func (t *Turn) End() error {
	if t == nil || t.lock == nil {
		return nil
	}
	lock := t.lock
	t.lock = nil
	return lock.Release()
}

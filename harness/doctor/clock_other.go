//go:build !linux

package doctor

import (
	"errors"
	"time"
)

func synced() (bool, time.Duration, error) {
	return false, 0, errors.New("it is told on Linux only")
}

package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

const (
	liveEvery  = time.Second      // to a terminal
	quietEvery = 10 * time.Second // to anything else
)

// live says how far a load is while it goes on.
type live struct {
	out   io.Writer
	every time.Duration
	// inPlace writes each line over the one before.
	inPlace bool
}

// liveOn is once a second in one line of a terminal, and a line now and then elsewhere.
func liveOn(out io.Writer) live {
	if f, ok := out.(*os.File); ok {
		if st, err := f.Stat(); err == nil && st.Mode()&os.ModeCharDevice != 0 {
			return live{out, liveEvery, true}
		}
	}
	return live{out: out, every: quietEvery}
}

// start begins to say it; stop ends that and waits for it.
func (l live) start(say func() string) (stop func()) {
	began := time.Now()
	ended := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		ticker := time.NewTicker(l.every)
		defer ticker.Stop()
		written := false
		for {
			select {
			case <-ended:
				if written && l.inPlace {
					fmt.Fprintln(l.out)
				}
				return
			case <-ticker.C:
				line := fmt.Sprintf("%.0f s  %s", time.Since(began).Seconds(), say())
				written = true
				if l.inPlace {
					fmt.Fprintf(l.out, "\r\x1b[K%s", line)
					continue
				}
				fmt.Fprintln(l.out, line)
			}
		}
	})
	return func() {
		close(ended)
		wg.Wait()
	}
}

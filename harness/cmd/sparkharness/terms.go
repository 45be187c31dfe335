package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"
)

const (
	// loadLimit is longer than any trace at any time scale: a replay ends with its trace.
	loadLimit = 100 * 365 * 24 * time.Hour
	// longestTimeout is that of a hypothesis's requests, too: nobody waits longer than a day.
	longestTimeout = 24 * time.Hour
)

// terms are what holds for the requests of a load, and for its end to be a good one.
type terms struct {
	warmup  time.Duration
	timeout time.Duration
	share   float64
	// mostFailed is the share of the measured requests that may fail; nil: any but all of them.
	mostFailed *float64
}

// exitHelp is what the help of a command with terms says of its exit status, past being interrupted; done is its work.
func exitHelp(done string) string {
	return fmt.Sprintf(`Exit status:
  0  %[1]s, and no more requests failed than may
  1  it was not, or not to its end; the message says why
  3  %[1]s, but more of the measured requests failed (time limits included) than the share --max-failed;
     without --max-failed, if all of them did`, done)
}

func (t *terms) flags(cmd *cobra.Command, warmup time.Duration, warm string) {
	f := cmd.Flags()
	f.DurationVar(&t.warmup, "warmup", warmup, warm)
	f.DurationVar(&t.timeout, "timeout", 10*time.Minute, "time limit of a request, from when it was due")
	f.Float64Var(&t.share, "max-failed", 0, "`share` of the measured requests, from 0 to 1, that may fail for the exit status to be 0 (default: any but all)")
}

// settle takes what was said on the command line.
func (t *terms) settle(cmd *cobra.Command) {
	if cmd.Flags().Changed("max-failed") {
		t.mostFailed = &t.share
	}
}

func (t *terms) check() error {
	if t.warmup < 0 || t.warmup > loadLimit {
		return fmt.Errorf("--warmup %v: at least 0 and at most %v is needed", t.warmup, loadLimit)
	}
	if t.timeout <= 0 || t.timeout > longestTimeout {
		return fmt.Errorf("--timeout %v: above 0 and at most %v is needed", t.timeout, longestTimeout)
	}
	if most := t.mostFailed; most != nil && !(*most >= 0 && *most <= 1) {
		return fmt.Errorf("--max-failed %v: a share from 0 to 1 is needed, such as 0.01", *most)
	}
	return nil
}

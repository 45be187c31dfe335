package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"sparkharness/harness/regular"
)

// Events of a run's log.
const (
	EventBegin   = "begin"   // an execution of the plan begins
	EventPlan    = "plan"    // plan.json is about to be written with this sum
	EventCell    = "cell"    // a cell is complete; its cell.json has this sum
	EventTaken   = "taken"   // a complete cell of another run has been copied; its cell.json has this sum
	EventDamaged = "damaged" // a complete cell was found to be damaged or gone, and is measured again
	EventEnd     = "end"

	// A complete cell failed a gate that looks at nothing of the outcome; it was put aside with this cell.json, and is
	// measured again.
	EventQuarantined = "quarantined"
)

// Why an execution ended, in its last line. A plan that ended early says so itself.
const (
	EndPlanned     = "all that was planned"
	EndInterrupted = "interrupted"
	EndCellFailed  = "a cell failed"
	EndGivenUp     = "it could not be brought to its end" // a rule broke, or nothing could be written
)

// Concluded says that the line is the end of an execution that had nothing left to do.
func (a Attempt) Concluded() bool {
	return a.Event == EventEnd && a.Why != EndInterrupted && a.Why != EndCellFailed && a.Why != EndGivenUp
}

// Attempt is one line of attempts.jsonl, the log of what was done to a run's folder. It is only ever appended to, and
// each line holds the sum of the line before it, so that what was done before something else cannot be taken back without a trace; a
// log that is cut off at its end looks like that of a run that was killed there. Unlike all else it holds times of the wall clock.
type Attempt struct {
	Time    time.Time `json:"time"`
	Attempt int       `json:"attempt"` // number of the execution, from 1
	Event   string    `json:"event"`
	Cell    string    `json:"cell,omitempty"`
	SHA256  string    `json:"sha256,omitempty"`  // at the end that of manifest.json
	Commit  string    `json:"commit,omitempty"`  // of the program, at the begin
	Program *Program  `json:"program,omitempty"` // at the begin
	Why     string    `json:"why,omitempty"`
	Origin  *Origin   `json:"origin,omitempty"` // run that a cell which is taken over was measured in
	// Torn is set by the line after one that a crash has cut off.
	Torn bool   `json:"torn,omitempty"`
	Prev string `json:"prev"` // SHA-256 of the line before, its newline included; "" in the first
}

// Origin is the run that a cell was measured in.
type Origin struct {
	RunID  string `json:"run_id"`
	Digest string `json:"config_digest"`
}

// Log appends to attempts.jsonl. Safe for concurrent use.
type Log struct {
	mu      sync.Mutex
	f       *os.File
	prev    string
	torn    bool
	attempt int
}

// OpenLog continues the log of a run's folder, or begins it: what is appended belongs to a new attempt.
func OpenLog(dir string) (*Log, error) {
	path := filepath.Join(dir, FileAttempts)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	l := &Log{f: f, attempt: 1}
	known, err := readAttempts(dir) // which refuses what is no file
	if err == nil {
		l.prev, l.torn = known.last, known.torn
		for _, a := range known.lines {
			l.attempt = max(l.attempt, a.Attempt+1)
		}
		if known.torn {
			_, err = f.WriteString(cutOff)
		}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return l, nil
}

// Append writes a line with the present time; it is on the disk when Append returns.
func (l *Log) Append(a Attempt) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	a.Time, a.Attempt, a.Prev, a.Torn = time.Now().UTC(), l.attempt, l.prev, l.torn
	b, err := json.Marshal(a)
	if err != nil {
		return fmt.Errorf("encode a line of %s: %w", FileAttempts, err)
	}
	b = append(b, '\n')
	if _, err := l.f.Write(b); err != nil {
		return fmt.Errorf("log of the run: %w", err)
	}
	l.prev, l.torn = sumBytes(b), false
	return l.f.Sync()
}

// Complete tells of a cell that has been sealed in a folder.
func (l *Log) Complete(cell, folder string) error {
	sum, err := SumFile(filepath.Join(folder, FileCell))
	if err != nil {
		return err
	}
	return l.Append(Attempt{Event: EventCell, Cell: cell, SHA256: sum.SHA256})
}

// TakenOver tells of a cell of another run that has been copied into a folder.
func (l *Log) TakenOver(cell, folder string, from Origin) error {
	sum, err := SumFile(filepath.Join(folder, FileCell))
	if err != nil {
		return err
	}
	return l.Append(Attempt{Event: EventTaken, Cell: cell, SHA256: sum.SHA256, Origin: &from})
}

// Close closes the file.
func (l *Log) Close() error { return l.f.Close() }

// cutOff ends a line that a crash has cut off. Behind it no line is one of a log, also not one that lacked its end only.
const cutOff = " # cut off\n"

// attempts are a log as it is read.
type attempts struct {
	lines []Attempt
	last  string // sum of the last line
	torn  bool   // it ends in the middle of a line
}

// readAttempts reads a log and makes sure that no line of it is missing; a run without one has an empty log.
func readAttempts(dir string) (*attempts, error) {
	path := filepath.Join(dir, FileAttempts)
	b, err := regular.Read(path, maxPlan) // a line a cell, shorter than the plan has
	if errors.Is(err, fs.ErrNotExist) {
		return &attempts{}, nil
	}
	if err != nil {
		return nil, err
	}
	return parseAttempts(path, b)
}

func parseAttempts(path string, b []byte) (*attempts, error) {
	out := &attempts{}
	n := 0
	for line := range bytes.Lines(b) {
		n++
		var a Attempt
		if err := json.Unmarshal(line, &a); err != nil || line[len(line)-1] != '\n' {
			if out.torn {
				return nil, damaged(path, "line %d is not one of a log", n-1)
			}
			out.torn = true // a crash; the next line has to say so
			continue
		}
		switch {
		case a.Torn != out.torn:
			return nil, damaged(path, "line %d: a line before it has been changed", n)
		case a.Prev != out.last:
			return nil, damaged(path, "line %d does not follow the line before it: the log has been changed", n)
		}
		out.lines, out.last, out.torn = append(out.lines, a), sumBytes(line), false
	}
	return out, nil
}

// carriedOut says that the plan with this sum is the last one. The log knows of a plan before it is in its place: until
// anything has been done by the new one, it may be one before.
func (l *attempts) carriedOut(sum string) bool {
	done := false
	for _, a := range slices.Backward(l.lines) {
		switch a.Event {
		case EventPlan:
			if a.SHA256 == sum || done {
				return a.SHA256 == sum
			}
		case EventCell, EventTaken:
			done = true
		case EventEnd:
			done = done || a.Concluded() // any other may be because the plan could not be written
		}
	}
	return false
}

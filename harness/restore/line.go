package restore

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"sparkharness/harness/disk"
	"sparkharness/harness/regular"
)

// Events of a journal.
const (
	eventBegun   = "begun"   // the first line: who writes the journal
	eventDoing   = "doing"   // an entry, before it is acted on
	eventStarted = "started" // the number of a process, which nobody knows before
	eventUndone  = "undone"
)

// line is one line of a journal.
type line struct {
	Event  string      `json:"event"`
	At     time.Time   `json:"at"`
	ID     int         `json:"id,omitempty"` // of the entry, from 1
	Owner  *disk.Owner `json:"owner,omitempty"`
	Entry  *Entry      `json:"entry,omitempty"`
	Leader *disk.Owner `json:"leader,omitempty"`
}

// mostJournal bounds a journal, bytes: one of a long run has some hundred lines of some hundred bytes.
const mostJournal = 64 << 20

// left is what a journal says is not undone.
type left struct {
	owner   *disk.Owner // nil: not even the first line is whole
	entries []noted     // in the order in which they were done
	damaged []int       // lines that are none
}

// noted is an entry of a journal.
type noted struct {
	id int
	Entry
}

// readJournal reads a journal to its end. What follows the last line end was being written when its process died: what it
// announced has not been done, and what it says was undone is undone once more.
func readJournal(path string) (l left, err error) {
	text, err := regular.Read(path, mostJournal)
	if err != nil {
		return l, fmt.Errorf("read journal: %w", err)
	}
	r := bufio.NewReader(bytes.NewReader(text))
	for n := 1; ; n++ {
		b, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return l, nil
		}
		if !l.add(b) {
			l.damaged = append(l.damaged, n)
		}
	}
}

// add takes a line; false if it is none, or does not follow.
func (l *left) add(b []byte) bool {
	var ln line
	if json.Unmarshal(b, &ln) != nil {
		return false
	}
	at := -1
	for i := range l.entries {
		if l.entries[i].id == ln.ID {
			at = i
		}
	}
	switch {
	case ln.Event == eventBegun && ln.Owner != nil:
		l.owner = ln.Owner
	case ln.Event == eventDoing && ln.Entry != nil && at < 0:
		l.entries = append(l.entries, noted{ln.ID, *ln.Entry})
	case ln.Event == eventStarted && at >= 0 && ln.Leader != nil:
		l.entries[at].Leader = ln.Leader
	case ln.Event == eventUndone && at >= 0:
		l.entries = append(l.entries[:at], l.entries[at+1:]...)
	default:
		return ln.Event == eventUndone
	}
	return true
}

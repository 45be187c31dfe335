package treatment

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
)

// stream takes what fio prints with --output-format=json and --status-interval: JSON documents one after another, each with the
// sums since fio's start, and lines of notes before and between them. Each document is handed on as it is complete.
type stream struct {
	each func(*document)

	mu    sync.Mutex
	line  []byte // that has no end yet
	doc   []byte // under way; empty between documents
	depth int
	text  bool // inside a string of the document
	slash bool // behind a backslash there
	notes tail
	fault error // the first document that is none
}

// mostDocument bounds one document, bytes: one of 200 jobs that are not grouped has a megabyte.
const mostDocument = 16 << 20

// Write takes a piece of any length. It never fails, so that fio is not stopped by a fault of its own.
func (s *stream) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range p {
		s.add(b)
	}
	return len(p), nil
}

func (s *stream) add(b byte) {
	if s.depth == 0 {
		switch {
		case b == '{' && len(bytes.TrimSpace(s.line)) == 0:
			s.line, s.doc, s.depth = s.line[:0], append(s.doc[:0], b), 1
		case b == '\n':
			_, _ = s.notes.Write(append(s.line, b))
			s.line = s.line[:0]
		case len(s.line) < maxTail:
			s.line = append(s.line, b)
		}
		return
	}
	if len(s.doc) < mostDocument {
		s.doc = append(s.doc, b)
	}
	switch {
	case s.slash:
		s.slash = false
	case s.text && b == '\\':
		s.slash = true
	case b == '"':
		s.text = !s.text
	case s.text:
	case b == '{':
		s.depth++
	case b == '}':
		if s.depth--; s.depth == 0 {
			s.complete()
		}
	}
}

func (s *stream) complete() {
	d := &document{}
	if err := json.Unmarshal(s.doc, d); err != nil {
		if s.fault == nil {
			s.fault = fmt.Errorf("fio's figures cannot be read: %w", err)
		}
		return
	}
	s.each(d)
}

// end says what is wrong with all that was printed: nil if each document was whole.
func (s *stream) end() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fault == nil && s.depth > 0 {
		return fmt.Errorf("fio's last figures are cut off")
	}
	return s.fault
}

// said are the last notes.
func (s *stream) said() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.notes.String() + string(s.line)
}

// maxTail bounds what is kept of what a program has said, bytes.
const maxTail = 4 << 10

// tail keeps the end of what is written.
type tail struct {
	mu sync.Mutex
	b  []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = append(t.b, p...)
	if over := len(t.b) - maxTail; over > 0 {
		t.b = append(t.b[:0], t.b[over:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.b)
}

// oneLine is the last lines of texts that say something, in one.
func oneLine(texts ...string) string {
	var out []string
	for _, text := range texts {
		for line := range strings.Lines(text) {
			if line = strings.TrimSpace(line); line != "" {
				out = append(out, line)
			}
		}
	}
	if len(out) > 3 {
		out = out[len(out)-3:]
	}
	if len(out) == 0 {
		return "it said nothing"
	}
	return fmt.Sprintf("it said %.300q", strings.Join(out, "; "))
}

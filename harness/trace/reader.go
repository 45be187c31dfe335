package trace

import (
	"io"
	"math"
	"time"
)

// Reader reads a trace's requests one at a time. Its memory is that of one line, plus a count for each
// block if sessions are chosen. Not safe for concurrent use.
type Reader struct {
	file     *file
	o        Options
	sessions *sessions // nil where all are kept
	read     int
	leftOut  int
}

// OpenWith reads a trace, or what the options choose of it. To keep a share of the sessions it reads the file twice.
func OpenWith(path string, o Options) (*Reader, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	var s *sessions
	if o.Sessions < 1 {
		if s, err = countSessions(path); err != nil {
			return nil, err
		}
	}
	return open(path, o, s)
}

func open(path string, o Options, s *sessions) (*Reader, error) {
	f, err := openFile(path)
	if err != nil {
		return nil, err
	}
	return &Reader{file: f, o: o, sessions: s}, nil
}

// Next is the next request, or io.EOF after the last. The error of a faulty line names path and line.
func (r *Reader) Next() (Request, error) {
	for {
		if r.o.Limit > 0 && r.read == r.o.Limit {
			return Request{}, io.EOF
		}
		req, err := r.file.next()
		if err != nil {
			return Request{}, err
		}
		if r.o.Sessions < 1 && !keeps(r.o.Seed, r.sessions.key(req), r.o.Sessions) {
			continue
		}
		if r.o.MaxInput > 0 && req.Input > r.o.MaxInput {
			r.leftOut++
			continue
		}
		req.At = time.Duration(math.Round(float64(req.At.Microseconds())*r.o.TimeScale)) * time.Microsecond
		r.read++
		return req, nil
	}
}

// LeftOut is how many requests so far had prompts longer than Options.MaxInput.
func (r *Reader) LeftOut() int { return r.leftOut }

// Close closes the file.
func (r *Reader) Close() error { return r.file.close() }

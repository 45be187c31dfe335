package load

// A cell reads millions of chunks of a few shapes, and encoding/json would take most of the time of a
// run. scanner reads those shapes without allocating. It is exact or silent: on anything unusual (a
// known field of another type or given twice, a field name that is not plain lower case and so might match
// case-insensitively, a number that is not a short count, deep nesting, a syntax error) it gives up and
// decodeChunk decides.
type scanner struct {
	b []byte
	i int
	// Where the last text that is not empty stands between its quotes, and how many there are.
	from, to, texts int
}

// chunk reads a chunk; ok is false if it must be decoded instead.
func (s *scanner) chunk() (c chunk, ok bool) {
	c.usage = noUsage
	if !s.open('{') {
		return c, false
	}
	var seen fields
	for first := true; ; first = false {
		key, st := s.member(first)
		if st == odd {
			return c, false
		}
		if st == closed {
			break
		}
		switch string(key) {
		case "choices":
			ok = seen.once(0) && s.choices(&c)
		case "usage":
			ok = seen.once(1) && (s.null() || s.usage(&c.usage))
		case "object":
			text, plain := s.text()
			ok = seen.once(2) && plain && string(text) != "error"
		case "error", "nvext":
			ok = s.null()
		case "timings":
			ok = seen.once(3) && (s.null() || s.timings(&c))
		default:
			ok = s.skip(0)
		}
		if !ok {
			return c, false
		}
	}
	s.space()
	return c, s.i == len(s.b) && seen.has(0)
}

func (s *scanner) choices(c *chunk) bool {
	if !s.open('[') {
		return false
	}
	for first := true; ; first = false {
		switch s.element(first) {
		case odd:
			return false
		case closed:
			return true
		}
		if !s.open('{') || !s.choice(c) {
			return false
		}
	}
}

func (s *scanner) choice(c *chunk) bool {
	var seen fields
	for first := true; ; first = false {
		key, st := s.member(first)
		if st != more {
			return st == closed
		}
		ok := false
		switch string(key) {
		case "text":
			ok = seen.once(0) && s.words(&c.text)
		case "finish_reason":
			ok = seen.once(1) && s.filled(&c.finish)
		case "delta":
			ok = seen.once(2) && s.open('{') && s.delta(c)
		default:
			ok = s.skip(0)
		}
		if !ok {
			return false
		}
	}
}

func (s *scanner) delta(c *chunk) bool {
	var seen fields
	for first := true; ; first = false {
		key, st := s.member(first)
		if st != more {
			return st == closed
		}
		ok := false
		switch string(key) {
		case "content":
			ok = seen.once(0) && s.words(&c.text)
		case "reasoning_content":
			ok = seen.once(1) && s.words(&c.text)
		case "reasoning":
			ok = seen.once(2) && s.words(&c.text)
		default:
			ok = s.skip(0)
		}
		if !ok {
			return false
		}
	}
}

func (s *scanner) timings(c *chunk) bool {
	if !s.open('{') {
		return false
	}
	var seen fields
	for first := true; ; first = false {
		key, st := s.member(first)
		if st != more {
			return st == closed
		}
		ok := false
		switch string(key) {
		case "cache_n":
			n := -1
			ok = seen.once(0) && s.count(&n)
			if n >= 0 {
				c.reused, c.hasReused = n, true
			}
		case "prompt_ms": // no whole number, and of the last chunk alone
			return false
		default:
			ok = s.skip(0)
		}
		if !ok {
			return false
		}
	}
}

func (s *scanner) usage(u *usage) bool {
	if !s.open('{') {
		return false
	}
	var seen fields
	for first := true; ; first = false {
		key, st := s.member(first)
		if st != more {
			return st == closed
		}
		ok := false
		switch string(key) {
		case "prompt_tokens":
			ok = seen.once(0) && s.count(&u.prompt)
		case "completion_tokens":
			ok = seen.once(1) && s.count(&u.output)
		case "prompt_tokens_details":
			ok = seen.once(2) && (s.null() || s.details(u))
		default:
			ok = s.skip(0)
		}
		if !ok {
			return false
		}
	}
}

func (s *scanner) details(u *usage) bool {
	if !s.open('{') {
		return false
	}
	var seen fields
	for first := true; ; first = false {
		key, st := s.member(first)
		if st != more {
			return st == closed
		}
		ok := false
		if string(key) == "cached_tokens" {
			ok = seen.once(0) && s.count(&u.cached)
		} else {
			ok = s.skip(0)
		}
		if !ok {
			return false
		}
	}
}

// filled reads a string or null and sets *v if there is text in it.
func (s *scanner) filled(v *bool) bool {
	if s.null() {
		return true
	}
	raw, ok := s.str()
	*v = *v || len(raw) > 0
	return ok
}

// words is filled for what the model says, and notes where it stands.
func (s *scanner) words(v *bool) bool {
	start := s.i + 1
	if s.null() {
		return true
	}
	raw, ok := s.str()
	if len(raw) > 0 {
		*v = true
		s.from, s.to = start, start+len(raw)
		s.texts++
	}
	return ok
}

// count reads a whole number of at most nine digits.
func (s *scanner) count(v *int) bool {
	if s.null() {
		return true
	}
	start, n := s.i, 0
	for s.i < len(s.b) && s.i-start < 10 && s.b[s.i]-'0' < 10 {
		n = n*10 + int(s.b[s.i]-'0')
		s.i++
	}
	digits := s.i - start
	if digits == 0 || digits > 9 || digits > 1 && s.b[start] == '0' {
		return false
	}
	if s.i < len(s.b) {
		switch s.b[s.i] {
		case '.', 'e', 'E':
			return false
		}
	}
	*v = n
	return true
}

// fields remembers which known fields of an object were seen.
type fields uint8

func (f *fields) once(bit int) bool {
	was := f.has(bit)
	*f |= 1 << bit
	return !was
}

func (f fields) has(bit int) bool { return f&(1<<bit) != 0 }

package load

// state is where a container stands after a member or an element.
type state uint8

const (
	odd    state = iota // not what the fast path knows
	more                // a value follows
	closed              // the container ended
)

func (s *scanner) space() {
	for s.i < len(s.b) {
		switch s.b[s.i] {
		case ' ', '\t', '\r', '\n':
			s.i++
		default:
			return
		}
	}
}

// open takes the opening byte of a container.
func (s *scanner) open(c byte) bool {
	s.space()
	if s.i < len(s.b) && s.b[s.i] == c {
		s.i++
		return true
	}
	return false
}

// element moves to the next element of an array, or past its end.
func (s *scanner) element(first bool) state { return s.item(first, ']') }

func (s *scanner) item(first bool, end byte) state {
	s.space()
	if s.i == len(s.b) {
		return odd
	}
	if s.b[s.i] == end {
		s.i++
		return closed
	}
	if !first {
		if s.b[s.i] != ',' {
			return odd
		}
		s.i++
		s.space()
		if s.i == len(s.b) || s.b[s.i] == end {
			return odd
		}
	}
	return more
}

// member moves to the value of the next member of an object, or past its end. A name with anything but
// lower case ASCII letters, digits and '_' is odd.
func (s *scanner) member(first bool) (key []byte, st state) {
	if st = s.item(first, '}'); st != more {
		return nil, st
	}
	if s.b[s.i] != '"' {
		return nil, odd
	}
	start := s.i + 1
	for s.i = start; s.i < len(s.b); s.i++ {
		c := s.b[s.i]
		if c-'a' < 26 || c == '_' || c-'0' < 10 {
			continue
		}
		if c != '"' {
			break
		}
		key = s.b[start:s.i]
		s.i++
		return key, s.colon()
	}
	return nil, odd
}

func (s *scanner) colon() state {
	s.space()
	if s.i == len(s.b) || s.b[s.i] != ':' {
		return odd
	}
	s.i++
	s.space()
	return more
}

// null takes a null.
func (s *scanner) null() bool { return s.word("null") }

func (s *scanner) word(w string) bool {
	if len(s.b)-s.i >= len(w) && string(s.b[s.i:s.i+len(w)]) == w {
		s.i += len(w)
		return true
	}
	return false
}

// plain are the bytes that stand for themselves inside a JSON string.
var plain = func() (t [256]bool) {
	for c := range t {
		t[c] = c >= 0x20 && c != '"' && c != '\\'
	}
	return t
}()

// str takes a string and returns what stands between its quotes, escapes as they are.
func (s *scanner) str() (raw []byte, ok bool) {
	if s.i == len(s.b) || s.b[s.i] != '"' {
		return nil, false
	}
	start := s.i + 1
	b := s.b
	for i := start; i < len(b); {
		switch c := b[i]; {
		case plain[c]:
			i++
		case c == '"':
			s.i = i + 1
			return b[start:i], true
		case c == '\\':
			n := escape(b[i+1:])
			if n == 0 {
				return nil, false
			}
			i += 1 + n
		default:
			return nil, false
		}
	}
	return nil, false
}

// text takes a string without escapes.
func (s *scanner) text() (raw []byte, ok bool) {
	raw, ok = s.str()
	for _, c := range raw {
		if c == '\\' {
			return nil, false
		}
	}
	return raw, ok
}

// escape is the length of the escape whose backslash stands before b, 0 if it is none.
func escape(b []byte) int {
	if len(b) == 0 {
		return 0
	}
	switch b[0] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 1
	case 'u':
		if len(b) < 5 {
			return 0
		}
		for _, c := range b[1:5] {
			if c-'0' >= 10 && c|0x20-'a' >= 6 {
				return 0
			}
		}
		return 5
	}
	return 0
}

// maxDepth is the nesting of ignored values that the fast path follows.
const maxDepth = 8

// skip takes any value, checking its syntax.
func (s *scanner) skip(depth int) bool {
	if s.i == len(s.b) || depth > maxDepth {
		return false
	}
	switch s.b[s.i] {
	case '"':
		_, ok := s.str()
		return ok
	case 'n':
		return s.word("null")
	case 't':
		return s.word("true")
	case 'f':
		return s.word("false")
	case '[':
		s.i++
		for first := true; ; first = false {
			if st := s.element(first); st != more {
				return st == closed
			}
			if !s.skip(depth + 1) {
				return false
			}
		}
	case '{':
		s.i++
		for first := true; ; first = false {
			if st := s.item(first, '}'); st != more {
				return st == closed
			}
			if _, ok := s.str(); !ok || s.colon() != more || !s.skip(depth+1) {
				return false
			}
		}
	default:
		return s.number()
	}
}

// number takes a number.
func (s *scanner) number() bool {
	if s.i < len(s.b) && s.b[s.i] == '-' {
		s.i++
	}
	switch {
	case s.i == len(s.b):
		return false
	case s.b[s.i] == '0':
		s.i++
	case !s.digits():
		return false
	}
	if s.i < len(s.b) && s.b[s.i] == '.' {
		s.i++
		if !s.digits() {
			return false
		}
	}
	if s.i < len(s.b) && s.b[s.i]|0x20 == 'e' {
		s.i++
		if s.i < len(s.b) && (s.b[s.i] == '+' || s.b[s.i] == '-') {
			s.i++
		}
		return s.digits()
	}
	return true
}

func (s *scanner) digits() bool {
	start := s.i
	for s.i < len(s.b) && s.b[s.i]-'0' < 10 {
		s.i++
	}
	return s.i > start
}

package sim

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// cutPrompt takes the prompt, nearly all of a body, out of it: encoding/json looks at every byte of a
// string five times when it stands in a type of its own. rest is the body with null in its place. It is
// exact or silent: ok is false for a body in which anything but strings without escapes stands before the
// prompt, or which could name a prompt a second time, or whose prompt has an escape of a code point.
func cutPrompt(body []byte) (rest []byte, prompt string, ok bool) {
	at, ok := promptAt(body)
	if !ok {
		return nil, "", false
	}
	end := stringEnd(body[at:])
	if end < 0 {
		return nil, "", false
	}
	end += at
	after := body[end:]
	// What follows may name the prompt in any case, and in escapes.
	if bytes.IndexByte(after, '\\') >= 0 || bytes.Contains(bytes.ToLower(after), []byte("prompt")) {
		return nil, "", false
	}
	if prompt, ok = unquote(body[at+1 : end-1]); !ok {
		return nil, "", false
	}
	rest = make([]byte, 0, at+len("null")+len(after))
	return append(append(append(rest, body[:at]...), "null"...), after...), prompt, true
}

// promptAt is where the value of prompt begins, a string.
func promptAt(body []byte) (at int, ok bool) {
	if len(body) == 0 || body[0] != '{' {
		return 0, false
	}
	for i := 1; ; i++ { // past the brace, or the comma
		key := stringEnd(body[i:])
		if key < 0 || i+key+1 >= len(body) || body[i+key] != ':' {
			return 0, false
		}
		name := body[i+1 : i+key-1]
		i += key + 1
		if string(name) == "prompt" {
			return i, body[i] == '"'
		}
		if bytes.IndexByte(name, '\\') >= 0 || strings.EqualFold(string(name), "prompt") {
			return 0, false
		}
		value := stringEnd(body[i:])
		if value < 0 {
			return 0, false
		}
		if i += value; i == len(body) || body[i] != ',' {
			return 0, false
		}
	}
}

// stringEnd is the length of the JSON string that b begins with, its quotes included; -1 if there is none.
func stringEnd(b []byte) int {
	if len(b) == 0 || b[0] != '"' {
		return -1
	}
	for i := 1; i < len(b); {
		switch n := bytes.IndexByte(b[i:], '"'); {
		case n < 0:
			return -1
		case !escaped(b[1 : i+n]):
			return i + n + 1
		default:
			i += n + 1
		}
	}
	return -1
}

// escaped reports whether what follows b is escaped: an odd number of backslashes ends it.
func escaped(b []byte) bool {
	n := len(b)
	for n > 0 && b[n-1] == '\\' {
		n--
	}
	return (len(b)-n)%2 == 1
}

// meant is what a character means after a backslash, 0 if that takes more to say.
var meant = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// unquote is the text of a JSON string without its quotes.
func unquote(raw []byte) (string, bool) {
	if !utf8.Valid(raw) {
		return "", false
	}
	var text strings.Builder
	text.Grow(len(raw))
	from := 0
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case c < ' ':
			return "", false
		case c == '\\':
			text.Write(raw[from:i])
			i++
			if i == len(raw) || meant[raw[i]] == 0 {
				return "", false
			}
			text.WriteByte(meant[raw[i]])
			from = i + 1
		}
	}
	text.Write(raw[from:])
	return text.String(), true
}

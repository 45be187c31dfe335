package sim

import (
	"bytes"
	"encoding/json"
	"iter"
	"slices"
	"unicode/utf8"
)

// member is a name and a value of a JSON object, the value as it was sent. encoding/json knows neither which of
// several members of a name came, nor in what case; the real servers tell both.
type member struct {
	name  string
	value []byte
}

type memberList []member

// find returns the member of a name, nil if there is none.
func (l memberList) find(name string) *member {
	if i := slices.IndexFunc(l, func(m member) bool { return m.name == name }); i >= 0 {
		return &l[i]
	}
	return nil
}

// mostUnknown bounds how many unknown names are told.
const mostUnknown = 8

// once returns the members of an object that are known, each name once, and the names of others.
func once(object []byte, as reading, known func(name string) bool) (list memberList, unknown []string, bad *refusal) {
	for name, value := range members(object) {
		if !known(name) {
			if len(unknown) < mostUnknown {
				unknown = append(unknown, name)
			}
			continue
		}
		if m := list.find(name); m == nil {
			list = append(list, member{name, value})
		} else if bad := as.repeated(name); bad != nil {
			return nil, nil, bad
		} else {
			m.value = value
		}
	}
	return list, unknown, nil
}

// members are those of an object in valid JSON, in order; none of any other value.
func members(object []byte) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		items('{', object, func(item []byte) bool {
			end := stringEnd(item)
			return yield(plain(item[:end]), trim(trim(item[end:])[1:])) // behind the colon
		})
	}
}

// elements are the values of an array in valid JSON; none of any other value.
func elements(array []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) { items('[', array, yield) }
}

// items are what stands between the commas of an object or an array in valid JSON, without the space around it.
func items(open byte, all []byte, yield func([]byte) bool) {
	all = trim(all)
	if len(all) == 0 || all[0] != open {
		return
	}
	for rest := trim(all[1 : len(all)-1]); len(rest) > 0; {
		end, depth := 0, 0
		for ; end < len(rest) && (depth > 0 || rest[end] != ','); end++ {
			switch rest[end] {
			case '"':
				end += stringEnd(rest[end:]) - 1
			case '{', '[':
				depth++
			case '}', ']':
				depth--
			}
		}
		if !yield(trim(rest[:end])) {
			return
		}
		rest = trim(rest[min(end+1, len(rest)):])
	}
}

func trim(b []byte) []byte { return bytes.Trim(b, " \t\r\n") }

// plain is the text of a JSON string that is valid.
func plain(quoted []byte) string {
	if inner := quoted[1 : len(quoted)-1]; bytes.IndexByte(inner, '\\') < 0 && utf8.Valid(inner) {
		return string(inner)
	}
	var s string
	_ = json.Unmarshal(quoted, &s)
	return s
}

// halfPair reports whether a JSON string has an escape of half a surrogate pair, which is no character.
func halfPair(quoted []byte) bool {
	half := func(i int) (high, low bool) { // the escape at i
		if len(quoted) < i+6 || quoted[i] != '\\' || quoted[i+1] != 'u' || quoted[i+2]|0x20 != 'd' {
			return false, false
		}
		digit := quoted[i+3] | 0x20
		return digit == '8' || digit == '9' || digit == 'a' || digit == 'b', digit >= 'c' && digit <= 'f'
	}
	for i := bytes.IndexByte(quoted, '\\'); i >= 0 && i < len(quoted); i++ {
		if quoted[i] != '\\' {
			continue
		}
		switch high, low := half(i); {
		case low:
			return true
		case high:
			if _, low := half(i + 6); !low {
				return true
			}
			i += 11
		default:
			i++ // past what is escaped
		}
	}
	return false
}

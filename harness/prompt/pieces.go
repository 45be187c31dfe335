package prompt

import "math"

// encodeASCII is Encode for text of ASCII alone, in a tenth of the time: each request brings lines of its
// own, and the regular expression took a twentieth of a run. ok is false for other text. A fuzz test holds
// it to tiktoken.
func encodeASCII(ranks map[string]int, text string) (ids []int, ok bool) {
	for i := range len(text) {
		if text[i] >= 0x80 {
			return nil, false
		}
	}
	ids = make([]int, 0, len(text)/3+1)
	for len(text) > 0 {
		n := piece(text)
		if id, whole := ranks[text[:n]]; whole {
			ids = append(ids, id)
		} else {
			ids = mergePairs(ranks, ids, text[:n])
		}
		text = text[n:]
	}
	return ids, true
}

// class of an ASCII character in splitPattern.
type class uint8

const (
	other class = iota
	letter
	number
	blank // white space that ends no line
	breaks
)

var classes = func() (t [0x80]class) {
	for c := range t {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z':
			t[c] = letter
		case c >= '0' && c <= '9':
			t[c] = number
		case c == '\r', c == '\n':
			t[c] = breaks
		case c == ' ', c == '\t', c == '\v', c == '\f':
			t[c] = blank
		}
	}
	return t
}()

// piece is the length of the first match of splitPattern in ASCII text that is not empty. The cases are the
// pattern's alternatives, in its order.
func piece(s string) int {
	if n := contraction(s); n > 0 {
		return n
	}
	first := classes[s[0]]
	switch {
	case first == letter:
		return run(s, 1, letter)
	case first != number && first != breaks && len(s) > 1 && classes[s[1]] == letter:
		return run(s, 2, letter)
	case first == number:
		return min(3, run(s, 1, number))
	case first == other:
		return run(s, run(s, 1, other), breaks)
	case s[0] == ' ' && len(s) > 1 && classes[s[1]] == other:
		return run(s, run(s, 2, other), breaks)
	}
	end, last := 0, 0 // of the white space, and behind its last line break
	for end < len(s) && classes[s[end]] >= blank {
		end++
		if classes[s[end-1]] == breaks {
			last = end
		}
	}
	switch {
	case last > 0:
		return last
	case end < len(s) && end > 1:
		return end - 1 // the last blank belongs to the word behind it
	}
	return end
}

// run is the end of the characters of a class that start at from.
func run(s string, from int, c class) int {
	for from < len(s) && classes[s[from]] == c {
		from++
	}
	return from
}

// contraction is the length of 's, 't, 're, 've, 'm, 'll or 'd at the start, in either case; 0 if there is
// none.
func contraction(s string) int {
	if s[0] != '\'' || len(s) < 2 {
		return 0
	}
	a := s[1] | 0x20
	switch a {
	case 's', 't', 'm', 'd':
		if classes[s[1]] == letter {
			return 2
		}
	case 'r', 'v', 'l':
		want := byte('e')
		if a == 'l' {
			want = 'l'
		}
		if classes[s[1]] == letter && len(s) > 2 && s[2]|0x20 == want && classes[s[2]] == letter {
			return 3
		}
	}
	return 0
}

// mergePairs appends the tokens of a piece that is none itself: byte-pair encoding, which merges the
// neighbours that make the token of the lowest rank, the leftmost of several, as long as any do.
func mergePairs(ranks map[string]int, ids []int, s string) []int {
	starts := make([]int, len(s)+1) // of the parts, and the end
	for i := range starts {
		starts[i] = i
	}
	// pair is the rank of part i together with the next one.
	pair := func(i int) int {
		if i+2 < len(starts) {
			if r, ok := ranks[s[starts[i]:starts[i+2]]]; ok {
				return r
			}
		}
		return math.MaxInt
	}
	pairs := make([]int, len(s))
	for i := range pairs {
		pairs[i] = pair(i)
	}
	for {
		best := 0
		for i, r := range pairs {
			if r < pairs[best] {
				best = i
			}
		}
		if pairs[best] == math.MaxInt {
			break
		}
		starts = append(starts[:best+1], starts[best+2:]...)
		pairs = append(pairs[:best+1], pairs[best+2:]...)
		pairs[best] = pair(best)
		if best > 0 {
			pairs[best-1] = pair(best - 1)
		}
	}
	for i := range pairs {
		ids = append(ids, ranks[s[starts[i]:starts[i+1]]])
	}
	return ids
}

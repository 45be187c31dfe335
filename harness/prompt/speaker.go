package prompt

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
)

// speaker turns phrases into text for one report. A phrase has slots in braces. A slot is, in this
// order, a name that the report has bound (the service it is about), a draw, or the name of a rule in
// phrases, one alternative of which takes its place. The draws are
//
//	{#lo-hi}   a whole number, both ends included
//	{.lo-hi}   a number with one decimal
//	{hex}      eight hexadecimal digits
//	{clock}    the report's time of day, which moves on by some minutes at each draw
//	{stamp}    the same with milliseconds, moving on by some seconds
type speaker struct {
	rng     *rand.Rand
	bound   map[string]string
	seconds int // time of day
}

// newSpeaker draws from rng, and starts at some time of day.
func newSpeaker(rng *rand.Rand) *speaker {
	return &speaker{rng: rng, bound: map[string]string{}, seconds: rng.IntN(86400)}
}

// bind fixes what a slot of this name is for the rest of the report.
func (s *speaker) bind(name, phrase string) { s.bound[name] = s.say(phrase) }

// say expands the phrase.
func (s *speaker) say(phrase string) string {
	var b strings.Builder
	s.expand(&b, phrase)
	return b.String()
}

func (s *speaker) expand(b *strings.Builder, phrase string) {
	for {
		before, rest, ok := strings.Cut(phrase, "{")
		b.WriteString(before)
		if !ok {
			return
		}
		slot, after, _ := strings.Cut(rest, "}")
		s.fill(b, slot)
		phrase = after
	}
}

func (s *speaker) fill(b *strings.Builder, slot string) {
	if text, ok := s.bound[slot]; ok {
		b.WriteString(text)
		return
	}
	switch {
	case slot == "clock":
		s.seconds += 60 * (1 + s.rng.IntN(6))
		fmt.Fprintf(b, "%02d:%02d", s.seconds/3600%24, s.seconds/60%60)
	case slot == "stamp":
		s.seconds += s.rng.IntN(40)
		fmt.Fprintf(b, "%02d:%02d:%02d.%03d", s.seconds/3600%24, s.seconds/60%60, s.seconds%60, s.rng.IntN(1000))
	case slot == "hex":
		fmt.Fprintf(b, "%08x", s.rng.Uint32())
	case slot[0] == '#':
		lo, hi := bounds(slot)
		b.WriteString(strconv.Itoa(lo + s.rng.IntN(hi-lo+1)))
	case slot[0] == '.':
		lo, hi := bounds(slot)
		tenths := 10*lo + s.rng.IntN(10*(hi-lo)+1)
		fmt.Fprintf(b, "%d.%d", tenths/10, tenths%10)
	default:
		rule := phrases[slot]
		s.expand(b, rule[s.rng.IntN(len(rule))])
	}
}

// bounds reads the two numbers of a draw. The phrases are fixed text, checked by a test, so a fault in
// one is a programming error.
func bounds(slot string) (lo, hi int) {
	if _, err := fmt.Sscanf(slot[1:], "%d-%d", &lo, &hi); err != nil || hi < lo {
		panic(fmt.Sprintf("prompt: bad draw {%s}", slot))
	}
	return lo, hi
}

// sentence is the expanded phrase with its first letter in upper case.
func (s *speaker) sentence(phrase string) string {
	text := s.say(phrase)
	return strings.ToUpper(text[:1]) + text[1:]
}

package prompt

import (
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var (
	slotPattern = regexp.MustCompile(`\{([^{}]*)\}`)
	drawPattern = regexp.MustCompile(`^[#.]\d+-\d+$`)
)

func TestPhrasesAreWellFormed(t *testing.T) {
	given := []string{"svc", "dep", "client", "owner", "cause", "clock", "stamp", "hex"}
	for rule, alternatives := range phrases {
		assert.NotContains(t, given, rule, "a rule hides behind a bound slot")
		seen := map[string]bool{}
		for _, phrase := range alternatives {
			for _, m := range slotPattern.FindAllStringSubmatch(phrase, -1) {
				slot := m[1]
				switch {
				case drawPattern.MatchString(slot):
					assert.NotPanics(t, func() { bounds(slot) }, "%s: %q", rule, phrase)
				case slices.Contains(given, slot):
				default:
					assert.Contains(t, phrases, slot, "%s: %q", rule, phrase)
				}
			}
			assert.NotRegexp(t, `[{}]`, slotPattern.ReplaceAllString(phrase, ""), "%s: %q", rule, phrase)
			assert.NotRegexp(t, `^ | $|  |\.$`, phrase, "%s: %q", rule, phrase)
			// These two rules weigh one alternative double.
			assert.False(t, seen[phrase] && rule != "team" && rule != "effect", "%s: %q comes twice", rule, phrase)
			seen[phrase] = true
		}
	}
}

// A rule that reaches itself would expand without end; a rule that nothing reaches is dead text.
func TestPhrasesEndAndAreUsed(t *testing.T) {
	const active, done = 1, 2
	state := map[string]int{}
	var visit func(rule string)
	visit = func(rule string) {
		require.NotEqual(t, active, state[rule], "%s reaches itself", rule)
		if state[rule] == done {
			return
		}
		state[rule] = active
		for _, phrase := range phrases[rule] {
			for _, m := range slotPattern.FindAllStringSubmatch(phrase, -1) {
				if _, ok := phrases[m[1]]; ok {
					visit(m[1])
				}
			}
		}
		state[rule] = done
	}
	roots := []string{"noun", "kind", "role", "fault", "symptom", "status", "scope", "detector", "summary", "hypothesis", "reason"}
	for _, s := range sections {
		roots = append(roots, s.entry)
	}
	for _, rule := range roots {
		require.Contains(t, phrases, rule)
		visit(rule)
	}
	for _, s := range sections {
		assert.GreaterOrEqual(t, len(phrases[s.entry]), s.most, "%s: a form for each entry", s.title)
	}
	assert.Len(t, state, len(phrases), "every rule is used")
}

func TestSpeaker(t *testing.T) {
	s := newSpeaker(rand.New(rand.NewPCG(1, 1)))
	s.bind("svc", "{noun}-{kind}")
	assert.Equal(t, s.say("{svc}"), s.say("{svc}"), "a bound slot stays")
	assert.Equal(t, "No slot", s.sentence("no slot"))
	low, high := false, false
	for range 400 {
		n := s.say("{#3-5}")
		assert.Contains(t, []string{"3", "4", "5"}, n)
		low, high = low || n == "3", high || n == "5"
		assert.Regexp(t, `^[01]\.\d$`, s.say("{.0-1}"))
	}
	assert.True(t, low && high, "both ends come up")
	assert.Regexp(t, `^[0-9a-f]{8}$`, s.say("{hex}"))

	s.seconds = 23*3600 + 59*60 + 50
	assert.Regexp(t, `^00:0[0-6]$`, s.say("{clock}"), "the day wraps")
	assert.Regexp(t, `^\d\d:\d\d:\d\d\.\d{3}$`, s.say("{stamp}"))
}

func TestWrap(t *testing.T) {
	word := strings.Repeat("w", 79)
	for name, tc := range map[string]struct {
		text string
		want []string
	}{
		"short":         {"a b", []string{"a b\n"}},
		"exactly wide":  {word + " " + word + "x", []string{word + " " + word + "x\n"}},
		"one too wide":  {word + " " + word + "xy", []string{word + "\n", word + "xy\n"}},
		"space at edge": {word + " " + word + "x z", []string{word + " " + word + "x\n", "z\n"}},
	} {
		assert.Equal(t, tc.want, wrap(tc.text), name)
	}
}

package prompt

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// lineWidth is the most bytes in a line of prose, its '\n' not counted.
const lineWidth = 160

// section is one part of a report: a title and between least and most entries, each by the rule named
// entry and after its mark (a time, a number, a dash).
type section struct {
	title       string
	entry       string
	mark        func(s *speaker, i int) string
	least, most int
}

var sections = []section{
	{"Timeline", "event", func(s *speaker, _ int) string { return s.say("{clock} ") }, 7, 12},
	{"Alerts", "alert", func(s *speaker, _ int) string { return s.say("{clock} ") }, 2, 5},
	{"Hypotheses", "claim", func(_ *speaker, i int) string { return fmt.Sprintf("H%d. ", i+1) }, 2, 4},
	{"Log excerpt", "log", func(s *speaker, _ int) string { return s.say("{stamp} ") }, 5, 10},
	{"Actions", "action", func(*speaker, int) string { return "- " }, 3, 6},
	{"Runbook", "step", func(_ *speaker, i int) string { return fmt.Sprintf("%d. ", i+1) }, 4, 7},
	{"Analysis", "analysis", func(*speaker, int) string { return "" }, 2, 4},
	{"Follow-up", "followup", func(*speaker, int) string { return "- " }, 2, 5},
}

// reportLines is one incident report as lines, each ended by '\n' and of at most lineWidth bytes. Reports
// differ in what they are about, in which sections they have and in what those say.
func reportLines(rng *rand.Rand) []string {
	s := newSpeaker(rng)
	// One report is about one service and its neighbours; without this the entries would not belong together.
	s.bind("svc", "{noun}-{kind}")
	s.bind("dep", "{noun}-{kind}")
	s.bind("client", "{noun}-{kind}")
	s.bind("owner", "the {role}")
	s.bind("cause", "{fault}")

	lines := wrap(s.say("# Incident {#1000-9999}: {symptom} in {svc}"))
	lines = append(lines, wrap(s.say("Severity {#1-4}, {status}; owner: {owner}; {scope}; detected by {detector}."))...)
	lines = append(lines, wrap(s.paragraph("summary", 2+rng.IntN(3)))...)
	for _, sec := range sections {
		if rng.IntN(6) == 0 {
			continue
		}
		lines = append(lines, "## "+sec.title+"\n")
		n := sec.least + rng.IntN(sec.most-sec.least+1)
		for i, form := range s.forms(sec.entry, n) {
			text := sec.mark(s, i) + s.entry(sec.entry, form)
			lines = append(lines, wrap(text)...)
		}
	}
	return append(lines, "\n")
}

// forms are n different alternatives of the rule, so that no two entries of a section are alike. The
// rule has at least n.
func (s *speaker) forms(rule string, n int) []string {
	alternatives := phrases[rule]
	forms := make([]string, n)
	for i, k := range s.rng.Perm(len(alternatives))[:n] {
		forms[i] = alternatives[k]
	}
	return forms
}

// entry is one entry of a section in the given form: a log record as it is, prose as sentences.
func (s *speaker) entry(rule, form string) string {
	switch rule {
	case "log":
		return s.say(form)
	case "claim": // and what speaks for and against it
		return s.sentence(form+".") + " " + s.paragraph("hypothesis", 1+s.rng.IntN(3))
	case "analysis":
		return s.sentence(form+".") + " " + s.paragraph("reason", 1+s.rng.IntN(3))
	}
	return s.sentence(form + ".")
}

// paragraph is n sentences of different forms of the rule.
func (s *speaker) paragraph(rule string, n int) string {
	sentences := s.forms(rule, n)
	for i, form := range sentences {
		sentences[i] = s.sentence(form + ".")
	}
	return strings.Join(sentences, " ")
}

// wrap breaks text at spaces into lines of at most lineWidth bytes, each ended by '\n'. Words are
// shorter than that.
func wrap(text string) []string {
	var lines []string
	for len(text) > lineWidth {
		// A break after the width's last byte still gives a line of lineWidth.
		at := strings.LastIndexByte(text[:lineWidth+1], ' ')
		if at < 0 {
			break
		}
		lines = append(lines, text[:at]+"\n")
		text = text[at+1:]
	}
	return append(lines, text+"\n")
}

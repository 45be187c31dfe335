package sim

import "strings"

// RecallQuestion is the one question that the simulated model understands, as a prompt's last words: it then begins its
// answer with the first line of the text, as any real model can that has read it. It says what its KV says: where that is
// another prompt's, the answer is other words.
const RecallQuestion = "Its first line, word for word, is:"

// recalls is the first line of a prompt that asks for it; "" for any other prompt, and where the line could not stand in
// JSON as it is.
func (c *completion) recalls(p promptField) string {
	text, last := p.text, p.text
	if n := len(c.Messages); n > 0 {
		text = c.Messages[0].Content
		last = c.Messages[n-1].Content
	}
	if !strings.HasSuffix(last, RecallQuestion) {
		return ""
	}
	line, _, _ := strings.Cut(text, "\n")
	if !isPlainID(line) {
		return ""
	}
	return line
}

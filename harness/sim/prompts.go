package sim

import (
	"bytes"
	"encoding/json"
	"strings"
)

// promptField is a prompt as text or as token ids.
type promptField struct {
	text string
	ids  []uint32
}

// mostSequences is how many answers one request may ask for, over all its prompts: Dynamo's bound
// (lib/llm/src/protocols/openai/validate.rs, MAX_TOTAL_CHOICES). That the other servers have the same is assumed.
const mostSequences = 128

// setPrompt takes a text, a list of token ids, or a list of either: several prompts, each of which is answered.
func (c *completion) setPrompt(m member, as reading) *refusal {
	if m.value[0] != '[' {
		bad := read(as, m, kindText, &c.Prompt.text)
		if bad != nil && m.value[0] != '"' {
			return as.wrong(m, kindPrompt)
		}
		return bad
	}
	inner := trim(m.value[1:])[0]
	if inner != '"' && inner != '[' {
		if json.Unmarshal(m.value, &c.Prompt.ids) != nil {
			return as.wrong(m, kindPrompt)
		}
		return nil
	}
	var all []promptField
	for element := range elements(m.value) {
		var p promptField
		switch {
		case element[0] != inner || halfPair(element):
			return as.wrong(m, kindPrompt)
		case inner == '"':
			p.text = plain(element)
		case json.Unmarshal(element, &p.ids) != nil:
			return as.wrong(m, kindPrompt)
		}
		if all = append(all, p); len(all) > mostSequences {
			break // refused later, whatever follows
		}
	}
	c.Prompt, c.further = all[0], all[1:]
	return nil
}

// prompts are what a request asks to be completed: one, or those of a list.
func (c *completion) prompts() []promptField {
	if c.chat {
		return []promptField{{text: c.chatText()}}
	}
	return append([]promptField{c.Prompt}, c.further...)
}

// chatText is a chat as one text; the template's own tokens are not modelled.
func (c *completion) chatText() string {
	if len(c.Messages) == 1 {
		return c.Messages[0].Content
	}
	var all strings.Builder
	for _, m := range c.Messages {
		all.WriteString(m.Content)
	}
	return all.String()
}

// tokens returns the prompt as token ids.
func (p promptField) tokens(tokenize func(string) []uint32) []uint32 {
	if len(p.ids) > 0 {
		return p.ids
	}
	defer among(len(p.text))()
	return tokenize(p.text)
}

// quoted is a text as JSON without its quotes.
func quoted(text string) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(text) // no string fails
	return b.String()[1 : b.Len()-2]
}

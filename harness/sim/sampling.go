package sim

import (
	"encoding/json"
	"fmt"
	"slices"
)

// sampling is what a request asks of its answers beside their length. A simulated model draws nothing: of this it has
// the number of answers alone, and the rest is checked as the real servers do, or refused where an answer of ours would
// not be what was asked for. Log probabilities that are asked for are null in the answer: nothing computes them.
type sampling struct {
	N           *int64 // answers to each prompt
	BestOf      *int64
	Logprobs    *int64 // of a completion
	TopLogprobs *int64 // of a chat
	Frequency   *float64
	Presence    *float64
	Echo        bool // a completion begins with its prompt
	Suffix      string
	Beams       bool
	Stop        []string
	format      string // type of response_format
	tool        bool   // a tool has to be called
}

// answers is how many there are to each prompt.
func (s *sampling) answers() int64 {
	if s.N == nil {
		return 1
	}
	return *s.N
}

// setSampling takes a member of it; taken is false for another one.
func (c *completion) setSampling(m member, as reading) (taken bool, _ *refusal) {
	switch m.name {
	case "n":
		return true, read(as, m, kindSmall, &c.N)
	case "best_of":
		return true, read(as, m, kindSmall, &c.BestOf)
	case "top_logprobs":
		return true, read(as, m, kindSmall, &c.TopLogprobs)
	case "frequency_penalty":
		return true, read(as, m, kindNumber, &c.Frequency)
	case "presence_penalty":
		return true, read(as, m, kindNumber, &c.Presence)
	case "use_beam_search":
		return true, read(as, m, kindSwitch, &c.Beams)
	case "echo":
		return true, read(as, m, kindSwitch, &c.Echo)
	case "logprobs":
		if c.chat {
			return true, pass(m, kindSwitch, as)
		}
		return true, read(as, m, kindSmall, &c.Logprobs)
	case "suffix":
		if string(m.value) == "null" {
			return true, nil
		}
		return true, read(as, m, kindText, &c.Suffix)
	case "stop":
		return true, c.setStop(m, as)
	case "response_format":
		return true, c.setFormat(m, as)
	case "tool_choice":
		word := ""
		if m.value[0] == '"' {
			word = plain(m.value)
		}
		c.tool = word == "required" || m.value[0] == '{'
		return true, nil
	}
	return false, nil
}

// setStop takes a text or a list of texts.
func (c *completion) setStop(m member, as reading) *refusal {
	switch m.value[0] {
	case 'n':
		return nil
	case '[':
		var ids []uint32
		if _, dynamo := as.(serde); dynamo && trim(m.value[1:])[0] != ']' && json.Unmarshal(m.value, &ids) == nil {
			return nil // an answer is words, and ends at no id
		}
		c.Stop = []string{}
		for element := range elements(m.value) {
			var s string
			if bad := read(as, member{m.name, element}, kindStop, &s); bad != nil {
				return bad
			}
			c.Stop = append(c.Stop, s)
		}
		return nil
	}
	c.Stop = []string{""}
	return read(as, m, kindStop, &c.Stop[0])
}

// setFormat takes the type of a response_format.
func (c *completion) setFormat(m member, as reading) *refusal {
	if string(m.value) == "null" {
		return nil
	}
	if m.value[0] != '{' {
		return as.wrong(m, kindObject)
	}
	for name, value := range members(m.value) {
		if name == "type" {
			return read(as, member{"response_format.type", value}, kindText, &c.format)
		}
	}
	return as.missing("response_format.type")
}

// unsimulated says why a request cannot be answered here though the real servers could; "" if it can. text is what the
// prompts were sent as.
func (c *completion) unsimulated() string {
	total := c.answers() * int64(1+len(c.further))
	switch {
	case total > mostSequences:
		return fmt.Sprintf("Total choices (batch_size × n = %d × %d = %d) exceeds maximum of %d",
			1+len(c.further), c.answers(), total, mostSequences)
	case total > 1 && int64(c.MaxTokens) > mostTokens/total:
		return fmt.Sprintf("%d choices of %d tokens are more than the %d tokens that one request may ask for", total, c.MaxTokens, mostTokens)
	case c.BestOf != nil && *c.BestOf > c.answers():
		return fmt.Sprintf("best_of (%d) above n (%d) is not supported: this simulated model has no best answer", *c.BestOf, c.answers())
	case c.Beams:
		return "use_beam_search is not supported by this simulated server"
	case c.Suffix != "":
		return "suffix is not supported"
	case c.format != "" && c.format != "text":
		return fmt.Sprintf("response_format of type %q is not supported: this simulated model writes words alone", c.format)
	case c.tool:
		return "tool_choice that requires a call is not supported: this simulated model calls no tool"
	case c.Echo && !c.chat && slices.ContainsFunc(c.prompts(), func(p promptField) bool { return p.ids != nil }):
		return "echo of token ids is not supported: this simulated model has no words for them"
	}
	for _, stop := range c.Stop {
		if canSay(stop) {
			return fmt.Sprintf("stop %q is not supported: this simulated model may say it, and would not stop", stop)
		}
	}
	return ""
}

// canSay reports whether an answer can contain a text: whether words in some order can. A recalled line is left out.
func canSay(text string) bool {
	if text == "" {
		return false
	}
	type place struct{ word, at int }
	var places []place
	for w := range words {
		for at := range words[w] {
			places = append(places, place{w, at})
		}
	}
	for _, b := range []byte(text) {
		var next []place
		begins := false // some word has ended: any may follow
		for _, p := range places {
			switch {
			case words[p.word][p.at] != b:
			case p.at+1 < len(words[p.word]):
				next = append(next, place{p.word, p.at + 1})
			case !begins:
				begins = true
				for w := range words {
					next = append(next, place{w, 0})
				}
			}
		}
		if len(next) == 0 {
			return false
		}
		places = next
	}
	return true
}

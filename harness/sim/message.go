package sim

import (
	"strconv"
	"strings"
)

// chatMessage is one message of a chat.
type chatMessage struct{ Role, Content string }

// setMessages takes the texts of a chat. Both servers take more members of a message, which change no count here.
// Content in parts is the text of the parts, a line each, as trtllm-serve and vLLM hand it to a template of texts.
func (c *completion) setMessages(m member, as reading) *refusal {
	if m.value[0] != '[' {
		return as.wrong(m, kindList)
	}
	for element := range elements(m.value) {
		message, bad := newMessage(element, as)
		if bad != nil {
			return bad
		}
		c.Messages = append(c.Messages, message)
	}
	return nil
}

func newMessage(element []byte, as reading) (m chatMessage, bad *refusal) {
	if element[0] != '{' {
		return m, as.wrong(member{"messages", element}, kindObject)
	}
	list, _, bad := once(element, as, func(name string) bool { return name == "role" || name == "content" })
	if bad != nil {
		return m, bad
	}
	role, content := list.find("role"), list.find("content")
	if role == nil {
		return m, as.missing("role")
	}
	if bad := read(as, *role, kindText, &m.Role); bad != nil {
		return m, bad
	}
	needed, bad := as.role(m.Role)
	switch {
	case bad != nil:
		return m, bad
	case content == nil && needed:
		return m, as.missing("content")
	case content == nil, string(content.value) == "null" && !needed:
		return m, nil
	}
	if content.value[0] == '[' {
		m.Content, bad = partsText(*content, as)
		return m, bad
	}
	return m, read(as, *content, kindContent, &m.Content)
}

// partsText is the text of content in parts. A part that is no text is refused: this machine has no encoder of pictures
// or sound.
func partsText(content member, as reading) (string, *refusal) {
	var texts []string
	for part := range elements(content.value) {
		var list memberList
		if part[0] == '{' {
			for name, value := range members(part) {
				list = append(list, member{name, value})
			}
		}
		kind, text := list.find("type"), list.find("text")
		switch {
		case kind == nil || kind.value[0] != '"':
			return "", as.wrong(content, kindContent)
		case plain(kind.value) != "text":
			return "", as.unsupported("content of type " + strconv.Quote(plain(kind.value)) + " is not supported: the simulated model reads text alone")
		case text == nil || text.value[0] != '"' || halfPair(text.value):
			return "", as.wrong(content, kindContent)
		}
		texts = append(texts, plain(text.value))
	}
	return strings.Join(texts, "\n"), nil
}

package sim

// chatMessage is one message of a chat.
type chatMessage struct{ Role, Content string }

// setMessages takes the texts of a chat. Both servers take more members of a message, which change no count here.
// Content in parts is not simulated.
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
	return m, read(as, *content, kindText, &m.Content)
}

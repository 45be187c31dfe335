package sim

import (
	"encoding/json"
	"net/http"
	"strings"
)

// completion is the part of an OpenAI completion or chat request that the simulated servers use. Other fields are
// refused: those that the real server does not know either, and those that would ask for what is not simulated.
type completion struct {
	Model         string
	Prompt        promptField
	Messages      []chatMessage
	MaxTokens     int // settled from the next two; 16 without, the default of OpenAI's completions
	maxTokens     *int64
	maxCompletion *int64
	MinTokens     int64
	IgnoreEOS     bool
	Temperature   *float64
	TopP          *float64
	Seed          int64
	Stream        bool
	StreamOptions *streamOptions
	NvExt         *nvext       // Dynamo only
	LoRA          *loraRequest // trtllm-serve only

	chat    bool
	adapter string // name of the adapter that LoRA stands for, set by the server
}

// promptField is a prompt as text or as token ids.
type promptField struct {
	text string
	ids  []uint32
}

// decodeCompletion reads and checks the body of a request as one of the servers does.
func decodeCompletion(w http.ResponseWriter, r *http.Request, chat bool, as reading) (*completion, *refusal) {
	var c *completion
	bad := withBody(w, r, as, func(body []byte) (bad *refusal) {
		c, bad = decodeBody(body, chat, as)
		return bad
	})
	return c, bad
}

func decodeBody(body []byte, chat bool, as reading) (*completion, *refusal) {
	if rest, prompt, cut := cutPrompt(body); cut {
		if c, bad := decodeRest(rest, &prompt, chat, as); bad == nil {
			return c, nil
		}
	}
	return decodeRest(body, nil, chat, as) // an error is about what was sent
}

// decodeRest decodes a body; the prompt is given if it has been cut out.
func decodeRest(body []byte, prompt *string, chat bool, as reading) (*completion, *refusal) {
	if bad := as.check(body); bad != nil {
		return nil, bad
	}
	body = trim(body)
	if body[0] != '{' {
		return nil, as.wrong(member{value: body}, kindObject)
	}
	c := &completion{chat: chat}
	input := "prompt"
	if chat {
		input = "messages"
	}
	list, unknown, bad := once(body, as, func(name string) bool { return as.knows(name, chat) })
	if bad != nil {
		return nil, bad
	}
	for _, name := range []string{"model", input} {
		if list.find(name) == nil {
			return nil, as.missing(name)
		}
	}
	for _, m := range list {
		if m.name == "prompt" && prompt != nil {
			c.Prompt.text = *prompt
		} else if bad := c.set(m, as); bad != nil {
			return nil, bad
		}
	}
	if len(unknown) > 0 {
		return nil, as.unknown(unknown)
	}
	if bad := as.finish(c); bad != nil {
		return nil, bad
	}
	return c, nil
}

// set takes a member that the server knows.
func (c *completion) set(m member, as reading) *refusal {
	switch m.name {
	case "model":
		return read(as, m, kindText, &c.Model)
	case "prompt":
		return c.setPrompt(m, as)
	case "messages":
		return c.setMessages(m, as)
	case "max_tokens":
		return read(as, m, kindCount, &c.maxTokens)
	case "max_completion_tokens":
		return read(as, m, kindCount, &c.maxCompletion)
	case "min_tokens":
		return read(as, m, kindCount, &c.MinTokens)
	case "ignore_eos":
		return read(as, m, kindSwitch, &c.IgnoreEOS)
	case "temperature":
		return read(as, m, kindNumber, &c.Temperature)
	case "top_p":
		return read(as, m, kindNumber, &c.TopP)
	case "seed":
		return read(as, m, kindInteger, &c.Seed)
	case "stream":
		return read(as, m, kindSwitch, &c.Stream)
	}
	return c.setObject(m, as)
}

func (c *completion) setPrompt(m member, as reading) *refusal {
	if m.value[0] != '[' {
		bad := read(as, m, kindText, &c.Prompt.text)
		if bad != nil && m.value[0] != '"' {
			return as.wrong(m, kindPrompt)
		}
		return bad
	}
	if json.Unmarshal(m.value, &c.Prompt.ids) != nil { // one prompt: several in one request are not simulated
		return as.wrong(m, kindPrompt)
	}
	return nil
}

// settle sets the number of tokens that are asked for, which the server has checked.
func (c *completion) settle(tokens *int64) {
	c.MaxTokens = 16
	if tokens != nil {
		c.MaxTokens = int(*tokens)
	}
}

// tokens returns the prompt as token ids. A chat is flattened; the template's own tokens are not
// modelled.
func (c *completion) tokens(tokenize func(string) []uint32) []uint32 {
	long := len(c.Prompt.text)
	for _, m := range c.Messages {
		long += len(m.Content)
	}
	defer among(long)()
	if len(c.Prompt.ids) > 0 {
		return c.Prompt.ids
	}
	if len(c.Messages) == 0 {
		return tokenize(c.Prompt.text)
	}
	if len(c.Messages) == 1 {
		return tokenize(c.Messages[0].Content)
	}
	var all strings.Builder
	for _, m := range c.Messages {
		all.WriteString(m.Content)
	}
	return tokenize(all.String())
}

package sim

import "net/http"

// completion is the part of an OpenAI completion or chat request that the simulated servers use. Of other fields those
// that the real server takes and that change nothing here are passed over (idle.go); what the real server does not know
// it refuses or ignores, and what would ask for something that is not simulated is refused.
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
	Salt          string       // of the keys of its KV
	sampling

	further []promptField // after the first, of a list
	chat    bool
	adapter string // name of the adapter that LoRA, or in vLLM the model, stands for, set by the server
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
			if bad := as.missing(name); bad != nil {
				return nil, bad
			}
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
		if bad := as.unknown(unknown); bad != nil {
			return nil, bad
		}
	}
	if bad := as.finish(c); bad != nil {
		return nil, bad
	}
	if what := c.unsimulated(); what != "" {
		return nil, as.unsupported(what)
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
	case "cache_salt":
		if string(m.value) == "null" {
			return nil
		}
		return read(as, m, kindText, &c.Salt)
	}
	if taken, bad := c.setSampling(m, as); taken {
		return bad
	}
	if want, idle := as.idle(m.name, c.chat); idle {
		return pass(m, want, as)
	}
	return c.setObject(m, as)
}

// settle sets the number of tokens that are asked for, which the server has checked.
func (c *completion) settle(tokens *int64) {
	c.MaxTokens = 16
	if tokens != nil {
		c.MaxTokens = int(*tokens)
	}
}

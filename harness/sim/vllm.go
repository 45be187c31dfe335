package sim

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
)

// vllm speaks the dialect of vLLM's OpenAI server (0.31), as far as it is read in its source, started with
// --enable-prompt-tokens-details. It only changes words: scheduler, tiers and costs stay those of the stack that it
// stands before, TensorRT-LLM's or whichever engine that names.
type vllm struct {
	m      *Machine
	model  string
	quoted string // as JSON
	ids    atomic.Int64

	mu       sync.Mutex
	resolved []string // adapters that requests have named, in the order of their first ones
}

func newVLLM(m *Machine) http.Handler {
	s := &vllm{m: m, model: m.spec.Model.Served}
	s.quoted = strconv.Quote(s.model)
	card := func() map[string]any {
		card := modelCard(s.model, "vllm")
		card["root"], card["parent"], card["max_model_len"] = s.model, nil, m.spec.MaxSequenceTokens()
		return card
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	mux.HandleFunc("GET /version", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string]string{"version": "sparkharness-sim"})
	})
	mux.HandleFunc("GET /v1/models", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, modelList(append([]any{card()}, s.adapterCards()...)...))
	})
	mux.HandleFunc("GET /v1/models/{id...}", func(w http.ResponseWriter, r *http.Request) {
		if id := r.PathValue("id"); id != s.model {
			s.unknownModel(id).send(w)
			return
		}
		writeJSON(w, http.StatusOK, card())
	})
	mux.HandleFunc("POST /v1/completions", func(w http.ResponseWriter, r *http.Request) { s.complete(w, r, false) })
	mux.HandleFunc("POST /v1/chat/completions", func(w http.ResponseWriter, r *http.Request) { s.complete(w, r, true) })
	mux.HandleFunc("GET /metrics", s.metrics)
	return mux
}

// resolve says whether a request that names a model is for an adapter, which its resolver of folders finds when it is first named.
func (s *vllm) resolve(model string) bool {
	if !s.m.spec.LoRA.has(model) {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Contains(s.resolved, model) {
		s.resolved = append(s.resolved, model)
	}
	return true
}

// adapterCards are what is told of adapters that have been resolved.
func (s *vllm) adapterCards() (out []any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, name := range s.resolved {
		card := modelCard(name, "vllm")
		card["root"], card["parent"] = name, s.model
		out = append(out, card)
	}
	return out
}

func (s *vllm) unknownModel(name string) *refusal {
	return vllmError(http.StatusNotFound, "NotFoundError", "model", fmt.Sprintf("The model `%s` does not exist.", name))
}

func (s *vllm) complete(w http.ResponseWriter, r *http.Request, chat bool) {
	c, bad := decodeCompletion(w, r, chat, vllmReading{})
	if bad != nil {
		bad.inVLLM().send(w)
		return
	}
	if c.Model != "" && c.Model != s.model {
		if !s.resolve(c.Model) {
			s.unknownModel(c.Model).send(w)
			return
		}
		c.adapter = c.Model
	}
	g, err := s.m.begin(r, c, fmt.Sprintf("anon-%d", s.ids.Add(1)))
	if err != nil {
		vllmUnavailable(err).send(w)
		return
	}
	g.timed = true
	defer g.release()
	if !c.Stream {
		texts, kind, err := g.collect(r.Context())
		if !s.refuse(w, g, kind, err) {
			writeJSON(w, http.StatusOK, g.answer(cmp.Or(c.adapter, s.model), texts, chat))
		}
		return
	}
	kind, err := g.admitted(r.Context())
	if s.refuse(w, g, kind, err) {
		return
	}
	if s.stream(w, r, g, chat) != nil {
		panic(http.ErrAbortHandler)
	}
}

// refuse answers a request that the engine did not take, or, with err, did not serve; it reports whether it did.
func (s *vllm) refuse(w http.ResponseWriter, g *generation, kind EventKind, err error) bool {
	most, out := s.m.spec.MaxSequenceTokens(), g.req.MaxTokens
	switch {
	case err != nil:
		vllmUnavailable(err).send(w)
	case kind == EventTooLong:
		vllmError(http.StatusBadRequest, "BadRequestError", nil, fmt.Sprintf("This model's maximum context length is %d tokens. However, "+
			"you requested %d output tokens and your prompt contains at least %d input tokens, for a total of at least %d tokens. "+
			"Please reduce the length of the input prompt or the number of requested output tokens.", most, out, g.prompt, g.prompt+out)).send(w)
	case kind == EventRefused: // vLLM queues without bound; a stack with a bound has something before it
		vllmError(http.StatusServiceUnavailable, "ServiceUnavailableError", nil, "the queue is full").send(w)
	default:
		return false
	}
	return true
}

func (s *vllm) stream(w http.ResponseWriter, r *http.Request, g *generation, chat bool) error {
	f := newFrames(w, s.m.spec.StampSends)
	if err := f.headers(); err != nil { // at once, before the first token
		return err
	}
	model := s.quoted
	if g.req.adapter != "" {
		model = strconv.Quote(g.req.adapter)
	}
	f.name(g, chat, model)
	continuous := g.req.continuousUsage()
	for first := true; ; first = false {
		e, err := g.next(r.Context())
		if err != nil {
			return err
		}
		if e.Kind == EventDone {
			if g.last() {
				break
			}
			continue
		}
		c := &g.choices[e.Choice]
		if chat && first { // those of all choices leave together with the first token
			for i := range g.choices {
				f.add(f.heads[i], `"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}]`)
				if continuous {
					f.add(`,"usage":`, g.choices[i].usageSoFar())
				}
				f.add("}\n\n")
			}
		}
		f.word(e.Choice, c, chat)
		finish := "null"
		if c.sent == g.req.MaxTokens {
			finish = `"length"`
		}
		f.add(`,"logprobs":null,"finish_reason":`, finish, `,"stop_reason":null}]`)
		if continuous {
			f.add(`,"usage":`, c.usageSoFar())
		}
		f.add("}\n\n")
		if err := f.flush(); err != nil {
			return err
		}
	}
	if g.req.includeUsage() {
		id, object := g.named(chat)
		f.printf(`data: {"id":"%s","object":"%s","created":%s,"model":%s,"choices":[],"usage":%s}`+"\n\n",
			id, object, g.created, model, g.usage())
	}
	f.add("data: [DONE]\n\n")
	return f.flush()
}

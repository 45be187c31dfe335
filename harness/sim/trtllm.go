package sim

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path"
	"strconv"
	"sync/atomic"
	"time"
)

// trtllm speaks the dialect of trtllm-serve.
type trtllm struct {
	m      *Machine
	model  string
	quoted string // as JSON
	ids    atomic.Int64

	adapters adapterIDs
}

// newTRTLLM returns the handler of a trtllm-serve that runs with return_perf_metrics and
// perf_metrics_max_requests set: Prometheus on /prometheus/metrics, one record for each request on
// /perf_metrics.
func newTRTLLM(m *Machine) http.Handler {
	s := &trtllm{m: m, model: path.Base(m.spec.Model.Served)} // a local model folder is served under its base name
	s.quoted = strconv.Quote(s.model)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	mux.HandleFunc("GET /version", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string]string{"version": "sparkharness-sim"})
	})
	mux.HandleFunc("GET /v1/models", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, modelList(modelCard(s.model, "tensorrt_llm")))
	})
	mux.HandleFunc("GET /v1/models/{id...}", func(w http.ResponseWriter, r *http.Request) {
		if id := r.PathValue("id"); id != s.model {
			errorObject(http.StatusNotFound, "NotFoundError", "The model `"+id+"` does not exist.").send(w)
			return
		}
		writeJSON(w, http.StatusOK, modelCard(s.model, "tensorrt_llm"))
	})
	mux.HandleFunc("POST /v1/completions", func(w http.ResponseWriter, r *http.Request) { s.complete(w, r, false) })
	mux.HandleFunc("POST /v1/chat/completions", func(w http.ResponseWriter, r *http.Request) { s.complete(w, r, true) })
	mux.HandleFunc("GET /prometheus/metrics", s.prometheus)
	mux.HandleFunc("GET /perf_metrics", s.perfMetrics)
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, r *http.Request) {
		if err := m.pageWithoutStats(r.Context()); err != nil {
			badRequest(err.Error()).send(w)
			return
		}
		// With return_perf_metrics the Prometheus collector drains the iteration queue, and this page,
		// which drains it too, stays empty.
		writeJSON(w, http.StatusOK, []any{})
	})
	return mux
}

// modelCard is what is told of a served model. trtllm-serve and vLLM have no page of one model; that OpenAI's API has one
// is why a client may ask.
func modelCard(id, owner string) map[string]any {
	return map[string]any{"id": id, "object": "model", "created": time.Now().Unix(), "owned_by": owner}
}

func modelList(cards ...any) any {
	return map[string]any{"object": "list", "data": cards}
}

// unavailable answers a request that the machine did not serve because it has stopped. Nobody reads the
// answer when the client has gone.
func unavailable(w http.ResponseWriter, err error) {
	http.Error(w, err.Error(), http.StatusServiceUnavailable)
}

func (s *trtllm) complete(w http.ResponseWriter, r *http.Request, chat bool) {
	c, bad := decodeCompletion(w, r, chat, pydantic{})
	if bad != nil {
		bad.send(w)
		return
	}
	var err error
	if c.adapter, err = s.adapters.resolve(c.LoRA, s.m.spec.LoRA); err != nil {
		badRequest(err.Error()).send(w)
		return
	}
	n := s.ids.Add(1)
	g, err := s.m.begin(r, c, fmt.Sprintf("anon-%d", n))
	if err != nil {
		unavailable(w, err)
		return
	}
	defer g.release()
	if !c.Stream {
		s.whole(w, r, g, chat)
		return
	}
	kind, err := g.admitted(r.Context())
	if s.refuse(w, g, kind, err) {
		return
	}
	if s.stream(w, r, g, chat) != nil {
		panic(http.ErrAbortHandler) // cut the connection: no error frame, no [DONE]
	}
}

// refuse answers a request that the engine did not take, or, with err, did not serve; it reports whether it did.
func (s *trtllm) refuse(w http.ResponseWriter, g *generation, kind EventKind, err error) bool {
	switch {
	case err != nil:
		unavailable(w, err)
	case kind == EventTooLong:
		badRequest(fmt.Sprintf("The sum of prompt length (%d) and max_tokens (%d) should not exceed max_num_tokens",
			g.prompt, g.req.MaxTokens)).send(w)
	case kind == EventRefused:
		writeJSON(w, http.StatusServiceUnavailable, map[string]string{"error": "queue is full"})
	default:
		return false
	}
	return true
}

func (s *trtllm) stream(w http.ResponseWriter, r *http.Request, g *generation, chat bool) error {
	f := newFrames(w, s.m.spec.StampSends)
	if err := f.headers(); err != nil { // at once, before the first token
		return err
	}
	model := s.named(g.req.Model)
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
		if chat && first {
			// The role chunks leave together with the first token and end in a blank before the newlines.
			for i := range g.choices {
				f.add(f.heads[i], `"delta":{"role":"assistant"}}]`)
				if continuous {
					f.add(`,"usage":`, g.choices[i].usageSoFar())
				}
				f.add("} \n\n")
			}
		}
		f.word(e.Choice, c, chat)
		if c.sent == g.req.MaxTokens {
			f.add(`,"finish_reason":"length"`)
		}
		f.add("}]")
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

// named is the model that an answer names, as JSON: whatever the request named, since the server asks for no
// particular one.
func (s *trtllm) named(model string) string {
	if model == s.model {
		return s.quoted
	}
	b, _ := json.Marshal(model) // no string fails
	return string(b)
}

// whole answers a request without stream: true.
func (s *trtllm) whole(w http.ResponseWriter, r *http.Request, g *generation, chat bool) {
	texts, refused, err := g.collect(r.Context())
	switch {
	case err != nil:
		unavailable(w, err)
	case refused == EventRefused:
		writeJSON(w, http.StatusServiceUnavailable, map[string]string{"error": "queue is full"})
	case refused == EventTooLong:
		badRequest("prompt too long").send(w)
	default:
		writeJSON(w, http.StatusOK, g.answer(g.req.Model, texts, chat))
	}
}

// perfMetrics drains the records of finished requests.
func (s *trtllm) perfMetrics(w http.ResponseWriter, r *http.Request) {
	var records []PerfRecord
	if err := s.m.query(r.Context(), func() {
		records, s.m.engine.perf = s.m.engine.perf, nil
		s.m.engine.rendered()
	}); err != nil {
		badRequest(err.Error()).send(w)
		return
	}
	type timing struct {
		ServerArrival float64 `json:"server_arrival_time"`
		Arrival       float64 `json:"arrival_time"`
		Scheduled     float64 `json:"first_scheduled_time"`
		First         float64 `json:"first_token_time"`
		ServerFirst   float64 `json:"server_first_token_time"`
		Last          float64 `json:"last_token_time"`
	}
	type kvMetrics struct {
		Total  int `json:"num_total_allocated_blocks"`
		New    int `json:"num_new_allocated_blocks"`
		Reused int `json:"num_reused_blocks"`
		Missed int `json:"num_missed_blocks"`
	}
	type metrics struct {
		Timing timing    `json:"timing_metrics"`
		KV     kvMetrics `json:"kv_cache_metrics"`
	}
	type line struct {
		RequestID string  `json:"request_id"`
		Perf      metrics `json:"perf_metrics"`
	}
	out := make([]line, 0, len(records))
	for _, p := range records {
		out = append(out, line{RequestID: p.ID, Perf: metrics{
			Timing: timing{p.Arrival, p.Arrival, p.Scheduled, p.FirstToken, p.FirstToken, p.LastTok},
			KV:     kvMetrics{Total: p.Reused + p.Missed, New: p.Missed, Reused: p.Reused, Missed: p.Missed},
		}})
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(out)
}

func (s *trtllm) prometheus(w http.ResponseWriter, r *http.Request) {
	st, err := s.m.pageStats(r.Context())
	if err != nil {
		badRequest(err.Error()).send(w)
		return
	}
	p := newPage(w)
	s.m.engineMetrics(p, st)
	p.send()
}

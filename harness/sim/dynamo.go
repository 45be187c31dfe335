package sim

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
)

// dynamo speaks the dialect of the Dynamo frontend.
type dynamo struct {
	m     *Machine
	model string
	ids   atomic.Int64
}

func newDynamo(m *Machine) http.Handler {
	s := &dynamo{m: m, model: m.spec.Model.Served}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /live", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string]string{"status": "live"})
	})
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string]any{"status": "healthy", "endpoints": []string{"dyn://dynamo.tensorrt_llm.generate"}, "instances": []any{}})
	})
	mux.HandleFunc("GET /v1/models", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, modelList(modelCard(s.model, "nvidia")))
	})
	mux.HandleFunc("GET /v1/models/{id...}", func(w http.ResponseWriter, r *http.Request) {
		if r.PathValue("id") != s.model {
			failure(http.StatusNotFound, "Not Found", "Model not found").send(w)
			return
		}
		writeJSON(w, http.StatusOK, modelCard(s.model, "nvidia"))
	})
	mux.HandleFunc("POST /v1/completions", func(w http.ResponseWriter, r *http.Request) { s.complete(w, r, false) })
	mux.HandleFunc("POST /v1/chat/completions", func(w http.ResponseWriter, r *http.Request) { s.complete(w, r, true) })
	mux.HandleFunc("GET /metrics", s.metrics)
	return mux
}

func (s *dynamo) complete(w http.ResponseWriter, r *http.Request, chat bool) {
	c, bad := decodeCompletion(w, r, chat, serde{s.m.spec.IgnoreUnsupported})
	if bad != nil {
		bad.send(w)
		return
	}
	// An adapter's name is a model that is not there: with TensorRT-LLM behind it Dynamo serves no LoRA
	// (docs.nvidia.com/dynamo, feature matrix).
	if c.Model != s.model {
		failure(http.StatusNotFound, "Not Found", "Model not found").send(w)
		return
	}
	g, err := s.m.begin(r, c, fmt.Sprintf("anon-%d", s.ids.Add(1)))
	if err != nil {
		failure(http.StatusServiceUnavailable, "Service Unavailable", err.Error()).send(w)
		return
	}
	defer g.release()
	if !c.Stream {
		texts, refused, err := g.collect(r.Context())
		if !s.refuse(w, refused, err) {
			writeJSON(w, http.StatusOK, g.answer(s.model, texts, chat))
		}
		return
	}
	// The frontend waits for the worker's first event before it answers.
	var first Event
	kind, err := g.admitted(r.Context())
	if err == nil && kind == EventQueued {
		first, err = g.next(r.Context())
		kind = first.Kind
	}
	if s.refuse(w, kind, err) {
		return
	}
	if err := s.stream(w, r, g, chat, first); err != nil && r.Context().Err() == nil {
		panic(http.ErrAbortHandler)
	}
}

// refuse answers a request that the engine did not take, or, with err, did not serve; it reports whether
// it did. Nobody reads the answer when err is that the client has gone.
func (s *dynamo) refuse(w http.ResponseWriter, kind EventKind, err error) bool {
	switch {
	case err != nil:
		failure(http.StatusServiceUnavailable, "Service Unavailable", err.Error()).send(w)
	case kind == EventRefused:
		failure(529, "Overloaded", "all workers are busy").send(w)
	case kind == EventTooLong:
		failure(http.StatusBadRequest, "Bad Request", "Validation: prompt does not fit the KV cache of the worker").send(w)
	default:
		return false
	}
	return true
}

func (s *dynamo) stream(w http.ResponseWriter, r *http.Request, g *generation, chat bool, e Event) (err error) {
	f := newFrames(w, s.m.spec.StampSends)
	f.role = chat // role and content share the first delta
	model := strconv.Quote(s.model)
	f.name(g, chat, model)
	continuous, timing := g.req.continuousUsage(), g.req.NvExt.wants("timing")
	for {
		if e.Kind == EventToken {
			c := &g.choices[e.Choice]
			f.word(e.Choice, c, chat)
			end := c.sent == g.req.MaxTokens
			if end {
				f.add(`,"finish_reason":"length","logprobs":null}]`)
			} else {
				f.add(`,"finish_reason":null,"logprobs":null}]`)
			}
			// nvext.timing comes with the last content chunk; its engine sums are those of the token
			// that is being sent.
			if end && timing {
				if e, err = g.next(r.Context()); err != nil {
					return err
				}
				f.printf(`,"nvext":{"timing":{"prefill_wait_time_ms":%g,"prefill_time_ms":%g,"ttft_ms":%g,"total_time_ms":%g}}`,
					ms(e.WaitNS), ms(e.PrefillNS), ms(e.FirstNS), ms(e.TotalNS))
			}
			if continuous {
				f.add(`,"usage":`, c.usageSoFar())
			}
			f.add("}\n\n")
			if err := f.flush(); err != nil {
				return err
			}
		}
		if e.Kind == EventDone && g.last() {
			break
		}
		if e, err = g.next(r.Context()); err != nil {
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

func ms(ns int64) float64 { return float64(ns) / 1e6 }

// metrics is the frontend's Prometheus page.
func (s *dynamo) metrics(w http.ResponseWriter, r *http.Request) {
	st, err := s.m.pageStats(r.Context())
	if err != nil {
		failure(http.StatusServiceUnavailable, "Service Unavailable", err.Error()).send(w)
		return
	}
	p := newPage(w)
	model := `model="` + strings.ToLower(s.model) + `"`
	p.value("dynamo_frontend_", "inflight_requests", "gauge", "Number of inflight requests", model, float64(st.Running+st.Waiting))
	p.value("dynamo_frontend_", "model_total_kv_blocks", "gauge", "Total KV blocks of the model's workers", model, float64(st.KVMaxBlocks))
	p.value("dynamo_frontend_", "model_max_num_seqs", "gauge", "Maximum number of sequences", model, float64(s.m.spec.MaxBatchSize))
	p.value("dynamo_frontend_", "model_kv_cache_block_size", "gauge", "KV cache block size", model, float64(s.m.spec.BlockTokens))
	// A labelled family has no series until the first request that matches it.
	if st.Completed > 0 {
		p.value("dynamo_frontend_", "requests_total", "counter", "Total number of LLM requests processed", model+`,endpoint="completions",request_type="stream",status="success"`, float64(st.Completed))
		p.value("dynamo_frontend_", "output_tokens_total", "counter", "Total number of output tokens", model, float64(st.OutputTokens))
	}
	if st.Refused > 0 {
		p.value("dynamo_frontend_", "model_rejection_total", "counter", "Requests rejected for overload", model, float64(st.Refused))
	}
	p.send()
}

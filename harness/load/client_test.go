package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/outgoing"
	"sparkharness/harness/record"
)

// ask sends one request of tokens output tokens, due now, and returns its record and gaps.
func ask(t *testing.T, ctx context.Context, spec Spec, tokens int) (record.Request, []time.Duration) {
	t.Helper()
	return askDue(t, ctx, spec, tokens, time.Now())
}

func askDue(t *testing.T, ctx context.Context, spec Spec, tokens int, due time.Time) (record.Request, []time.Duration) {
	t.Helper()
	require.NoError(t, spec.Check())
	body, err := encodeBody(&spec, "[n] prompt", tokens)
	require.NoError(t, err)
	c := newClient(&spec)
	res := c.do(ctx, &request{user: 3, seq: 7, tokens: tokens, body: body, intended: due, phase: record.PhaseMeasure})
	gaps := append([]time.Duration(nil), res.gaps...)
	c.release(res)
	return res.rec, gaps
}

// ms is 10 ms a frame, in which the transcripts are replayed.
func ms(frames float64) *float64 { v := 10 * frames; return &v }

func num(n int) *int { return &n }

func TestTranscripts(t *testing.T) {
	tests := []struct {
		file       string
		asked      int
		rc         string
		ttft       *float64 // frame that carries the first text, from 1
		e2e        *float64 // frame of [DONE]
		gaps       int
		prompt     *int
		cached     *int
		output     *int
		serverWait *float64
		error      string
	}{
		{file: "trtllm_completions", asked: 5, rc: record.RCOK, ttft: ms(1), e2e: ms(7), gaps: 4, prompt: num(256), cached: num(0), output: num(5)},
		{file: "trtllm_chat", asked: 5, rc: record.RCOK, ttft: ms(2), e2e: ms(8), gaps: 4, prompt: num(256), cached: num(0), output: num(5)},
		{file: "dynamo_chat", asked: 5, rc: record.RCOK, ttft: ms(1), e2e: ms(6), gaps: 4, prompt: num(256), cached: num(224), output: num(5), serverWait: ms(1.25)},
		{file: "dynamo_completions", asked: 5, rc: record.RCOK, ttft: ms(3), e2e: ms(9), gaps: 4, prompt: num(256), cached: num(224), output: num(5), serverWait: ms(1.25)},
		{file: "multi_token_chunks", asked: 5, rc: record.RCOK, ttft: ms(1), e2e: ms(6), gaps: 1, prompt: num(256), cached: num(0), output: num(5)},
		{file: "comments_keepalive", asked: 3, rc: record.RCOK, ttft: ms(3), e2e: ms(8), gaps: 2, prompt: num(256), cached: num(0), output: num(3)},
		{file: "crlf", asked: 5, rc: record.RCOK, ttft: ms(2), e2e: ms(8), gaps: 4, prompt: num(256), cached: num(0), output: num(5)},
		{file: "multiline_data", asked: 2, rc: record.RCOK, ttft: ms(2), e2e: ms(5), gaps: 1, prompt: num(256), cached: num(0), output: num(2)},
		{file: "reasoning", asked: 3, rc: record.RCOK, ttft: ms(2), e2e: ms(6), gaps: 2, prompt: num(256), cached: num(0), output: num(3)},
		{file: "annotation_events", asked: 2, rc: record.RCOK, ttft: ms(3), e2e: ms(5), gaps: 1, prompt: num(256), cached: num(0), output: num(2)},

		{file: "dynamo_error_event", asked: 5, rc: record.RCServer, ttft: ms(1), error: "worker disconnected before the stream was complete"},
		{file: "error_frame", asked: 5, rc: record.RCServer, ttft: ms(1), error: "out of KV blocks"},
		{file: "cut_between_frames", asked: 5, rc: record.RCCut, ttft: ms(1), gaps: 1, error: "ended without [DONE]"},
		{file: "cut_inside_frame", asked: 5, rc: record.RCCut, ttft: ms(1), error: "ended without [DONE]"},
		{file: "no_done", asked: 5, rc: record.RCCut, ttft: ms(1), gaps: 4, prompt: num(256), cached: num(0), output: num(5), error: "ended without [DONE]"},
		{file: "usage_only", asked: 5, rc: record.RCShort, e2e: ms(2), prompt: num(256), cached: num(0), output: num(5), error: "no text"},
		{file: "role_and_empty_only", asked: 5, rc: record.RCShort, e2e: ms(5), prompt: num(256), cached: num(0), output: num(5), error: "no text"},
		{file: "short_answer", asked: 5, rc: record.RCShort, ttft: ms(1), e2e: ms(4), gaps: 1, prompt: num(256), cached: num(0), output: num(2), error: "asked for 5 output tokens, the server counted 2"},
		{file: "no_usage", asked: 5, rc: record.RCShort, ttft: ms(1), e2e: ms(6), gaps: 4, error: "no completion_tokens"},
		{file: "no_finish_reason", asked: 5, rc: record.RCShort, ttft: ms(1), e2e: ms(7), gaps: 4, prompt: num(256), cached: num(0), output: num(5), error: "no finish_reason"},
		{file: "not_json", asked: 5, rc: record.RCMalformed, ttft: ms(1), error: "Internal Server Error"},
		{file: "not_a_chunk", asked: 5, rc: record.RCMalformed, ttft: ms(1), error: "neither choices nor usage"},
	}
	covered := map[string]bool{}
	for _, tt := range tests {
		covered[filepath.Join("../../fixtures/sse", tt.file+".txt")] = true
		t.Run(tt.file, func(t *testing.T) {
			text, err := os.ReadFile("../../fixtures/sse/" + tt.file + ".txt")
			require.NoError(t, err)
			synctest.Test(t, func(t *testing.T) {
				e, stop := serve(t, func(w http.ResponseWriter, r *http.Request) {
					replay(w, r, string(text), 10*time.Millisecond)
				})
				defer stop()
				rec, gaps := ask(t, t.Context(), e.spec(t), tt.asked)
				assert.Equal(t, tt.rc, rec.RC)
				assert.Equal(t, tt.ttft, rec.TTFTms, "TTFT")
				assert.Equal(t, tt.e2e, rec.E2Ems, "E2E")
				assert.Equal(t, tt.prompt, rec.PromptTokens)
				assert.Equal(t, tt.cached, rec.CachedTokens)
				assert.Equal(t, tt.output, rec.OutputTokens)
				assert.Equal(t, tt.serverWait, rec.ServerWaitMS)
				assert.False(t, rec.Censored)
				if assert.NotNil(t, rec.HeadersMS) {
					assert.Zero(t, *rec.HeadersMS)
				}
				assert.Len(t, gaps, tt.gaps)
				assert.Equal(t, tt.gaps > 0, rec.ITLmeanMS != nil, "figures go with gaps")
				tokens := tt.gaps > 0 && tt.file != "multi_token_chunks"
				assert.Equal(t, tokens, rec.ITLp50ms != nil && rec.ITLmaxMS != nil, "gaps between tokens")
				assert.Equal(t, tt.gaps > 0 && !tokens, rec.ChunkGapP50MS != nil && rec.ChunkGapMaxMS != nil, "gaps between chunks")
				if tt.error == "" {
					assert.Nil(t, rec.Error)
				} else if assert.NotNil(t, rec.Error) {
					assert.Contains(t, *rec.Error, tt.error)
					assert.NotContains(t, *rec.Error, "\n")
				}
			})
		})
	}
	for _, name := range transcripts(t) {
		assert.True(t, covered[name], "%s is in no test", name)
	}
}

// A stream with uneven gaps: 10, 40, 10 and 0 ms (two chunks in one write).
func TestITLFiguresAreOfEveryGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, stop := serve(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			one := "data: {\"choices\":[{\"text\":\"a\"}]}\n\n"
			last := one + "data: {\"choices\":[{\"text\":\"a\",\"finish_reason\":\"length\"}],\"usage\":{\"completion_tokens\":5}}\n\ndata: [DONE]\n\n"
			for i, pause := range []time.Duration{100, 10, 40, 10} {
				wait(r.Context(), pause*time.Millisecond)
				fmt.Fprint(w, []string{one, one, one, last}[i])
				_ = http.NewResponseController(w).Flush()
			}
		})
		defer stop()
		rec, gaps := ask(t, t.Context(), e.spec(t), 5)
		require.Equal(t, record.RCOK, rec.RC)
		assert.Equal(t, []time.Duration{0, 10e6, 10e6, 40e6}, gaps)
		assert.Equal(t, 100.0, *rec.TTFTms)
		assert.Equal(t, 10.0, *rec.ITLp50ms)
		assert.Equal(t, 40.0, *rec.ITLmaxMS)
		assert.Equal(t, 15.0, *rec.ITLmeanMS)
	})
}

func TestStatuses(t *testing.T) {
	for _, tt := range []struct {
		status int
		body   string
		rc     string
		error  string
	}{
		{429, "slow down", record.RCRejected, "HTTP 429: slow down"},
		{503, "", record.RCRejected, "HTTP 503:"},
		{529, `{"message":"Overloaded","type":"Overloaded","code":529}`, record.RCRejected, `HTTP 529: {"message":"Overloaded"`},
		{400, "{\n  \"error\": \"nvext: Extra\t inputs\"\n}", record.RCHTTP, `HTTP 400: { "error": "nvext: Extra inputs" }`},
		{404, "no such model", record.RCHTTP, "HTTP 404: no such model"},
		{500, strings.Repeat("long ", 1000), record.RCHTTP, "HTTP 500: long long"},
	} {
		t.Run(fmt.Sprint(tt.status), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e, stop := serve(t, func(w http.ResponseWriter, r *http.Request) {
					w.WriteHeader(tt.status)
					_, _ = io.WriteString(w, tt.body)
				})
				defer stop()
				rec, _ := ask(t, t.Context(), e.spec(t), 5)
				assert.Equal(t, tt.rc, rec.RC)
				assert.Contains(t, *rec.Error, tt.error)
				assert.NotContains(t, *rec.Error, "\n")
				assert.LessOrEqual(t, len(*rec.Error), outgoing.MaxQuote+4)
				assert.Nil(t, rec.TTFTms)
				assert.Nil(t, rec.E2Ems)
			})
		})
	}
}

func TestBadEndpoints(t *testing.T) {
	start := func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "data: {\"choices\":[{\"text\":\"a\"}]}\n\n")
		_ = http.NewResponseController(w).Flush()
	}
	hijack := func(w http.ResponseWriter) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			_ = conn.Close()
		}
	}
	const limit = 30_000.0
	zero, whole := 0.0, limit
	for _, tt := range []struct {
		name    string
		handler http.HandlerFunc // nil: nobody listens
		rc      string
		ttft    *float64
		e2e     *float64
		error   string
	}{
		{name: "refuses", rc: record.RCRefused, error: "connection refused"},
		{name: "never answers", handler: func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
			rc: record.RCTimeout, e2e: &whole, error: "time limit"},
		{name: "stalls in the stream", handler: func(w http.ResponseWriter, r *http.Request) {
			start(w)
			<-r.Context().Done()
		}, rc: record.RCTimeout, ttft: &zero, e2e: &whole, error: "time limit"},
		{name: "first text at the very limit", handler: func(w http.ResponseWriter, r *http.Request) {
			wait(r.Context(), 30*time.Second)
			start(w)
		}, rc: record.RCTimeout, e2e: &whole, error: "time limit"},
		{name: "closes before the headers", handler: func(w http.ResponseWriter, _ *http.Request) { hijack(w) },
			rc: record.RCUnanswered, error: "no response"},
		{name: "breaks the stream", handler: func(w http.ResponseWriter, _ *http.Request) {
			start(w)
			panic(http.ErrAbortHandler)
		}, rc: record.RCCut, ttft: &zero, error: "unexpected EOF"},
		{name: "answers with JSON", handler: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"choices":[{"text":"a"}]}`)
		}, rc: record.RCMalformed, error: `"application/json" instead of text/event-stream: {"choices":[{"text":"a"}]}`},
		{name: "sends a frame without end", handler: func(w http.ResponseWriter, _ *http.Request) {
			start(w)
			_, _ = io.WriteString(w, "data: ")
			junk := strings.Repeat("x", 1<<20)
			for range 10 {
				_, _ = io.WriteString(w, junk)
			}
		}, rc: record.RCMalformed, ttft: &zero, error: "longer than"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := nobody()
				if tt.handler != nil {
					var stop func()
					e, stop = serve(t, tt.handler)
					defer stop()
				}
				rec, gaps := ask(t, t.Context(), e.spec(t), 5)
				assert.Equal(t, tt.rc, rec.RC)
				assert.Equal(t, tt.ttft, rec.TTFTms)
				assert.Equal(t, tt.e2e, rec.E2Ems)
				assert.Equal(t, tt.rc == record.RCTimeout, rec.Censored)
				assert.Empty(t, gaps)
				assert.Contains(t, *rec.Error, tt.error)
			})
		})
	}
}

// sleepy gives text after a pause.
type sleepy struct {
	pause time.Duration
	text  string
}

func (s sleepy) Read(p []byte) (int, error) {
	time.Sleep(s.pause)
	return copy(p, s.text), nil
}

// What comes at the instant of the time limit is too late, whoever wakes first.
func TestTextAtTheTimeLimitDoesNotCount(t *testing.T) {
	for pause, late := range map[time.Duration]bool{time.Second - 1: false, time.Second: true} {
		synctest.Test(t, func(t *testing.T) {
			var a answer
			a.reset(sleepy{pause, "data: " + chatChunk + "\n\ndata: [DONE]\n\n"})
			err := a.read(time.Now().Add(time.Second))
			assert.Equal(t, late, errors.Is(err, errTimeLimit))
			assert.Equal(t, late, a.first.IsZero())
		})
	}
}

// A server that keeps the response open after [DONE] delays neither the record nor, for long, the user.
func TestOpenEndAfterDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, stop := serve(t, func(w http.ResponseWriter, r *http.Request) {
			generate(w, r, 2, time.Second, time.Second)
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		})
		defer stop()
		begin := time.Now()
		rec, _ := ask(t, t.Context(), e.spec(t), 2)
		assert.Equal(t, record.RCOK, rec.RC)
		assert.Equal(t, 2000.0, *rec.E2Ems)
		assert.Equal(t, 2*time.Second+linger, time.Since(begin))
	})
}

func TestConnectionIsUsedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fail := false
		e, stop := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if fail {
				w.WriteHeader(503)
				return
			}
			generate(w, r, 2, time.Second, time.Second)
		})
		defer stop()
		spec := e.spec(t)
		dials := 0
		spec.HTTP = outgoing.New(outgoing.Options{Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
			dials++
			return e.dial(ctx, network, addr)
		}})
		defer spec.HTTP.CloseIdleConnections()
		for range 3 {
			rec, _ := ask(t, t.Context(), spec, 2)
			require.Equal(t, record.RCOK, rec.RC)
		}
		fail = true
		for range 3 {
			rec, _ := ask(t, t.Context(), spec, 2)
			require.Equal(t, record.RCRejected, rec.RC)
		}
		assert.Equal(t, 1, dials)
	})
}

func TestCancelledRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, stop := serve(t, func(w http.ResponseWriter, r *http.Request) { generate(w, r, 5, time.Second, time.Second) })
		defer stop()
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(1500*time.Millisecond, func() { cancel(errors.New("interrupt")) })
		rec, _ := ask(t, ctx, e.spec(t), 5)
		assert.Equal(t, record.RCCancelled, rec.RC)
		assert.Equal(t, 1000.0, *rec.TTFTms)
		assert.Nil(t, rec.E2Ems)
		assert.False(t, rec.Censored)
		assert.Equal(t, "interrupt", *rec.Error)
	})
}

// The origin of latency: the intended send in an open loop, the actual send in a closed one.
func TestLatencyOrigin(t *testing.T) {
	for _, open := range []bool{false, true} {
		t.Run(fmt.Sprint("open=", open), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e, stop := serve(t, func(w http.ResponseWriter, r *http.Request) { generate(w, r, 2, time.Second, time.Second) })
				defer stop()
				spec := e.spec(t)
				late := 250.0
				if open {
					spec.Loop = Open{Constant{1}}
				} else {
					late = 0
				}
				due := time.Now().Add(-250 * time.Millisecond)
				rec, _ := askDue(t, t.Context(), spec, 2, due)
				assert.Equal(t, 1000+late, *rec.TTFTms)
				assert.Equal(t, 2000+late, *rec.E2Ems)
				assert.Equal(t, late, *rec.HeadersMS-1000)
				assert.Equal(t, 250.0, rec.SendLagMS)
				assert.InDelta(t, 0.25, rec.TS-rec.IntendedTS, 1e-6)
				assert.InDelta(t, float64(due.UnixNano())/1e9, rec.IntendedTS, 1e-6)
				assert.Equal(t, open, rec.Concurrency == 0)
			})
		})
	}
}

// An open loop's time limit counts from the intended send too.
func TestTimeLimitCountsFromTheOrigin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, stop := serve(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		defer stop()
		spec := e.spec(t)
		spec.Loop = Open{Constant{1}}
		rec, _ := askDue(t, t.Context(), spec, 2, time.Now().Add(-5*time.Second))
		assert.Equal(t, record.RCTimeout, rec.RC)
		assert.Equal(t, 30_000.0, *rec.E2Ems)
	})
}

func TestRequestOnTheWire(t *testing.T) {
	const trt = `"max_tokens":5,"min_tokens":5,"ignore_eos":true,"stream":true,"stream_options":{"include_usage":true},"temperature":0`
	for _, tt := range []struct {
		dialect, api, path, body string
	}{
		{DialectTRTLLM, APICompletions, "/v1/completions", `{"model":"llama","prompt":"[n] prompt",` + trt + `}`},
		{DialectTRTLLM, APIChat, "/v1/chat/completions", `{"model":"llama","messages":[{"role":"user","content":"[n] prompt"}],` + trt + `}`},
		{DialectDynamo, APICompletions, "/v1/completions", `{"model":"llama","prompt":"[n] prompt",` + trt + `,"nvext":{"extra_fields":["timing"]}}`},
		{DialectDynamo, APIChat, "/v1/chat/completions", `{"model":"llama","messages":[{"role":"user","content":"[n] prompt"}],` + trt + `,"nvext":{"extra_fields":["timing"]}}`},
	} {
		t.Run(tt.dialect+"/"+tt.api, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var body []byte
				var got *http.Request
				e, stop := serve(t, func(w http.ResponseWriter, r *http.Request) {
					got = r
					body, _ = io.ReadAll(r.Body)
					generate(w, r, 5, 0, 0)
				})
				defer stop()
				spec := e.spec(t)
				spec.API, spec.Dialect, spec.HTTP = tt.api, tt.dialect, keyed(t, e)
				rec, _ := ask(t, t.Context(), spec, 5)
				require.Equal(t, record.RCOK, rec.RC)
				assert.JSONEq(t, tt.body, string(body))
				assert.Equal(t, tt.path, got.URL.Path)
				assert.Equal(t, "u3-q7", got.Header.Get("X-Request-Id"))
				assert.Equal(t, "Bearer sk-very-secret", got.Header.Get("Authorization"))
				assert.Equal(t, "application/json", got.Header.Get("Content-Type"))
			})
		})
	}
}

func TestSecretIsNotPrinted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, stop := serve(t, func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(401)
			_, _ = io.WriteString(w, "bad key: "+r.Header.Get("Authorization"))
		})
		defer stop()
		spec := e.spec(t)
		spec.HTTP = keyed(t, e)
		rec, _ := ask(t, t.Context(), spec, 5)
		assert.Equal(t, "HTTP 401: bad key: Bearer [redacted]", *rec.Error)
		assert.NotContains(t, fmt.Sprintf("%v %+v %#v %v %+v", spec, spec, spec, spec.HTTP, *spec.HTTP), "secret")
	})
}

// keyed is a client with a key for the endpoint.
func keyed(t *testing.T, e endpoint) *outgoing.Client {
	t.Helper()
	client, err := e.http.For(e.url, "sk-very-secret")
	require.NoError(t, err)
	return client
}

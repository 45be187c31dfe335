package sim_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/sim"
)

// specV is Stack B's machine in vLLM's dialect.
func specV(t *testing.T, name string) sim.Spec {
	s := specB(t, name)
	s.Dialect = sim.DialectVLLM
	return s
}

// dialects are a machine in each.
func dialects(t *testing.T) map[string]sim.Spec {
	return map[string]sim.Spec{"trtllm": specA(t, "L8B"), "dynamo": specB(t, "L8B"), "vllm": specV(t, "L8B")}
}

const completions, chats = "/v1/completions", "/v1/chat/completions"

// whole is an answer in one piece, and a chunk of one in many.
type whole struct {
	ID, Object string
	Choices    []struct {
		Index   int
		Text    string
		Message struct{ Content string }
		Delta   struct{ Content string }
		Finish  string `json:"finish_reason"`
	}
	Usage *struct {
		Prompt     int `json:"prompt_tokens"`
		Total      int `json:"total_tokens"`
		Completion int `json:"completion_tokens"`
		Details    *struct {
			Cached int `json:"cached_tokens"`
		} `json:"prompt_tokens_details"`
	}
}

// answered sends a body, in which M is the model, and decodes the answer; the chunks of a stream in order.
func (m *machine) answered(path, body string) []whole {
	m.t.Helper()
	rec := m.postTo(path, "application/json", strings.ReplaceAll(body, `"M"`, `"`+m.served+`"`))
	require.Equal(m.t, http.StatusOK, rec.Code, "%s: %s", body, rec.Body)
	text := strings.TrimSpace(rec.Body.String())
	if strings.HasPrefix(text, "{") {
		text = "data: " + text + "\n\ndata: [DONE]\n\n"
	}
	var out []whole
	frames := strings.Split(strings.TrimSpace(text), "\n\n")
	for _, frame := range frames[:len(frames)-1] {
		var w whole
		require.NoError(m.t, json.Unmarshal([]byte(strings.TrimPrefix(frame, "data: ")), &w), frame)
		out = append(out, w)
	}
	require.Equal(m.t, "data: [DONE]", frames[len(frames)-1])
	return out
}

// texts puts the texts of the choices together, and counts the choices that have ended.
func texts(chunks []whole) (all map[int]string, ended int) {
	all = map[int]string{}
	for _, w := range chunks {
		for _, c := range w.Choices {
			all[c.Index] += c.Text + c.Message.Content + c.Delta.Content
			if c.Finish == "length" {
				ended++
			}
		}
	}
	return all, ended
}

// decoded is an answer in one piece.
func decoded(t *testing.T, rec *httptest.ResponseRecorder) (w whole) {
	t.Helper()
	require.NoError(t, json.Unmarshal(rec.Body.Bytes(), &w), rec.Body)
	return w
}

// All frames of an answer have its id and say what they are; each chunk says what has been used if that is asked for.
func TestChunksAreOfOneAnswer(t *testing.T) {
	for dialect, spec := range dialects(t) {
		for path, want := range map[string]whole{
			completions: {ID: "cmpl-anon-", Object: "text_completion"}, chats: {ID: "chatcmpl-anon-", Object: "chat.completion.chunk"},
		} {
			t.Run(dialect+path, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					m := start(t, spec, sim.DefaultParams())
					input := `"prompt":"a b"`
					if path == chats {
						input = `"messages":[{"role":"user","content":"a b"}]`
					}
					const stream = `,"max_tokens":3,"stream":true,"stream_options":{"include_usage":true`
					plain := m.answered(path, `{"model":"M",`+input+stream+`}}`)
					used := m.answered(path, `{"model":"M",`+input+stream+`,"continuous_usage_stats":true}}`)
					unasked := m.answered(path, `{"model":"M",`+input+
						strings.Replace(stream, `usage":true`, `usage":false`, 1)+`,"continuous_usage_stats":true}}`)
					for _, w := range append(append(plain, used...), unasked...) {
						assert.True(t, strings.HasPrefix(w.ID, want.ID), w.ID)
						assert.Equal(t, want.Object, w.Object)
					}
					sent := 0
					for i, w := range used[:len(used)-1] {
						assert.Nil(t, plain[i].Usage, "only the last")
						assert.Nil(t, unasked[i].Usage, "none")
						if w.Choices[0].Text+w.Choices[0].Delta.Content != "" {
							sent++
						}
						require.NotNil(t, w.Usage)
						assert.Equal(t, []int{2, sent, 2 + sent}, []int{w.Usage.Prompt, w.Usage.Completion, w.Usage.Total})
						assert.Nil(t, w.Usage.Details, "not known yet")
					}
					assert.Equal(t, 3, sent)
					last := used[len(used)-1].Usage
					assert.Equal(t, 3, last.Completion)
					require.NotNil(t, last.Details)

					one := m.answered(path, `{"model":"M",`+input+`,"max_tokens":1}`)
					assert.True(t, strings.HasPrefix(one[0].ID, want.ID), one[0].ID)
					assert.Equal(t, strings.TrimSuffix(want.Object, ".chunk"), one[0].Object)
				})
			})
		}
	}
}

// The prompt stands before its answer where the server echoes it: Dynamo's frontend does not.
func TestEcho(t *testing.T) {
	for dialect, spec := range dialects(t) {
		synctest.Test(t, func(t *testing.T) {
			m := start(t, spec, sim.DefaultParams())
			want := m.text("say \"é\"\n", 3)
			if dialect != "dynamo" {
				want = "say \"é\"\n" + want
			}
			for _, stream := range []string{"}", `,"stream":true}`} {
				all, _ := texts(m.answered(completions, `{"model":"M","prompt":["x","say \"é\"\n"],"max_tokens":3,"echo":true`+stream))
				assert.Equal(t, want, all[1], dialect)
			}
		})
	}
}

// What has been salted is found again under the same salt alone.
func TestCacheSalt(t *testing.T) {
	for dialect, path := range map[string]string{"dynamo": completions, "vllm": chats} {
		synctest.Test(t, func(t *testing.T) {
			m := start(t, dialects(t)[dialect], sim.DefaultParams())
			cached := func(more string) int {
				input := `"prompt":"` + prompt("a", 320) + `"`
				if path == chats {
					input = `"messages":[{"role":"user","content":"` + prompt("a", 320) + `"}]`
				}
				return m.answered(path, `{"model":"M",`+input+`,"max_tokens":1`+more+`}`)[0].Usage.Details.Cached
			}
			assert.Zero(t, cached(""))
			assert.NotZero(t, cached(`,"cache_salt":null`))
			assert.Zero(t, cached(`,"cache_salt":"x"`), "another salt")
			assert.NotZero(t, cached(`,"cache_salt":"x"`))
			assert.Zero(t, cached(`,"cache_salt":"y"`))
		})
	}
}

// A model has a page of its own, and no other has.
func TestModelPage(t *testing.T) {
	for dialect, spec := range dialects(t) {
		synctest.Test(t, func(t *testing.T) {
			m := start(t, spec, sim.DefaultParams())
			for id, want := range map[string]int{m.served: 200, strings.ReplaceAll(m.served, "/", "%2F"): 200, "no/such": 404, m.served + "x": 404} {
				rec := httptest.NewRecorder()
				m.handlers["frontend"].ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/v1/models/"+id, nil))
				assert.Equal(t, want, rec.Code, "%s: %s", dialect, id)
				if want == 200 {
					assert.Contains(t, rec.Body.String(), `"id":"`+m.served+`"`)
				}
			}
		})
	}
}

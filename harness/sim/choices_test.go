package sim_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/sim"
)

// Several answers to several prompts are sequences of their own, told apart by their index, whether streamed or not; the
// first answer to each prompt is what it gets alone.
func TestChoices(t *testing.T) {
	for dialect, spec := range dialects(t) {
		for _, stream := range []string{"", `,"stream":true,"stream_options":{"include_usage":true}`} {
			t.Run(dialect+stream, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					m := start(t, spec, sim.DefaultParams())
					one, two := m.text("a b c", 20), m.text("d e", 20)
					before := m.stats()
					got := m.answered(completions, `{"model":"M","prompt":["a b c","d e"],"n":2,"max_tokens":20`+stream+`}`)
					all, ended := texts(got)
					require.Len(t, all, 4)
					assert.Equal(t, 4, ended)
					assert.Equal(t, one, all[0])
					assert.Equal(t, two, all[2])
					for _, pair := range [][2]int{{0, 1}, {2, 3}, {1, 3}} {
						assert.NotEqual(t, all[pair[0]], all[pair[1]], pair)
					}
					assert.Len(t, oneTokenAWord(all[3]), 20)
					usage := got[len(got)-1].Usage
					require.NotNil(t, usage)
					assert.Equal(t, []int{5, 80, 85}, []int{usage.Prompt, usage.Completion, usage.Total}, "a prompt counts once")
					st := m.stats()
					assert.EqualValues(t, 4, st.Completed-before.Completed)
					assert.EqualValues(t, 80, st.OutputTokens-before.OutputTokens)
				})
			})
		}
	}
}

// Chats too; the prompts of a completion may be token ids.
func TestMoreChoices(t *testing.T) {
	for dialect, spec := range dialects(t) {
		t.Run(dialect, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := start(t, spec, sim.DefaultParams())
				const chat = `{"model":"M","messages":[{"role":"user","content":"a b"}],"max_tokens":9,"n":3`
				for _, stream := range []string{"}", `,"stream":true}`} {
					all, ended := texts(m.answered(chats, chat+stream))
					assert.Len(t, all, 3)
					assert.Equal(t, 3, ended)
				}
				all, _ := texts(m.answered(completions, `{"model":"M","prompt":[[1,2],[3]],"max_tokens":9}`))
				alone, _ := texts(m.answered(completions, `{"model":"M","prompt":[3],"max_tokens":9}`))
				assert.Equal(t, alone[0], all[1])
				one, _ := texts(m.answered(completions, `{"model":"M","prompt":["a b"],"max_tokens":9}`))
				assert.Equal(t, map[int]string{0: m.text("a b", 9)}, one)
			})
		})
	}
}

// A prompt of a list that the server has later than the others, as something looks at each before it, misses no token of
// theirs.
func TestChoicesOneAfterAnother(t *testing.T) {
	for dialect, spec := range dialects(t) {
		t.Run(dialect, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := start(t, spec, quiet(sim.Mechanisms{PromptFilter: 20 * time.Second}))
				all, ended := texts(m.answered(completions, `{"model":"M","prompt":["a b c","d e","f"],"max_tokens":5,"stream":true}`))
				require.Len(t, all, 3)
				assert.Equal(t, 3, ended)
				for i := range 3 {
					assert.Len(t, oneTokenAWord(all[i]), 5, i)
				}
			})
		})
	}
}

// Whoever goes away, or finds the queue full, leaves none of the sequences behind.
func TestChoicesLeaveTogether(t *testing.T) {
	for dialect, spec := range dialects(t) {
		t.Run(dialect, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				spec.MaxBatchSize, spec.MaxQueued = 2, 2
				m := start(t, spec, sim.DefaultParams())
				body := strings.ReplaceAll(`{"model":"M","prompt":["a","b"],"n":2,"max_tokens":1000,"stream":true}`, `"M"`, `"`+m.served+`"`)
				ctx, cancel := context.WithCancel(t.Context())
				var wg sync.WaitGroup
				wg.Go(func() {
					defer func() { _ = recover() }() // the connection is cut
					pair := strings.ReplaceAll(body, `"n":2`, `"n":1`)
					req := httptest.NewRequestWithContext(ctx, http.MethodPost, completions, strings.NewReader(pair))
					req.Header.Set("Content-Type", "application/json")
					m.handlers["frontend"].ServeHTTP(httptest.NewRecorder(), req)
				})
				time.Sleep(time.Second)
				assert.Equal(t, 2, m.stats().Running)
				refused := m.postTo(completions, "application/json", body)
				assert.Contains(t, []int{503, 529}, refused.Code, "two of its four found no room in the queue")
				time.Sleep(time.Second)
				assert.Zero(t, m.stats().Waiting, "the other two have left it")
				cancel()
				wg.Wait()
				time.Sleep(time.Second)
				st := m.stats()
				assert.Zero(t, st.Running)
				assert.Zero(t, st.KVUsedBlocks)
			})
		})
	}
}

// Sequences that cannot fit are refused before anything is set aside for them, however many are asked for.
func TestTooLongChoices(t *testing.T) {
	for dialect, spec := range dialects(t) {
		t.Run(dialect, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				spec.MaxContextTokens = 4096
				m := start(t, spec, sim.DefaultParams())
				for fields, want := range map[string]string{
					`"n":2,"max_tokens":5000`: "", `"n":128,"max_tokens":8193`: "8193 tokens are more than the 1048576",
				} {
					rec := m.postTo(completions, "application/json", fmt.Sprintf(`{"model":%q,"prompt":"a",%s}`, m.served, fields))
					assert.Equal(t, http.StatusBadRequest, rec.Code)
					assert.Contains(t, rec.Body.String(), want)
				}
				assert.Zero(t, m.stats().Completed)
			})
		})
	}
}

// Dynamo's bound of what one request asks for holds for a list of prompts too, however long, and for all servers.
func TestManyPrompts(t *testing.T) {
	for dialect, spec := range dialects(t) {
		synctest.Test(t, func(t *testing.T) {
			m := start(t, spec, sim.DefaultParams())
			for n, want := range map[int]int{128: 200, 129: 400, 1_000_000: 400} {
				list := strings.TrimSuffix(strings.Repeat(`"a",`, n), ",")
				began := m.stats()
				rec := m.postTo(completions, "application/json", fmt.Sprintf(`{"model":%q,"prompt":[%s],"max_tokens":1}`, m.served, list))
				assert.Equal(t, want, rec.Code, "%s: %d", dialect, n)
				if want == 400 {
					assert.Contains(t, rec.Body.String(), "(batch_size × n = 129 × 1 = 129) exceeds maximum of 128", "it read no further")
					assert.Equal(t, began.OutputTokens, m.stats().OutputTokens)
				}
			}
		})
	}
}

// What was cached of a prompt counts once, however many answers it gets.
func TestCopiedCache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := start(t, specB(t, "L8B"), sim.DefaultParams())
		body := `{"model":"M","prompt":"` + prompt("a", 320) + `","max_tokens":1,"n":3}`
		assert.Zero(t, m.answered(completions, body)[0].Usage.Details.Cached, "not even by its own copies")
		assert.Equal(t, 288, m.answered(completions, body)[0].Usage.Details.Cached)
	})
}

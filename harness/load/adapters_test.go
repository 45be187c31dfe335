package load

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/record"
)

// names are n adapter names.
func names(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("ad-%02d", i)
	}
	return list
}

// wire is what a server was asked for, by request id.
type wire struct {
	mu   sync.Mutex
	ids  []string
	asks map[string]wireRequest
}

type wireRequest struct {
	Model       string          `json:"model"`
	MaxTokens   int             `json:"max_tokens"`
	Prompt      string          `json:"prompt"`
	LoraRequest json.RawMessage `json:"lora_request"`
}

// watch answers like h and keeps what was asked.
func (w *wire) watch(h http.HandlerFunc) http.HandlerFunc {
	w.asks = map[string]wireRequest{}
	return func(rw http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		var ask wireRequest
		_ = json.Unmarshal(text, &ask)
		id := r.Header.Get("X-Request-Id")
		w.mu.Lock()
		w.ids = append(w.ids, id)
		w.asks[id] = ask
		w.mu.Unlock()
		r.Body = io.NopCloser(strings.NewReader(string(text)))
		h(rw, r)
	}
}

// adapter is the adapter that a record says it used, and "" for the base model.
func adapter(r record.Request) string {
	if r.Adapter == nil {
		return ""
	}
	return *r.Adapter
}

// The adapter goes out as the dialect has it, the record says which, and nothing else of the body changes.
func TestAdaptersOnTheWire(t *testing.T) {
	for _, tc := range []struct {
		dialect string
		asModel bool // as it is asked for
	}{{DialectTRTLLM, false}, {DialectDynamo, false}, {DialectVLLM, true}} {
		t.Run(tc.dialect, func(t *testing.T) {
			var w, plain wire
			change := func(s *Spec) { s.Dialect = tc.dialect }
			bare := drive(t, plain.watch(steady(1)), change)
			require.NoError(t, bare.err)
			o := drive(t, w.watch(steady(1)), func(s *Spec) {
				change(s)
				s.Adapters = &Adapters{Names: names(5), Pick: PickUniform, Dir: "/srv/lora/", AsModel: tc.asModel}
			})
			require.NoError(t, o.err)
			require.Len(t, o.recs, len(bare.recs))
			used := map[string]bool{}
			for i, r := range o.recs {
				id := fmt.Sprintf("u%d-q%d", r.User, r.Seq)
				want := plain.asks[id]
				require.NotEmpty(t, want.Prompt)
				if r.Phase == record.PhaseWarmup {
					require.Nil(t, r.Adapter)
				} else {
					require.NotNil(t, r.Adapter)
					used[*r.Adapter] = true
					number := slices.Index(names(5), *r.Adapter) + 1
					require.Positive(t, number)
					if tc.dialect != DialectTRTLLM {
						want.Model = *r.Adapter
					} else {
						want.LoraRequest = fmt.Appendf(nil, `{"lora_name":%q,"lora_int_id":%d,"lora_path":"/srv/lora/%s"}`, *r.Adapter, number, *r.Adapter)
					}
				}
				require.Equal(t, want, w.asks[id], id)
				r.Adapter = nil
				require.Equal(t, bare.recs[i].IntendedTS-float64(bare.begin.Unix()), r.IntendedTS-float64(o.begin.Unix()), "no other draw has moved")
			}
			assert.Len(t, used, 5)
		})
	}
}

func TestAdaptersAreDrawn(t *testing.T) {
	for _, tt := range []struct {
		pick        Adapters
		first, rest float64 // share of requests to each of the first 2 of 10 names, and to each of the rest
	}{
		{Adapters{Pick: PickUniform}, 0.1, 0.1},
		{Adapters{Pick: PickHotSet, HotSet: 0.2, HotShare: 0.8}, 0.4, 0.025},
		{Adapters{Pick: PickHotSet, HotSet: 0.16, HotShare: 0}, 0, 0.125},
	} {
		t.Run(fmt.Sprintf("%s %v", tt.pick.Pick, tt.pick.HotShare), func(t *testing.T) {
			const n = 20_000
			tt.pick.Names = names(10)
			count := [10]float64{}
			for i := range uint64(n) {
				count[tt.pick.draw(generator(i))] += 1. / n
			}
			for i, got := range count {
				want := tt.rest
				if i < 2 {
					want = tt.first
				}
				assert.InDelta(t, want, got, 0.01, "name %d", i)
			}
		})
	}
	few := Adapters{Names: names(2), Pick: PickHotSet, HotSet: 0.01, HotShare: 0.5}
	assert.Equal(t, 1, few.hot(), "at least one")
	few.HotSet = 0.99
	assert.Equal(t, 1, few.hot(), "and at least one is cold")
}

// Of requests that go by turns, each user has its own, whatever the others do.
func TestAdaptersByTurns(t *testing.T) {
	closed := func(s *Spec) {}
	open := func(s *Spec) { s.Loop = Open{Poisson{5}} }
	for name, tt := range map[string]struct {
		change func(*Spec)
		users  int
	}{"closed": {closed, 4}, "open": {open, 1}} {
		for _, pick := range []string{PickRoundRobin, PickAllOnce} {
			for _, warm := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s, %s, in warmup=%v", name, pick, warm), func(t *testing.T) {
					const n = 7
					o := drive(t, steady(1), func(s *Spec) {
						s.Adapters = &Adapters{Names: names(n), Pick: pick, Dir: "/lora", InWarmup: warm}
						tt.change(s)
					})
					require.NoError(t, o.err)
					uses := map[string]int{}
					for _, phase := range []string{record.PhaseWarmup, record.PhaseMeasure} {
						turns := map[int]int{}
						for _, r := range o.recs {
							if r.Phase != phase {
								continue
							}
							user := r.User % tt.users
							index := user + turns[user]*tt.users
							turns[user]++
							want := ""
							switch {
							case phase == record.PhaseWarmup && !warm:
							case pick == PickRoundRobin:
								want = names(n)[index%n]
							case index < n:
								want = names(n)[index]
							}
							require.Equal(t, want, adapter(r), "%s, request %d of user %d", phase, turns[user], user)
							if phase == record.PhaseMeasure {
								uses[adapter(r)]++
							}
						}
						require.Greater(t, turns[0], 1)
					}
					for _, name := range names(n) {
						if pick == PickAllOnce {
							assert.Equal(t, 1, uses[name], name)
						} else {
							assert.Greater(t, uses[name], 1, name)
						}
					}
				})
			}
		}
	}
}

func TestAdaptersAreChecked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		spec := nobody().spec(t)
		good := Adapters{Names: names(3), Pick: PickHotSet, HotSet: 0.3, HotShare: 0.9, Dir: "/lora"}
		spec.Adapters = &good
		require.NoError(t, spec.Check())
		for want, change := range map[string]func(*Adapters){
			"no name":             func(a *Adapters) { a.Names = nil },
			"name 2 is empty":     func(a *Adapters) { a.Names = []string{"a", ""} },
			`"a" is listed twice`: func(a *Adapters) { a.Names = []string{"a", "b", "a"} },
			`pick "best" is not`:  func(a *Adapters) { a.Pick = "best" },
			"at least 2 names":    func(a *Adapters) { a.Names = names(1) },
			"hot set 1 is":        func(a *Adapters) { a.HotSet = 1 },
			"hot share 1.5 is":    func(a *Adapters) { a.HotShare = 1.5 },
			"(dir) is not set":    func(a *Adapters) { a.Dir = "" },
		} {
			bad := good
			change(&bad)
			spec.Adapters = &bad
			require.ErrorContains(t, spec.Check(), want)
		}
		elsewhere := good
		elsewhere.Dir = ""
		spec.Adapters, spec.Dialect = &elsewhere, DialectDynamo
		require.NoError(t, spec.Check(), "Dynamo knows where its adapters lie")
		spec.Dialect = DialectVLLM
		require.ErrorContains(t, spec.Check(), "dialect vllm knows no lora_request: name adapters as models", "it would answer as the base model")
		elsewhere.AsModel = true
		require.NoError(t, spec.Check())
	})
}

package harness

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/evidence"
	"sparkharness/harness/gate"
	"sparkharness/harness/prompt"
	"sparkharness/harness/verdict"
)

// kvServer is a server that somebody else has started: it answers at once, and counts with each answer bytes as read from
// its tier 2 that nobody reads.
type kvServer struct {
	tokenize func(string) []uint32
	answers  atomic.Int64
	late     bool // its counters are born with the first answer to a stream
}

func (s *kvServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/v1/models":
		fmt.Fprint(w, `{"data":[{"id":"tiny"}]}`)
		return
	case "/version":
		fmt.Fprint(w, `{"version":"0.31.0"}`)
		return
	case "/metrics":
		n := s.answers.Load()
		fmt.Fprint(w, "process_start_time_seconds 1.7e9\nrunning 0\nwaiting 0\nconfig_info{block_size=\"16\"} 1\n")
		if n > 0 || !s.late {
			fmt.Fprintf(w, "hits_total %d\nread_bytes_total %d\n", 10*n, 100_000_000*n)
		}
		return
	}
	var q struct {
		Prompt    string `json:"prompt"`
		MaxTokens int    `json:"max_tokens"`
		Stream    bool   `json:"stream"`
	}
	if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	n := len(s.tokenize(q.Prompt))
	if !q.Stream {
		fmt.Fprintf(w, `{"choices":[{"text":"a"}],"usage":{"prompt_tokens":%d}}`, n)
		return
	}
	s.answers.Add(1)
	w.Header().Set("Content-Type", "text/event-stream")
	for i := range q.MaxTokens {
		finish := "null"
		if i == q.MaxTokens-1 {
			finish = `"length"`
		}
		fmt.Fprintf(w, "data: {\"choices\":[{\"index\":0,\"text\":\" tick\",\"finish_reason\":%s}]}\n\n", finish)
	}
	fmt.Fprintf(w, "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":%d,\"completion_tokens\":%d}}\n\ndata: [DONE]\n\n", n, q.MaxTokens)
}

// serverOptions are those of a two-cell plan against s as stack B, on a block device of this machine of which a name is known.
func serverOptions(t *testing.T, s *kvServer) *Options {
	t.Helper()
	devices, err := os.ReadDir("/sys/block")
	if err != nil || len(devices) == 0 {
		t.Skip("this machine has no block device")
	}
	tokenizer, err := prompt.NewTokenizer()
	require.NoError(t, err)
	s.tokenize = tokenizer.IDs
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	o, _ := realTimeOptions(t, "")
	write := func(name, text string) {
		path := filepath.Join(o.Configs, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
	hx, err := os.ReadFile(filepath.Join(o.Configs, "hypotheses", "hx.yaml"))
	require.NoError(t, err)
	write("hypotheses/hx.yaml", strings.NewReplacer("A: stackA_llama70b_baseline.yaml", "B: stackB_llama70b_dynamo_tiered.yaml").Replace(string(hx)))
	write("servers/files.yaml", `server: files
note: a server with a tier of files
api: completions
dialect: vllm
build: {path: /version, field: version}
engine: {at: /metrics, figures: {running: {names: [running]}, waiting: {names: [waiting]}, block_tokens: {names: [config_info], label: block_size}}}
kv: {at: /metrics, figures: {tier2_hits: {names: [hits]}, tier2_bytes_out: {names: [read_bytes]}}}
`)
	t.Setenv("XDG_STATE_HOME", t.TempDir()) // nobody else's run is in the way
	o.Rig, o.URL, o.Server, o.Device, o.World = "server", "B="+srv.URL, "B=files", devices[0].Name(), ""
	return o
}

// What a server counts as read from its tier 2 is held against the block device: one that stood still makes the run Invalid.
func TestServersHitsThatNoReadStandsBehind(t *testing.T) {
	for name, late := range map[string]bool{"from the first page on": false, "counters that are born under load": true} {
		t.Run(name, func(t *testing.T) {
			h := realTimeHypothesis
			h.Tier2 = gate.Tier2OnDevice
			rep, path := execute(t, h, serverOptions(t, &kvServer{late: late}))
			require.NotNil(t, rep)
			assert.Equal(t, verdict.Invalid, rep.Verdict.Outcome)
			found := gate.Gate{}
			for _, g := range rep.Verdict.Gates {
				if g.Name == "tier_2_reads" {
					found = g
				}
			}
			assert.Equal(t, "phantom_hits", found.Code, found.Detail)
			assert.Contains(t, found.Detail, "GB as read from tier 2, and the device read")

			told := ""
			for _, g := range rep.Verdict.Gates {
				if g.Name == "treatment" {
					told = g.Detail
				}
			}
			assert.Regexp(t, `; B: files 0\.31\.0 at http://127\.0\.0\.1:\d+, page engine \(.*/metrics\) with 3 of 3 figures of a process that began .* h before the first cell`, told)
			assert.Contains(t, told, "/metrics) with 2 of 2 figures of a process")
			ev, err := evidence.Load(filepath.Dir(path), nil)
			require.NoError(t, err)
			for _, c := range ev.Cells {
				require.NotNil(t, c.KV)
				assert.Positive(t, c.KV.Samples)
				assert.NotNil(t, c.KV.Tier2Hits)
				require.NotNil(t, c.Info.Server)
				assert.Equal(t, []any{"files", "0.31.0"}, []any{c.Info.Server.Kind, c.Info.Server.Build})
				page := c.Info.Server.Page("kv")
				require.NotNil(t, page)
				assert.Equal(t, map[string]string{"tier2_hits": "hits", "tier2_bytes_out": "read_bytes"}, page.Names)
				assert.True(t, page.Counts)
				assert.Equal(t, 1.7e9, *page.Began)
				assert.Greater(t, *page.Changed, *page.First)
			}
		})
	}
}

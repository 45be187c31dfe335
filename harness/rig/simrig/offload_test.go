package simrig

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/config"
	"sparkharness/harness/record"
	"sparkharness/harness/rig"
	"sparkharness/harness/sim"
)

// with makes Stack B one of a manager, as its file would have to be.
func with(st *config.Stack, o config.Offload) {
	d := st.Dynamo
	d.Offload = &o
	if o.Manager == config.OffloadFS || o.Manager == config.OffloadDisk {
		st.Endpoint.KVBMMetrics, d.OffloadMinFrequency = "", 1
	}
	switch o.Manager {
	case config.OffloadFS:
		d.Tiers.Tier2.EvictionPolicy = "none"
	case config.OffloadDisk:
		d.Tiers.Tier1 = config.Tier{}
	}
}

// The manager of the stack file and its parameters reach the machine.
func TestOffloadReachesTheMachine(t *testing.T) {
	o := options(t, "B")
	spec, _, err := Spec(o)
	require.NoError(t, err)
	assert.Equal(t, sim.OffloadSpec{}, spec.Offload)
	with(o.Stack, config.Offload{Manager: config.OffloadFS, BlocksPerChunk: 3, ReadThreads: 4, WriteThreads: 5})
	spec, _, err = Spec(o)
	require.NoError(t, err)
	assert.Equal(t, sim.OffloadSpec{Manager: sim.OffloadFS, BlocksPerChunk: 3, ReadThreads: 4, WriteThreads: 5}, spec.Offload)

	o = options(t, "B")
	with(o.Stack, config.Offload{Manager: config.OffloadDisk, BufferSlots: 6})
	spec, _, err = Spec(o)
	require.NoError(t, err)
	assert.Equal(t, sim.OffloadSpec{Manager: sim.OffloadDisk, BufferSlots: 6}, spec.Offload)
	assert.Zero(t, spec.Host)
	o.Stack.Dynamo.Tiers.Tier1 = config.Tier{CapacityBytes: 1 << 30, EvictionPolicy: "LRU"} // a sweep or a world may
	_, _, err = Spec(o)
	require.EqualError(t, err, "stack B: the manager disk has no host tier: leave it out, or take fs")
	for _, name := range config.Offloads() {
		assert.Contains(t, sim.Offloads(), name)
	}
	assert.Len(t, config.Offloads(), len(sim.Offloads()))
}

// A rig cannot read the KV of managers that have no page of KVBM's, and says so instead of reading zeros.
func TestOffloadWithoutKVTelemetry(t *testing.T) {
	for manager, knows := range map[string]bool{config.OffloadKVBM: true, config.OffloadKVBMv2: true, config.OffloadFS: false, config.OffloadDisk: false} {
		t.Run(manager, func(t *testing.T) {
			e := short(t, "default")
			e.Adapters, e.Hypothesis.Load.Adapters = nil, nil // Stack B serves none
			st, err := config.LoadStack(configs + stackFiles["B"])
			require.NoError(t, err)
			st.Model = e.Hypothesis.Model // the one that is loaded
			with(st, config.Offload{Manager: manager})
			e.Stacks = map[string]*config.Stack{"B": st}
			r, err := New(t, e)
			require.NoError(t, err)
			defer r.Close()
			for _, c := range []string{rig.KVTelemetry, rig.StartupLog} {
				if knows {
					assert.Contains(t, r.Facts().Capabilities, c)
				} else {
					assert.NotContains(t, r.Facts().Capabilities, c)
				}
			}
			err = rig.Lacks(r.Facts(), e)
			if knows {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, "H1 asks for kv_telemetry (stack B), which rig sim cannot do")
			synctest.Test(t, func(t *testing.T) {
				o := options(t, "B")
				with(o.Stack, config.Offload{Manager: manager})
				m := open(t, o)
				assert.Nil(t, m.Sources().KV)
				got, err := m.ReadBack(t.Context())
				require.NoError(t, err)
				assert.Empty(t, got.Tiers, "the log tells no tier of KVBM's")
				assert.Contains(t, got.NotReadBack, "disk tier capacity and policy")
			})
		})
	}
}

// What KVBM v2 reads from the NVMe is in the telemetry.
func TestStagingTelemetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := options(t, "B")
		with(o.Stack, config.Offload{Manager: config.OffloadKVBMv2})
		o.Stack.Dynamo.OffloadMinFrequency = 1
		o.Stack.Dynamo.Tiers.Tier0.CapacityBytes, o.Stack.Dynamo.Tiers.Tier1.CapacityBytes = 400<<20, 400<<20
		words := strings.Repeat
		o.Tokenize = func(s string) []uint32 {
			out := make([]uint32, len(s))
			for i, b := range []byte(s) {
				out[i] = uint32(b)
			}
			return out
		}
		m := open(t, o)
		e := m.Endpoint()
		for _, prompt := range []string{words("a", 1025), words("b", 1025), words("c", 1025), words("a", 1025)} {
			body, err := json.Marshal(map[string]any{"model": "nvidia/Llama-3.3-70B-Instruct-NVFP4", "prompt": prompt, "max_tokens": 1})
			require.NoError(t, err)
			req, err := e.HTTP.Request(t.Context(), http.MethodPost, e.BaseURL+"/v1/completions", strings.NewReader(string(body)))
			require.NoError(t, err)
			req.Header.Set("Content-Type", "application/json")
			resp, err := e.HTTP.Do(req)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			require.Equal(t, http.StatusOK, resp.StatusCode)
			time.Sleep(time.Minute)
		}
		var s record.KVSample
		require.NoError(t, m.Sources().KV.SampleKV(t.Context(), &s))
		require.NotNil(t, s.Tier2.Hits)
		assert.Positive(t, *s.Tier2.Hits)
		assert.Equal(t, *s.Tier2.Hits*10*(1<<20), *s.Tier2.BytesOut)
		assert.Nil(t, s.Tier2.FetchP95ms, "its page has no histogram of fetches")
	})
}

package simrig

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/config"
	"sparkharness/harness/record"
	"sparkharness/harness/telemetry"
)

const configs = root + "/configs/"

var stackFiles = map[string]string{"A": "stackA_llama70b_baseline.yaml", "B": "stackB_llama70b_dynamo_tiered.yaml"}

// options are those of a stack as committed, in the default world.
func options(t testing.TB, stack string) Options {
	t.Helper()
	folder, err := config.OpenFolder(configs)
	require.NoError(t, err)
	o, err := Configured(folder, stackFiles[stack], "default", "", "")
	require.NoError(t, err)
	o.Seed, o.Dir = 1, t.TempDir()
	o.Tokenize = func(s string) []uint32 { return make([]uint32, len(strings.Fields(s))) }
	return o
}

// open starts a machine that the test closes.
func open(t testing.TB, o Options) *Machine {
	t.Helper()
	s, err := OpenMachine(o)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, s.Close()) })
	return s
}

// The servers say what the committed configuration asks for.
func TestReadBack(t *testing.T) {
	for stack, want := range map[string]struct {
		model string
		pool  float64
		rest  []string
	}{
		"A": {"Llama-3.3-70B-Instruct-NVFP4", 16 << 30, []string{}},
		"B": {"nvidia/Llama-3.3-70B-Instruct-NVFP4", 8 << 30,
			[]string{"loader", "prefetch depth", "tier exclusiveness"}},
	} {
		t.Run(stack, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				got, err := open(t, options(t, stack)).ReadBack(t.Context())
				require.NoError(t, err)
				assert.Equal(t, want.model, got.Model)
				assert.Equal(t, "nvidia/Llama-3.3-70B-Instruct-NVFP4", got.WantModel)
				assert.Equal(t, new(32.0), got.BlockTokens)
				assert.Equal(t, 32.0, got.WantBlockTokens)
				assert.Equal(t, 10.0*(1<<20), got.KVBlockBytes, "2 x 80 layers x 8 heads x 128 x 2 B x 32 tokens")
				assert.Equal(t, want.pool, got.WantKVPool)
				require.NotNil(t, got.KVPoolBytes)
				assert.InDelta(t, want.pool, *got.KVPoolBytes, got.KVBlockBytes, "whole blocks")
				assert.Equal(t, *got.KVPoolBytes, *got.KVPoolBlocks*got.KVBlockBytes)
				assert.Equal(t, want.rest, got.NotReadBack)
			})
		})
	}
}

// A server with another block size than the configuration's says so, and its pool follows.
func TestReadBackOfAnotherBlockSize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, options(t, "A"))
		asked := *s.opts.Stack
		asked.Runtime.TokensPerBlock = 64
		s.opts.Stack = &asked
		s.spec.BlockTokens = 64
		got, err := s.ReadBack(t.Context())
		require.NoError(t, err)
		assert.Equal(t, new(32.0), got.BlockTokens)
		assert.Equal(t, 64.0, got.WantBlockTokens)
		assert.Equal(t, 1638*10.0*(1<<20), *got.KVPoolBytes, "blocks of the server's size")
	})
}

// Every source of a machine gives values from its second sample on.
func TestTelemetry(t *testing.T) {
	for stack, pages := range map[string][]string{"A": {"engine.prom"}, "B": {"engine.prom", "kvbm.prom"}} {
		t.Run(stack, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tel := open(t, options(t, stack)).Sources()
				time.Sleep(tickOffset)
				var sys record.SysSample
				var kv record.KVSample
				for range 2 {
					time.Sleep(200 * time.Millisecond)
					require.NoError(t, tel.Refresh(t.Context()))
					sys = record.SysSample{}
					for _, src := range tel.Sys {
						require.NoError(t, src.Sample(t.Context(), &sys), src.Name())
					}
					if tel.KV != nil {
						kv = record.KVSample{}
						require.NoError(t, tel.KV.SampleKV(t.Context(), &kv))
					}
				}
				for name, group := range map[string]bool{"cpu": sys.CPU != nil, "mem": sys.Mem != nil, "psi": sys.PSI != nil,
					"gpu": sys.GPU != nil, "nvme": sys.NVMe != nil, "engine": sys.Engine != nil} {
					require.True(t, group, name)
				}
				assert.InDelta(t, 100, sys.CPU.User+sys.CPU.System+sys.CPU.IOWait+sys.CPU.Idle, 0.1)
				assert.Nil(t, sys.GPU.MemUsedBytes, "a GB10 does not tell")
				assert.NotNil(t, sys.Engine.KVMaxBlocks)
				assert.Equal(t, "engine", tel.Sys[len(tel.Sys)-1].Name(), "what can hang comes last")
				assert.Equal(t, stack == "A", tel.Perf != nil)
				assert.Equal(t, stack == "B", tel.KV != nil)
				if tel.KV != nil {
					assert.Equal(t, new(10.0*(1<<20)), kv.BlockSizeBytes)
					assert.Equal(t, new(0.0), kv.Tier2.Hits)
				}
				assert.Equal(t, pages, slices.Sorted(maps.Keys(tel.Scrapes)))
				for name, page := range tel.Scrapes {
					assert.NotEmpty(t, page(), name)
				}
			})
		})
	}
}

// A KV source that cannot be opened is missing in every sample, and not absent.
func TestFailedKVSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, options(t, "B"))
		s.spec.BlockTokens = 0
		kv := s.Sources().KV
		require.NotNil(t, kv)
		assert.Equal(t, "kvbm", kv.Name())
		assert.ErrorContains(t, kv.SampleKV(t.Context(), &record.KVSample{}), "block size of 0 bytes")
	})
}

// Files of a machine that cannot be written are the rig's fault and not the machine's: nothing is measured by them.
func TestFailedRender(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := OpenMachine(options(t, "B"))
		require.NoError(t, err)
		defer func() { assert.Error(t, s.Close(), "the files are closed twice") }()
		require.NoError(t, s.files.Close())
		tel := s.Sources()
		assert.ErrorContains(t, tel.Refresh(t.Context()), "render")
		sampler := &telemetry.Sampler{Cadence: 200 * time.Millisecond, Offset: tel.TickOffset, Start: time.Now(), Refresh: tel.Refresh,
			Sys: tel.Sys, KV: tel.KV, Phase: func() string { return record.PhaseMeasure },
			OnSys: func(*record.SysSample) error { return nil }, OnKV: func(*record.KVSample) error { return nil }}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = sampler.Run(ctx)
		require.ErrorContains(t, err, "render")
	})
}

// Close ends everything, requests under way included: a goroutine that stayed would fail the bubble.
func TestCloseUnderLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := OpenMachine(options(t, "B"))
		require.NoError(t, err)
		e := s.Endpoint()
		failed := make(chan error)
		go func() {
			body := `{"model":"nvidia/Llama-3.3-70B-Instruct-NVFP4","prompt":"` + strings.Repeat("w ", 4096) + `","max_tokens":64}`
			req, err := e.HTTP.Request(context.Background(), http.MethodPost, e.BaseURL+"/v1/completions", strings.NewReader(body))
			if err != nil {
				failed <- nil
				return
			}
			req.Header.Set("Content-Type", "application/json")
			resp, err := e.HTTP.Do(req)
			if err == nil {
				if resp.StatusCode != http.StatusOK {
					err = errors.New(resp.Status)
				}
				resp.Body.Close()
			}
			failed <- err
		}()
		time.Sleep(time.Second)
		require.NoError(t, s.Close())
		assert.Error(t, <-failed, "an answer that is no success")
		_, err = s.ReadBack(context.Background())
		assert.ErrorContains(t, err, "endpoint.url of the stack file: no server at http://127.0.0.1:9000 (start it")
	})
}

func TestOpenSimRefuses(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(o *Options)
		want   string
	}{
		"address taken": {func(o *Options) { o.Stack.Endpoint.KVBMMetrics = o.Stack.Endpoint.EngineMetrics },
			"127.0.0.1:8081: address already in use"},
		"no worker address": {func(o *Options) { o.Stack.Endpoint.EngineMetrics = "" }, "no address for the worker server"},
		"no KVBM address":   {func(o *Options) { o.Stack.Endpoint.KVBMMetrics = "" }, "no address for the kvbm server"},
		"no adapter slots":  {func(o *Options) { o.Adapters = []string{"a"} }, "runtime.max_loras must say"},
		"unknown model":     {func(o *Options) { o.Stack.Model = "L9B" }, `model "L9B" or engine "tensorrt-llm" was not loaded`},
		"too much memory": {func(o *Options) { o.Stack.Dynamo.Tiers.Tier1.CapacityBytes = 80 << 30 },
			"6.0 GiB for the operating system + 39.1 GiB of weights + 8.0 GiB of KV pool + 80.0 GiB of host tier + 0.0 GiB of the loader's buffers + 8.0 GiB in reserve = 141.1 GiB"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := options(t, "B")
				tt.change(&o)
				_, err := OpenMachine(o)
				require.ErrorContains(t, err, tt.want)
				assert.NotContains(t, err.Error(), "\n")
			})
		})
	}
}

// A machine that did not come up is closed like any other: what had been started has ended already.
func TestCloseAfterAFailedBegin(t *testing.T) {
	for name, change := range map[string]func(o *Options){
		"address taken":     func(o *Options) { o.Stack.Endpoint.KVBMMetrics = o.Stack.Endpoint.EngineMetrics },
		"no worker address": func(o *Options) { o.Stack.Endpoint.EngineMetrics = "" },
		"unknown model":     func(o *Options) { o.Stack.Model = "L9B" },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := options(t, "B")
				change(&o)
				s := &Machine{opts: o, scratch: true}
				require.Error(t, s.Begin(t.Context(), record.PlannedCell{MachineSeed: 1}))
				require.NoError(t, s.Close())
				assert.NoDirExists(t, o.Dir)
			})
		})
	}
}

// What is committed fits the machine, in each world: vast_ram beside the 8B of H5, whose control it is, the others beside a 70B.
func TestCommittedMemoryFits(t *testing.T) {
	worlds, err := filepath.Glob(configs + "worlds/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, worlds)
	folder, err := config.OpenFolder(configs)
	require.NoError(t, err)
	for _, stack := range []string{"A", "B"} {
		for _, file := range worlds {
			model := ""
			if filepath.Base(file) == "vast_ram.yaml" {
				model = "L8B"
			}
			o, err := Configured(folder, stackFiles[stack], "default", model, "")
			require.NoError(t, err)
			o.World, err = config.LoadWorld(file)
			require.NoError(t, err)
			o.World.Reduce(o.Stack)
			_, _, err = Spec(o)
			assert.NoError(t, err, "%s of stack %s", file, stack)
		}
	}
}

// The host tier of ample_ram holds 32 prefixes of 4096 tokens of a 70B in fp16.
func TestAmpleRAM(t *testing.T) {
	o := options(t, "B")
	var err error
	o.World, err = config.LoadWorld(configs + "worlds/ample_ram.yaml")
	require.NoError(t, err)
	o.World.Reduce(o.Stack)
	spec, _, err := Spec(o)
	require.NoError(t, err)
	assert.Greater(t, spec.Host.CapacityBytes, 32*4096*spec.KVBytesPerToken())
}

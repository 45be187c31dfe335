package diskrig

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/config"
	"sparkharness/harness/rig/simrig"
	"sparkharness/harness/sim"
)

// quick is a Stack B whose model is fast and has blocks of 8 KiB: a prompt of four blocks fits the device and the host tier,
// a second one pushes it out of both.
func quick(o sim.OffloadSpec) sim.Spec {
	s := sim.Spec{
		Dialect: sim.DialectDynamo, KVElemBytes: 2, BlockTokens: 32, MaxBatchSize: 8, MaxNumTokens: 2048, BlockReuse: true, Offload: o,
		Model: sim.Model{Name: "small", Served: "test/small", Layers: 1, KVHeads: 1, HeadDim: 64, WeightsBytes: 1 << 20,
			DecodeBaseNS: 200_000, KVReadBytesPerSec: 1e11, DecodePerSeqNS: 1000, PrefillTokensPerSec: 1e6, PrefillRefTokens: 2048},
		OffloadMinFreq: 1, Tokenize: func(s string) []uint32 {
			out := []uint32{}
			for _, w := range strings.Fields(s) {
				var h uint32
				for _, c := range w {
					h = h*31 + uint32(c)
				}
				out = append(out, h)
			}
			return out
		},
		Loader: sim.LoaderSpec{QueueDepth: 1, IOBytes: 4 << 10, SoftwareNSPerIO: 100_000},
	}
	for tier, blocks := range map[*sim.TierSpec]int64{&s.Device: 6, &s.Host: 4, &s.Disk: 12} {
		*tier = sim.TierSpec{CapacityBytes: blocks * s.BlockBytes(), Policy: "LRU"}
	}
	if o.Manager == sim.OffloadDisk {
		s.Host = sim.TierSpec{}
	}
	return s
}

// committed is the committed Stack B in a world.
func committed(t testing.TB, world string) simrig.Options {
	t.Helper()
	folder, err := config.OpenFolder("../../../configs")
	require.NoError(t, err)
	o, err := simrig.Configured(folder, "stackB_llama70b_dynamo_tiered.yaml", world, "", "")
	require.NoError(t, err)
	return o
}

// physics is the calibrated machine.
func physics(t testing.TB) sim.Params {
	t.Helper()
	p, err := committed(t, "default").Physics()
	require.NoError(t, err)
	return p.Params
}

// server is a simulated machine on a storage, over HTTP.
type server struct {
	t       testing.TB
	machine *sim.Machine
	storage *Storage
	pages   map[string]http.Handler
}

func onStorage(t testing.TB, spec sim.Spec, p sim.Params) *server {
	t.Helper()
	s := opened(t, t.TempDir(), For(spec, p))
	m, err := sim.StartOn(spec, p, s)
	require.NoError(t, err)
	t.Cleanup(m.Close) // before the storage's
	return &server{t, m, s, m.Handlers()}
}

// ask sends a prompt of so many words and returns the answer.
func (s *server) ask(tag string, words int) (status int, body string, cached int) {
	s.t.Helper()
	text := strings.TrimSpace(strings.Repeat(tag+" ", words))
	req := httptest.NewRequest(http.MethodPost, "/v1/completions",
		strings.NewReader(`{"model":"test/small","prompt":"`+text+`","max_tokens":2}`)).WithContext(s.t.Context())
	req.Header.Set("Content-Type", "application/json")
	rec := httptest.NewRecorder()
	s.pages["frontend"].ServeHTTP(rec, req)
	var answer struct {
		Usage struct {
			Details struct {
				Cached int `json:"cached_tokens"`
			} `json:"prompt_tokens_details"`
		} `json:"usage"`
	}
	_ = json.Unmarshal(rec.Body.Bytes(), &answer) // an error's body is not one
	return rec.Code, rec.Body.String(), answer.Usage.Details.Cached
}

// metrics are the pages of what moves KV.
func (s *server) metrics() string {
	var all strings.Builder
	for _, name := range []string{"worker", "kvbm"} {
		if s.pages[name] != nil {
			rec := httptest.NewRecorder()
			s.pages[name].ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/metrics", nil))
			all.Write(rec.Body.Bytes())
		}
	}
	return all.String()
}

func (s *server) stats() sim.EngineStats {
	s.t.Helper()
	st, err := s.machine.Stats(s.t.Context())
	require.NoError(s.t, err)
	return st
}

// stored waits until so many blocks are in tier 2.
func (s *server) stored(blocks int64) {
	s.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		kv := s.stats().KV
		if kv.OffloadH2D+kv.OffloadD2D >= blocks {
			return
		}
		require.True(s.t, time.Now().Before(deadline), "%d blocks in tier 2", blocks)
	}
}

// With each manager a prefix that memory has lost comes back from the drive, and what the server's counters say is what has
// been read and written.
func TestMachineOnStorage(t *testing.T) {
	for _, o := range []sim.OffloadSpec{{}, {Manager: sim.OffloadKVBMv2}, {Manager: sim.OffloadFS}, {Manager: sim.OffloadFS, BlocksPerChunk: 2},
		{Manager: sim.OffloadDisk}} {
		t.Run(fmt.Sprint(o.Manager, o.BlocksPerChunk), func(t *testing.T) {
			s := onStorage(t, quick(o), physics(t))
			for i, tag := range []string{"a", "b", "c"} {
				status, body, _ := s.ask(tag, 129)
				require.Equal(t, http.StatusOK, status, body)
				s.stored(4 * int64(i+1))
			}
			require.Zero(t, s.storage.Figures().Reads.Bytes)
			for _, tag := range []string{"a", "b"} {
				status, body, cached := s.ask(tag, 129)
				require.Equal(t, http.StatusOK, status, body)
				assert.Equal(t, 128, cached)
			}
			st, f := s.stats(), s.storage.Figures()
			const block = 8 << 10
			assert.Equal(t, (st.KV.OnboardD2D+st.KV.OnboardD2H)*block, f.Reads.Bytes, "%+v", st.KV)
			assert.EqualValues(t, 8*block, f.Reads.Bytes)
			assert.EqualValues(t, 12*block, f.Writes.Bytes)
			assert.EqualValues(t, 2, st.Fetch.Transfer.Count)
			assert.GreaterOrEqual(t, st.Fetch.Transfer.Sum, f.Reads.Took.Seconds(), "the histogram has the reads, one after another")
			assert.GreaterOrEqual(t, f.Reads.Measured+f.Reads.Slept+mostLate, f.Reads.Configured)
			require.NoError(t, s.machine.Err())
			labels := `{engine="0",model_name="test/small",tier="1:fs"}`
			for _, line := range map[string][]string{
				"": {"kvbm_onboard_blocks_d2d 8\n", "kvbm_offload_blocks_h2d 12\n",
					`kvbm_transfer_d2d_onboard_seconds_count{worker_id="0"} 2`},
				sim.OffloadKVBMv2: {"kvbm_onboard_blocks_d2h 8\n", "kvbm_offload_blocks_h2d 12\n"},
				sim.OffloadFS: {fmt.Sprintf("vllm:kv_offload_tiering_read_bytes_total%s %d", labels, f.Reads.Bytes),
					fmt.Sprintf("vllm:kv_offload_tiering_write_bytes_total%s %d", labels, f.Writes.Bytes)},
			}[o.Manager] {
				// Not Contains, which would print the page.
				assert.True(t, strings.Contains(s.metrics(), line), "%s", line)
			}
		})
	}
}

// A restart in the middle of writes: slots are given away anew, and of the manager fs what was whole is found again.
func TestRestartOnStorage(t *testing.T) {
	for _, o := range []sim.OffloadSpec{{}, {Manager: sim.OffloadFS}} {
		t.Run(o.Manager, func(t *testing.T) {
			s := onStorage(t, quick(o), physics(t))
			for range 3 {
				for _, tag := range []string{"a", "b", "c", "a"} {
					status, body, _ := s.ask(tag, 129)
					require.Equal(t, http.StatusOK, status, body)
				}
				require.NoError(t, s.machine.Restart(t.Context()))
			}
			require.NoError(t, s.machine.Err(), "each block held what was written there")
			if o.Manager != sim.OffloadFS {
				return
			}
			status, body, _ := s.ask("a", 129)
			require.Equal(t, http.StatusOK, status, body)
			require.NoError(t, s.machine.Err())
		})
	}
}

// What comes back wrong stops the machine, and whoever asks is told why.
func TestCorruptionStopsTheMachine(t *testing.T) {
	s := onStorage(t, quick(sim.OffloadSpec{}), physics(t))
	for i, tag := range []string{"a", "b"} {
		status, body, _ := s.ask(tag, 129)
		require.Equal(t, http.StatusOK, status, body)
		s.stored(4 * int64(i+1))
	}
	f, err := os.OpenFile(filepath.Join(s.storage.Path(), "kv"), os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = f.WriteAt(make([]byte, 12*8<<10), 0)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	status, body, _ := s.ask("a", 129)
	assert.Equal(t, http.StatusServiceUnavailable, status)
	assert.Contains(t, body, "corruption: page")
	<-s.machine.Done()
	require.ErrorIs(t, s.machine.Err(), ErrCorruption)
	require.ErrorIs(t, s.machine.Err(), sim.ErrStopped)
}

// What a machine stores follows from what it is.
func TestFor(t *testing.T) {
	p := physics(t)
	assert.False(t, Needed(sim.Spec{}, p))
	spec := quick(sim.OffloadSpec{})
	assert.True(t, Needed(spec, p))
	assert.Equal(t, Options{BlockBytes: 8 << 10, KVBlocks: 12}, For(spec, p))
	assert.Equal(t, Options{BlockBytes: 8 << 10, KVBlocks: 10, ChunkBlocks: 5}, For(quick(sim.OffloadSpec{Manager: sim.OffloadFS, BlocksPerChunk: 5}), p))
	assert.Equal(t, 1, For(quick(sim.OffloadSpec{Manager: sim.OffloadFS}), p).ChunkBlocks)
	spec.Disk = sim.TierSpec{}
	for name, tc := range map[string]struct {
		set  func(*sim.Spec, *sim.Mechanisms)
		want Options
	}{
		"adapters": {func(s *sim.Spec, _ *sim.Mechanisms) { s.LoRA.Adapters = []sim.Adapter{adapter("a")} },
			Options{Adapters: []sim.Adapter{adapter("a")}}},
		"weights": {func(_ *sim.Spec, m *sim.Mechanisms) { m.PagedWeightsBytes = 5 }, Options{WeightsBytes: 5}},
		"swap":    {func(_ *sim.Spec, m *sim.Mechanisms) { m.KVSwapToNVMe = true }, Options{Swaps: true}},
		"spill":   {func(_ *sim.Spec, m *sim.Mechanisms) { m.WriteOnlySpill = true }, Options{SpillBytes: spillBytes}},
		"log":     {func(_ *sim.Spec, m *sim.Mechanisms) { m.RequestLogBytes = 1 }, Options{SpillBytes: spillBytes}},
		"search":  {func(_ *sim.Spec, m *sim.Mechanisms) { m.IndexSearch = 1 }, Options{OtherBytes: otherBytes}},
		"bursts": {func(_ *sim.Spec, m *sim.Mechanisms) { m.Bursts = sim.BurstSpec{ReadBytes: 7, WriteBytes: 9, Every: 1} },
			Options{OtherBytes: 9}},
	} {
		s, p := spec, p
		tc.set(&s, &p.Mechanisms)
		tc.want.BlockBytes = 8 << 10
		assert.True(t, Needed(s, p), name)
		assert.Equal(t, tc.want, For(s, p), name)
	}
}

// What is about the modelled drive is refused.
func TestCheckRefusesTheModelledDrive(t *testing.T) {
	for world, want := range map[string]string{
		"default": "", "quiet_neighbours": "",
		"steady_reader": "has fio on the modelled drive (steady), which can be run on the directory itself: take another world",
		"cpu_sleep":     "models how CPUs sleep", "second_drive": "world second_drive has what a real drive has not (KVOnSecondDrive is of",
		"power_save": "PowerSave",
	} {
		o := committed(t, world)
		if want == "" {
			require.NoError(t, Check(o), world)
			o.World.Drive = "sata"
			require.ErrorContains(t, Check(o), "models the drive sata")
			o.World.Drive, o.Fio = "", true
			require.ErrorContains(t, Check(o), "run them on the directory")
			continue
		}
		require.ErrorContains(t, Check(o), want)
	}
}

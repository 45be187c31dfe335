package sim_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/sim"
)

// The published rates of a buffered read on a Spark, and the copy to the device.
const (
	coldBytesPerSec = 1.1e9
	warmBytesPerSec = 7.1e9
	copyBytesPerSec = 100e9
)

// specLoRA is Stack A with adapters of rank 64 named a, b, c and so on.
func specLoRA(t *testing.T, adapters, slots int) sim.Spec {
	s := specA(t, "L8B")
	s.LoRA.Slots = slots
	for i := range adapters {
		s.LoRA.Adapters = append(s.LoRA.Adapters, sim.Adapter{Name: string(rune('a' + i)), Bytes: s.Model.LoRABytes(64)})
	}
	return s
}

// under sends one streamed completion under an adapter; empty is none.
func (m *machine) under(adapter, id, text string, maxTokens int) answer {
	body := map[string]any{"model": m.served, "prompt": text, "max_tokens": maxTokens, "stream": true, "stream_options": map[string]any{}}
	if adapter != "" {
		body["lora_request"] = map[string]any{"lora_name": adapter, "lora_int_id": adapter[0] - 'a', "lora_path": "adapters/" + adapter}
	}
	a := m.send(id, body)
	require.Equal(m.t, http.StatusOK, a.status, a.body)
	return a
}

// touch is the time to first token of a short request under an adapter, in seconds.
func (m *machine) touch(adapter string) float64 {
	a := m.under(adapter, "u0-q0", prompt("x", 64), 2)
	return a.ttft.Seconds()
}

func TestLoRABytes(t *testing.T) {
	for _, tc := range []struct {
		model string
		rank  int
		want  int64
	}{
		// q, o 2 x 8,192; k, v 2 x 5,120; gate, up, down 3 x 18,432: 81,920 a layer and rank, 32 layers, 2 bytes.
		{"L8B", 1, 5_242_880},
		{"L8B", 16, 83_886_080},
		// 2 x 16,384 + 2 x 9,216 + 3 x 36,864 = 161,792, 80 layers.
		{"L70B", 1, 25_886_720},
		{"L70B", 16, 414_187_520},
	} {
		assert.Equal(t, tc.want, model(t, tc.model).LoRABytes(tc.rank), "%s rank %d", tc.model, tc.rank)
	}
}

// What a touch costs depends on where the adapter is: in a slot, in the page cache or on the NVMe.
func TestAdapterTouch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		spec := specLoRA(t, 2, 1)
		size := spec.LoRA.Adapters[0].Bytes
		m := start(t, spec, sim.DefaultParams())
		files, err := sim.NewFiles(t.TempDir())
		require.NoError(t, err)
		defer files.Close()
		none := m.touch("")
		var read, loads int64
		for i, tc := range []struct {
			name, adapter string
			drop          bool
			want          float64 // seconds longer than without an adapter
			nvme          bool
			loads         int64
		}{
			{"cold", "a", false, float64(size)/coldBytesPerSec + float64(size)/copyBytesPerSec, true, 1},
			{"in its slot", "a", false, 0, false, 0},
			{"cold, evicts a", "b", false, float64(size)/coldBytesPerSec + float64(size)/copyBytesPerSec, true, 1},
			{"evicted but cached", "a", false, float64(size)/warmBytesPerSec + float64(size)/copyBytesPerSec, false, 1},
			{"in its slot, caches dropped", "a", true, 0, false, 0},
			{"evicted and dropped", "b", false, float64(size)/coldBytesPerSec + float64(size)/copyBytesPerSec, true, 1},
		} {
			if tc.drop {
				require.NoError(t, m.DropCaches(context.Background()))
			}
			time.Sleep(500 * time.Nanosecond)
			before := hostCounters(t, m, files)
			time.Sleep(500 * time.Nanosecond)
			got := m.touch(tc.adapter)
			time.Sleep(500 * time.Nanosecond)
			after := hostCounters(t, m, files)
			time.Sleep(500 * time.Nanosecond)
			assert.InDelta(t, none+tc.want, got, 0.01*tc.want+1e-9, tc.name)
			wantRead, wantBlocked := 0.0, 0.0
			if tc.nvme {
				read += size
				wantRead = float64(size)
				// The task is blocked while the drive works on a window of 128 KiB: 68.5 of 119.2 us.
				wantBlocked = float64(size) / coldBytesPerSec * 68.5 / 119.2
			}
			loads += tc.loads
			assert.InDelta(t, wantRead, after.readBytes-before.readBytes, 0.01*float64(size), "%s: diskstats", tc.name)
			assert.InDelta(t, wantBlocked, after.ioSome-before.ioSome, 0.03*wantBlocked+0.001, "%s: pressure", tc.name)
			assert.InDelta(t, wantBlocked, after.iowait-before.iowait, 0.03*wantBlocked+0.021, "%s: iowait, in jiffies", tc.name)
			assert.Equal(t, sim.LoRAStats{Loads: loads, Evictions: max(0, loads-1), BytesRead: read, BytesCopied: loads * size, Resident: 1},
				m.stats().LoRA, "%s, touch %d", tc.name, i)
		}
	})
}

// A read out of the page cache is one CPU's copy, however often the counters are read.
func TestWarmReadTakesCPUTime(t *testing.T) {
	load := func(t *testing.T, poll time.Duration, adapter string) (cpu float64) {
		synctest.Test(t, func(t *testing.T) {
			spec := specLoRA(t, 2, 1)
			spec.LoRA.Adapters[0].Bytes = 14_200_000_000
			spec.LoRA.Adapters[1].Bytes = 1000
			m := start(t, spec, sim.DefaultParams())
			files, err := sim.NewFiles(t.TempDir())
			require.NoError(t, err)
			defer files.Close()
			m.touch("a")
			m.touch("b")
			time.Sleep(500 * time.Nanosecond)
			before := cpuSeconds(t, m, files)
			time.Sleep(500 * time.Nanosecond)
			var wg sync.WaitGroup
			wg.Go(func() { m.touch(adapter) })
			time.Sleep(500 * time.Nanosecond)
			for range 3 * time.Second / poll {
				time.Sleep(poll)
				cpu = cpuSeconds(t, m, files) - before
			}
			wg.Wait()
		})
		return cpu
	}
	idle := load(t, 3*time.Second, "b") // the same tokens, no load
	for _, poll := range []time.Duration{10 * time.Millisecond, 3 * time.Second} {
		assert.InDelta(t, 2, load(t, poll, "a")-idle, 0.03, "14.2 GB at 7.1 GB/s, read every %v", poll)
	}
}

// Requests for one adapter share its load; another adapter's load comes after it.
func TestAdapterLoadIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := start(t, specLoRA(t, 2, 2), sim.DefaultParams())
		adapters := []string{"a", "a", "b", "a"}
		ttft := make([]float64, len(adapters))
		var wg sync.WaitGroup
		for i, name := range adapters {
			wg.Go(func() {
				time.Sleep(time.Duration(i) * 50 * time.Millisecond)
				ttft[i] = m.under(name, fmt.Sprintf("u%d-q0", i), prompt(fmt.Sprint("p", i), 64), 2).ttft.Seconds()
			})
		}
		wg.Wait()
		one := float64(model(t, "L8B").LoRABytes(64)) * (1/coldBytesPerSec + 1/copyBytesPerSec)
		step := 0.0488
		assert.InDelta(t, one+step, ttft[0], 0.005)
		assert.InDelta(t, one-0.05+step, ttft[1], 0.005, "joins the load under way")
		assert.InDelta(t, one-0.15+step, ttft[3], 0.005, "joins it too: the load of b does not stand before it")
		assert.InDelta(t, 2*one-0.1+step, ttft[2], step, "the one loader reads b after a")
		assert.EqualValues(t, 2, m.stats().LoRA.Loads)
	})
}

// With every slot in use admission stops, and nobody overtakes the one that waits.
func TestAdapterSlotsInUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := start(t, specLoRA(t, 3, 1), sim.DefaultParams())
		adapters := []string{"a", "b", "", "a"}
		tokens := []int{100, 2, 2, 2}
		first, last := make([]time.Duration, 4), make([]time.Duration, 4)
		began := time.Now()
		var wg sync.WaitGroup
		for i, name := range adapters {
			wg.Go(func() {
				time.Sleep(time.Duration(i) * time.Microsecond)
				a := m.under(name, fmt.Sprintf("u%d-q0", i), prompt(fmt.Sprint("p", i), 64), tokens[i])
				last[i] = time.Since(began)
				first[i] = last[i] - a.e2e + a.ttft
			})
		}
		time.Sleep(2 * time.Second)
		st := m.stats()
		assert.Equal(t, []int{1, 3}, []int{st.Running, st.Waiting})
		wg.Wait()
		assert.Greater(t, first[1], last[0], "b waits for the slot")
		assert.Greater(t, first[2], last[0], "no adapter, but behind b")
		assert.Greater(t, first[3], last[1], "a has lost its slot to b")
		st = m.stats()
		assert.Equal(t, []int64{3, 2}, []int64{st.LoRA.Loads, st.LoRA.Evictions})
	})
}

// The slot that goes is the one whose last use is the longest ago: a use lasts until the request ends.
func TestAdapterEviction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := start(t, specLoRA(t, 3, 2), sim.DefaultParams())
		var wg sync.WaitGroup
		wg.Go(func() { m.under("a", "u0-q0", prompt("p", 64), 50) })
		time.Sleep(time.Second)
		m.touch("b")
		wg.Wait() // a was admitted before b and ends after it
		m.touch("c")
		loads := m.stats().LoRA.Loads
		m.touch("a")
		assert.Equal(t, loads, m.stats().LoRA.Loads, "a is still there")
		m.touch("b")
		assert.Equal(t, loads+1, m.stats().LoRA.Loads, "b went")
	})
}

// A client that goes away while its adapter is being loaded leaves the slot to others.
func TestAdapterOfCancelledRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := start(t, specLoRA(t, 2, 1), sim.DefaultParams())
		ctx, cancel := context.WithCancel(context.Background())
		var wg sync.WaitGroup
		wg.Go(func() {
			defer func() { assert.Equal(t, http.ErrAbortHandler, recover()) }()
			body := fmt.Sprintf(`{"model":%q,"prompt":"x","stream":true,"lora_request":{"lora_name":"a","lora_int_id":0,"lora_path":"a"}}`, m.served)
			m.handlers["frontend"].ServeHTTP(httptest.NewRecorder(),
				httptest.NewRequestWithContext(ctx, http.MethodPost, "/v1/completions", strings.NewReader(body)))
		})
		time.Sleep(100 * time.Millisecond)
		cancel()
		wg.Wait()
		size := float64(model(t, "L8B").LoRABytes(64))
		assert.InDelta(t, 2*size/coldBytesPerSec-0.1, m.touch("b"), 0.1)
		st := m.stats()
		assert.Equal(t, sim.LoRAStats{Loads: 2, Evictions: 1, BytesRead: 2 * int64(size), BytesCopied: 2 * int64(size), Resident: 1}, st.LoRA)
		assert.Zero(t, st.Running)
	})
}

// A server that preloads reads everything before it admits anything, at a restart too: then out of the
// page cache, unless that was dropped.
func TestAdaptersPreloaded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := context.Background()
		spec := specLoRA(t, 3, 1)
		size := spec.LoRA.Adapters[0].Bytes
		p := sim.DefaultParams()
		p.Mechanisms.LoRAPreloaded = true
		m := start(t, spec, p)
		cold := 3 * float64(size) * (1/coldBytesPerSec + 1/copyBytesPerSec)
		warm := 3 * float64(size) * (1/warmBytesPerSec + 1/copyBytesPerSec)
		step := 0.0488

		files, err := sim.NewFiles(t.TempDir())
		require.NoError(t, err)
		defer files.Close()

		free := hostCounters(t, m, files).free
		assert.InEpsilon(t, cold+step, m.touch(""), 0.01, "the queue waits for the server")
		assert.Equal(t, free-3*size, look(t, m, files).free, "the page cache")
		one := specLoRA(t, 3, 1)
		assert.Equal(t, hostCounters(t, start(t, one, sim.DefaultParams()), files).free-2*size, free, "a slot each")
		assert.Equal(t, sim.LoRAStats{Loads: 3, BytesRead: 3 * size, BytesCopied: 3 * size, Resident: 3}, m.stats().LoRA, "a slot each")
		for _, name := range []string{"a", "b", "c"} {
			assert.InDelta(t, step, m.touch(name), 0.001, name)
		}
		time.Sleep(500 * time.Nanosecond)
		require.NoError(t, m.RestartLoRA(ctx))
		// Back to the grid of events, to which a load keeps that began off it.
		time.Sleep(time.Microsecond - time.Duration(time.Now().Nanosecond())%time.Microsecond)
		restarted := m.under("a", "u0-q0", prompt("x", 64), 2).ttft
		assert.InEpsilon(t, warm+step, restarted.Seconds(), 0.01)
		assert.Zero(t, restarted%time.Microsecond)
		assert.Equal(t, sim.LoRAStats{Loads: 3, BytesCopied: 3 * size, Resident: 3}, m.stats().LoRA, "counted since the restart")
		require.NoError(t, m.DropCaches(ctx))
		require.NoError(t, m.RestartLoRA(ctx))
		assert.InEpsilon(t, cold+step, m.touch("a"), 0.01)
	})
}

// Without a preload a restart leaves empty slots and the page cache.
func TestRestartEmptiesSlots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := start(t, specLoRA(t, 2, 2), sim.DefaultParams())
		m.touch("a")
		time.Sleep(500 * time.Nanosecond)
		require.NoError(t, m.RestartLoRA(context.Background()))
		assert.Equal(t, sim.LoRAStats{}, m.stats().LoRA)
		m.touch("a")
		size := model(t, "L8B").LoRABytes(64)
		assert.Equal(t, sim.LoRAStats{Loads: 1, BytesCopied: size, Resident: 1}, m.stats().LoRA)
	})
}

// A restart in the middle of a preload begins it anew, wherever the load stands; what the device and the
// CPU have done stays counted.
func TestRestartDuringPreload(t *testing.T) {
	size := model(t, "L8B").LoRABytes(64)
	read := time.Duration(float64(size) / coldBytesPerSec * 1e9)
	for name, after := range map[string]time.Duration{"at once": 0, "read": read / 2, "copy": read + time.Millisecond, "second read": read * 3 / 2} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := sim.DefaultParams()
				p.Mechanisms.LoRAPreloaded = true
				m := start(t, specLoRA(t, 2, 1), p)
				files, err := sim.NewFiles(t.TempDir())
				require.NoError(t, err)
				defer files.Close()
				began := time.Now()
				time.Sleep(after + 500*time.Nanosecond)
				before := hostCounters(t, m, files)
				require.NoError(t, m.RestartLoRA(context.Background()))
				same := hostCounters(t, m, files)
				assert.Equal(t, before, same)
				time.Sleep(500 * time.Nanosecond)
				m.touch("b")
				st := m.stats().LoRA
				assert.EqualValues(t, 2, st.Loads)
				cached := int64(0) // of the two adapters, before the restart
				if after >= read {
					cached = size
				}
				assert.Equal(t, 2*size-cached, st.BytesRead)
				time.Sleep(500 * time.Nanosecond)
				done := hostCounters(t, m, files)
				assert.InDelta(t, float64(2*size-cached), done.readBytes-before.readBytes, 0.01*float64(size))
				// Idle cores, engine cores, the CPU's part of each window read, the copy out of the page cache.
				h := sim.DefaultParams().Host
				want := h.IdleCores*time.Since(began).Seconds() + h.EngineCores*float64(m.stats().BusyNS)/1e9 +
					done.readBytes/float64(h.ReadaheadBytes)*float64(h.ReadaheadNS)/1e9 + float64(cached)/warmBytesPerSec
				assert.InDelta(t, want, done.cpu, 0.025)
			})
		})
	}
}

// A restart in the middle of a read out of the page cache keeps the CPU time of the part that was done.
func TestRestartDuringWarmRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		spec := specLoRA(t, 1, 1)
		spec.LoRA.Adapters[0].Bytes = 14_200_000_000
		p := sim.DefaultParams()
		p.Mechanisms.LoRAPreloaded = true
		m := start(t, spec, p)
		files, err := sim.NewFiles(t.TempDir())
		require.NoError(t, err)
		defer files.Close()
		time.Sleep(20 * time.Second)
		before := look(t, m, files)
		require.NoError(t, m.RestartLoRA(context.Background()))
		time.Sleep(time.Second)
		busy := 1.0 // of 2 s of a CPU's copy; the 0.142 s to the device come after
		assert.InDelta(t, busy+p.Host.IdleCores, look(t, m, files).cpu-before.cpu, 0.03)
		require.NoError(t, m.RestartLoRA(context.Background()))
		time.Sleep(3 * time.Second)
		assert.Equal(t, sim.LoRAStats{Loads: 1, BytesCopied: 14_200_000_000, Resident: 1}, m.stats().LoRA)
		assert.InDelta(t, busy+2+4*p.Host.IdleCores, look(t, m, files).cpu-before.cpu, 0.03)
	})
}

// KV that was computed under an adapter is another's KV to all others.
func TestAdaptersShareNoKV(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		spec := specLoRA(t, 2, 2)
		spec.BlockReuse = true
		m := start(t, spec, sim.DefaultParams())
		for _, name := range []string{"a", "b", ""} {
			assert.Zero(t, m.under(name, "u0-q0", prompt("same", 256), 2).cached, "first under %q", name)
		}
		for _, name := range []string{"a", "b", ""} {
			assert.Equal(t, 224, m.under(name, "u0-q0", prompt("same", 256), 2).cached, "second under %q", name)
		}
	})
}

// Requests without an adapter find the machine as it is without any.
func TestAdaptersUnusedChangeNothing(t *testing.T) {
	run := func(t *testing.T, spec sim.Spec) (out []answer, st sim.EngineStats) {
		out = make([]answer, 20)
		synctest.Test(t, func(t *testing.T) {
			spec.Device.CapacityBytes, spec.BlockReuse = 1<<30, true
			m := start(t, spec, sim.DefaultParams())
			var wg sync.WaitGroup
			for i := range out {
				wg.Go(func() {
					time.Sleep(time.Duration(i*i%7) * 400 * time.Millisecond)
					out[i] = m.under("", fmt.Sprintf("u%d-q0", i), prompt(fmt.Sprint("p", i%4), 1000), 3+i)
				})
			}
			wg.Wait()
			st = m.stats()
		})
		return out, st
	}
	without, statsWithout := run(t, specA(t, "L8B"))
	with, statsWith := run(t, specLoRA(t, 4, 2))
	assert.Equal(t, without, with)
	assert.Equal(t, statsWithout, statsWith)
}

// The same seed gives the same bytes at any GOMAXPROCS.
func TestAdaptersDeterministic(t *testing.T) {
	var want string
	for i, procs := range []int{1, 4, 1, 4} {
		var out []answer
		var st sim.LoRAStats
		before := runtime.GOMAXPROCS(procs)
		synctest.Test(t, func(t *testing.T) {
			m := start(t, specLoRA(t, 6, 2), sim.DefaultParams())
			out = make([]answer, 40)
			var wg sync.WaitGroup
			for i := range out {
				wg.Go(func() {
					time.Sleep(time.Duration(i*i%11) * 300 * time.Millisecond)
					out[i] = m.under(string(rune('a'+i*5%6)), fmt.Sprintf("u%d-q0", i), prompt(fmt.Sprint("p", i), 300), 2+i%9)
				})
			}
			wg.Wait()
			st = m.stats().LoRA
		})
		runtime.GOMAXPROCS(before)
		got := fmt.Sprintf("%+v %+v", out, st)
		if i == 0 {
			want = got
			assert.Greater(t, st.Evictions, int64(5), "the slots are fought for")
		}
		assert.True(t, want == got, "run %d, GOMAXPROCS %d: another answer", i, procs)
	}
}

// The dialects: who may name an adapter, and how.
func TestAdapterDialect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := start(t, specLoRA(t, 2, 2), sim.DefaultParams())
		dynamo := specB(t, "L8B")
		dynamo.LoRA = specLoRA(t, 2, 2).LoRA
		p := sim.DefaultParams()
		p.Mechanisms.LoRAPreloaded = true
		d := start(t, dynamo, p)
		asAdapter := *d
		asAdapter.served = "a"
		lora := func(fields string) string { return `"lora_request":{` + fields + `}` }
		for _, tc := range []struct {
			m            *machine
			fields, want string
			status       int
		}{
			{m, lora(`"lora_name":"a","lora_int_id":0,"lora_path":"adapters/a"`), `"text":`, http.StatusOK},
			{m, lora(`"lora_name":"a label","lora_int_id":7,"lora_path":"b"`), `"text":`, http.StatusOK},
			{m, lora(`"lora_name":"a","lora_int_id":3,"lora_path":"adapters/a"`), "adapter a has id 0", http.StatusBadRequest},
			{m, lora(`"lora_name":"b","lora_int_id":0,"lora_path":"adapters/b"`), "adapter a has id 0", http.StatusBadRequest},
			{m, lora(`"lora_name":"x","lora_int_id":1,"lora_path":"adapters/x"`), `"message":"lora_path (adapters/x) does not exist."`, http.StatusBadRequest},
			{m, lora(`"lora_name":"a","lora_int_id":0`), "lora_path () does not exist.", http.StatusBadRequest},
			{m, lora(`"lora_name":"a","lora_path":"adapters/a"`), "lora_int_id: field required", http.StatusBadRequest},
			{m, lora(`"lora_int_id":0,"lora_path":"adapters/a"`), "lora_name: field required", http.StatusBadRequest},
			{m, lora(`"lora_name":"a","lora_int_id":0,"lora_path":"adapters/a","rank":8`), `'lora_request', 'rank'), 'msg': 'Extra inputs are not permitted'`, http.StatusBadRequest},
			{d, lora(`"lora_name":"a","lora_int_id":0,"lora_path":"adapters/a"`), "Validation: Unsupported parameter(s): `lora_request`", http.StatusBadRequest},
			{&asAdapter, `"max_tokens":2`, "Model not found", http.StatusNotFound},
			{d, `"max_tokens":2`, `"text":`, http.StatusOK},
		} {
			rec := tc.m.post(8, tc.fields)
			assert.Equal(t, tc.status, rec.Code, tc.fields)
			assert.Contains(t, rec.Body.String(), tc.want, tc.fields)
		}
		rec := m.postTo("/v1/chat/completions", "application/json",
			`{"model":"m","messages":[{"role":"user","content":"x"}],`+lora(`"lora_name":"x","lora_int_id":1,"lora_path":"x"`)+`}`)
		assert.Equal(t, http.StatusBadRequest, rec.Code)
		assert.Contains(t, rec.Body.String(), "lora_path (x) does not exist.", "chat too")
		assert.Equal(t, sim.LoRAStats{}, d.stats().LoRA, "Dynamo reads no adapter")
		assert.EqualValues(t, 2, m.stats().LoRA.Loads)
	})
}

// In vLLM's dialect an adapter is a model, which is listed once a request has named it.
func TestAdaptersInVLLM(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		spec := specLoRA(t, 2, 2)
		spec.Dialect = sim.DialectVLLM
		m := start(t, spec, sim.DefaultParams())
		listed := func() (ids []string) {
			var list struct{ Data []struct{ ID, Parent string } }
			require.NoError(t, json.Unmarshal([]byte(m.get("frontend", "/v1/models")), &list))
			for _, model := range list.Data {
				ids = append(ids, model.ID+" of "+model.Parent)
			}
			return ids
		}
		base := m.served
		assert.Equal(t, []string{base + " of "}, listed())
		for _, stream := range []string{"false", "true"} {
			rec := m.postTo(completions, "application/json", `{"model":"b","prompt":"x","max_tokens":2,"stream":`+stream+`}`)
			require.Equal(t, http.StatusOK, rec.Code, rec.Body.String())
			assert.Contains(t, rec.Body.String(), `"model":"b"`)
			assert.NotContains(t, rec.Body.String(), base)
		}
		assert.Equal(t, []string{base + " of ", "b of " + base}, listed())
		assert.EqualValues(t, 1, m.stats().LoRA.Loads, "the first alone loads it")
		assert.Equal(t, spec.LoRA.Adapters[1].Bytes, m.stats().LoRA.BytesRead)
		rec := m.postTo(completions, "application/json", `{"model":"x","prompt":"x","max_tokens":2}`)
		assert.Equal(t, http.StatusNotFound, rec.Code)
		assert.Contains(t, rec.Body.String(), "The model `x` does not exist.")
	})
}

func TestLoRASpecRefusals(t *testing.T) {
	for want, change := range map[string]func(*sim.LoRASpec){
		"at least one adapter slot":                      func(l *sim.LoRASpec) { l.Slots = 0 },
		`a file name of its own for each adapter ("")`:   func(l *sim.LoRASpec) { l.Adapters[0].Name = "" },
		`a file name of its own for each adapter ("a")`:  func(l *sim.LoRASpec) { l.Adapters[1].Name = "a" },
		`a file name of its own for each adapter ("/a")`: func(l *sim.LoRASpec) { l.Adapters[1].Name = "/a" },
		`the size of adapter "a"`:                        func(l *sim.LoRASpec) { l.Adapters[0].Bytes = 0 },
	} {
		spec := specLoRA(t, 2, 1)
		change(&spec.LoRA)
		_, err := sim.Start(spec, sim.DefaultParams(), 1)
		assert.ErrorContains(t, err, want)
	}
}

func TestLoRAIsAssumed(t *testing.T) {
	names := func(s sim.Spec) string { return strings.Join(sim.DefaultParams().Assumed(s), "\n") }
	assert.NotContains(t, names(specA(t, "L8B")), "adapter")
	assert.Contains(t, names(specLoRA(t, 1, 1)), "adapter compute")
	assert.Contains(t, names(specLoRA(t, 1, 1)), "adapter load path (buffered file read; no TensorRT-LLM figure for GB10)")
}

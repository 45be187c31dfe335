package sim_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/sim"
)

// smallSpec is a Stack B whose model is fast and has blocks of 8 KiB: a prompt of four blocks fits the device and
// the host tier, a second one pushes it out of both.
func smallSpec() sim.Spec {
	s := sim.Spec{
		Dialect: sim.DialectDynamo, KVElemBytes: 2, BlockTokens: 32, MaxBatchSize: 8, MaxNumTokens: 2048, BlockReuse: true,
		Model: sim.Model{Name: "small", Served: "test/small", Layers: 1, KVHeads: 1, HeadDim: 64, WeightsBytes: 1 << 20,
			DecodeBaseNS: 200_000, KVReadBytesPerSec: 1e11, DecodePerSeqNS: 1000, PrefillTokensPerSec: 1e6, PrefillRefTokens: 2048},
		OffloadMinFreq: 1, Tokenize: oneTokenAWord,
		Loader: sim.LoaderSpec{QueueDepth: 2, IOBytes: 4 << 10},
	}
	for tier, blocks := range map[*sim.TierSpec]int64{&s.Device: 6, &s.Host: 4, &s.Disk: 12} {
		*tier = sim.TierSpec{CapacityBytes: blocks * s.BlockBytes(), Policy: "LRU"}
	}
	return s
}

// onFiles starts a machine on real files. The test's clock is the real one.
func onFiles(t *testing.T) (*machine, *fileStorage) {
	spec := smallSpec()
	f := newFileStorage(t, spec.BlockBytes())
	t.Cleanup(func() { assert.NoError(t, f.Close()) }) // after the machine's
	return startOn(t, spec, sim.DefaultParams(), f), f
}

// offloaded waits until so many blocks have been written to tier 2.
func (m *machine) offloaded(blocks int64) {
	m.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); m.stats().KV.OffloadH2D < blocks; {
		require.True(m.t, time.Now().Before(deadline), "%d blocks in tier 2", blocks)
		time.Sleep(time.Millisecond)
	}
}

// In real time on real files: a prefix that memory has lost comes back from where it was written, over HTTP.
func TestMachineOnFiles(t *testing.T) {
	m, f := onFiles(t)
	files, err := sim.NewFiles(t.TempDir())
	require.NoError(t, err)
	defer files.Close()
	for i, tag := range []string{"a", "b", "c"} {
		status, body := m.call(t.Context(), "u0-q0", prompt(tag, 129), "", 4)
		require.Equal(t, http.StatusOK, status, body)
		m.offloaded(4 * int64(i+1))
	}
	require.Zero(t, f.bytesRead.Load())
	for i, tag := range []string{"a", "b"} {
		a := m.ask("u0-q1", prompt(tag, 129), 4)
		require.Equal(t, http.StatusOK, a.status, a.body)
		assert.Equal(t, 128, a.cached)
		assert.EqualValues(t, 4*(i+1), m.stats().KV.OnboardD2D)
	}
	require.NoError(t, m.Err(), "each block held what was written there")
	block := m.stats().KV.Disk.BytesOut / 8
	assert.EqualValues(t, 8<<10, block)
	assert.Equal(t, 8*block, f.bytesRead.Load())
	assert.Equal(t, 12*block, f.bytesWritten.Load())
	require.NoError(t, m.Render(t.Context(), files))
	read, written := diskBytes(t, files)
	assert.Equal(t, map[string]int64{"nvme0n1": 8 * block}, read)
	assert.Equal(t, map[string]int64{"nvme0n1": 12 * block}, written)
}

// Several clients at once, and a restart while blocks are being written, in real time.
func TestCrowdOnFiles(t *testing.T) {
	m, f := onFiles(t)
	f.cost = 100 * time.Microsecond
	for range 2 {
		var wg sync.WaitGroup
		for c := range 4 {
			wg.Go(func() {
				for i := range 12 {
					status, body := m.call(t.Context(), fmt.Sprintf("u%d-q%d", c, i), prompt(fmt.Sprint("p", (i*(c+1))%5), 65+32*(i%3)), "", 1)
					assert.Equal(t, http.StatusOK, status, body)
				}
			})
		}
		wg.Wait()
		require.NoError(t, m.Err())
		assert.Positive(t, m.stats().KV.OnboardD2D)
		require.NoError(t, m.Restart(t.Context()))
	}
}

// A device that fails stops the machine: the request that waits for it is told what happened, as is every later
// one, and nothing hangs.
func TestStorageFails(t *testing.T) {
	m, f := onFiles(t)
	for i, tag := range []string{"a", "b"} {
		m.ask("u0-q0", prompt(tag, 129), 1)
		m.offloaded(4 * int64(i+1))
	}
	f.fault = func(io sim.IO) error {
		if io.Write() {
			return nil
		}
		return fmt.Errorf("read slot %d: %w", io.Blocks[0].Slot, syscall.EIO)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for _, tag := range []string{"a", "c"} {
		status, body := m.call(ctx, "u0-q1", prompt(tag, 129), "", 1)
		assert.Equal(t, http.StatusServiceUnavailable, status)
		assert.Contains(t, body, "load of 3 blocks of tier 2: read slot", "one is still on the device")
		assert.Contains(t, body, "input/output error")
	}
	for _, err := range []error{m.Err(), m.Restart(ctx), m.DropCaches(ctx)} {
		require.ErrorIs(t, err, syscall.EIO)
		require.ErrorIs(t, err, sim.ErrStopped)
	}
	<-m.Done()
	m.Close()
	require.ErrorIs(t, m.Err(), syscall.EIO, "closing hides nothing")
	require.NoError(t, ctx.Err())
}

// An answer under way is cut when the device fails.
func TestStorageFailsInStream(t *testing.T) {
	m, f := onFiles(t)
	begun := make(chan struct{}) // the answer has, for the client
	f.fault = func(sim.IO) error {
		<-begun
		return syscall.ENOSPC
	}
	srv := httptest.NewServer(m.handlers["frontend"])
	defer srv.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, srv.URL+"/v1/completions",
		strings.NewReader(`{"model":"test/small","prompt":"`+prompt("a", 64)+`","max_tokens":120,"stream":true}`))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	res, err := srv.Client().Do(req)
	require.NoError(t, err)
	defer res.Body.Close()
	first := make([]byte, 1)
	_, err = io.ReadFull(res.Body, first)
	require.NoError(t, err)
	close(begun)
	body, err := io.ReadAll(res.Body)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.NoError(t, ctx.Err())
	assert.NotContains(t, string(body), "[DONE]")
	require.ErrorContains(t, m.Err(), "write of 2 blocks to tier 2: no space left on device")
}

// A machine that is closed while I/O is under way has no error of its own, and the storage has time to finish.
func TestCloseDuringIO(t *testing.T) {
	m, f := onFiles(t)
	f.cost = 10 * time.Millisecond
	m.ask("u0-q0", prompt("a", 129), 1)
	m.Close()
	require.NoError(t, m.Err())
	_, err := m.Stats(t.Context())
	require.Equal(t, sim.ErrStopped, err)
}

// While it waits for the device the engine sleeps.
func TestEngineSleepsDuringIO(t *testing.T) {
	m, f := onFiles(t)
	f.fault = func(sim.IO) error {
		time.Sleep(50 * time.Millisecond)
		return nil
	}
	m.ask("u0-q0", prompt("a", 129), 1)
	before := f.advances.Load()
	time.Sleep(100 * time.Millisecond)
	assert.Less(t, f.advances.Load()-before, int64(10))
	m.offloaded(4)
}

// What only the modelled drives have is refused.
func TestStorageIsNotModelled(t *testing.T) {
	m, f := onFiles(t)
	_, err := m.StartForeign(t.Context(), sim.ForeignLoop{Stream: sim.NVMeStream{ReadShare: 1, IOBytes: 4096, Depth: 1}})
	require.ErrorContains(t, err, "not modelled")
	p := sim.DefaultParams()
	p.Mechanisms.KVOnSecondDrive = true
	_, err = sim.StartOn(smallSpec(), p, f)
	require.ErrorContains(t, err, "KVOnSecondDrive")
}

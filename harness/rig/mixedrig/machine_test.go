package mixedrig

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/record"
	"sparkharness/harness/restore"
	"sparkharness/harness/rig"
)

// ask sends a prompt of so many blocks of 32 tokens that begins with a word of its own, and returns when it is answered.
func ask(t *testing.T, e rig.Endpoint, tag string, blocks int) {
	t.Helper()
	body, err := json.Marshal(map[string]any{"model": "nvidia/Llama-3.1-8B-Instruct-FP8", "prompt": strings.TrimSpace(strings.Repeat(tag+" ", 32*blocks+1)),
		"max_tokens": 1})
	require.NoError(t, err)
	req, err := e.HTTP.Request(t.Context(), http.MethodPost, e.BaseURL+"/v1/completions", bytes.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	resp, err := e.HTTP.Do(req)
	require.NoError(t, err)
	said, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusOK, resp.StatusCode, string(said))
}

// begun are the sources once they have something to say: nvidia-smi's first line comes a cadence after the start.
func begun(t *testing.T, m rig.Machine) rig.Sources {
	t.Helper()
	s := m.Sources()
	require.Eventually(t, func() bool {
		for _, source := range s.Sys {
			if source.Sample(t.Context(), &record.SysSample{}) != nil {
				return false
			}
		}
		return true
	}, time.Minute, 50*time.Millisecond)
	return s
}

// settled waits until the loader moves nothing any more. It asks the files: the machine's own figures come with reads of the idle drive.
func settled(t *testing.T, m rig.Machine) {
	t.Helper()
	last := int64(-1)
	require.Eventually(t, func() bool {
		f := m.(*machine).storage.Figures()
		moved := f.Reads.Bytes + f.Writes.Bytes
		same := moved == last
		last = moved
		return same
	}, time.Minute, 100*time.Millisecond)
}

// sampled is what all sources say of the time since the sample before.
func sampled(t *testing.T, s rig.Sources, dt time.Duration) *record.SysSample {
	t.Helper()
	out := &record.SysSample{DtMS: float64(dt.Milliseconds())}
	for _, source := range s.Sys {
		require.NoError(t, source.Sample(t.Context(), out), source.Name())
	}
	return out
}

// A cell's figures are those of who measures them: the server's I/O is what the loader moved on the files, the drive's is the
// kernel's, and the KV manager's page agrees with both. The next cell begins with empty tiers, on the same file.
func TestMachineOnADrive(t *testing.T) {
	dir := onDrive(t)
	e := small(t, "default")
	r, out := opened(t, e, dir)
	require.NoError(t, r.Check(e, plan()))
	require.NoError(t, r.Prepare(t.Context()))
	assert.Contains(t, out.String(), "of 64 MiB written its counters showed ")
	require.Error(t, restore.TurnTaken(r.(*Rig).o.Journal), "it measures")
	var first *kept
	var last record.IdleReads
	for cell := range 2 {
		m, err := r.Open(t.Context(), e.Stacks["B"])
		require.NoError(t, err)
		require.NoError(t, m.Begin(t.Context(), plan().Cells[0]))
		proof, err := m.ProveCounters(t.Context())
		require.NoError(t, err)
		shown, known := proof.Shown()
		assert.True(t, known && shown, "%+v", proof)
		set, err := m.ReadBack(t.Context())
		require.NoError(t, err)
		require.Len(t, set.Tiers, 2)
		assert.EqualValues(t, 128<<20, set.Tiers[1].Bytes)

		s := begun(t, m)
		for _, tag := range []string{"a", "b", "c", "d", "a", "b", "c", "d"} {
			ask(t, m.Endpoint(), tag, 4)
			settled(t, m)
		}
		var kv record.KVSample
		require.NoError(t, s.KV.SampleKV(t.Context(), &kv))
		now := sampled(t, s, time.Second)
		require.NotNil(t, now.Server)
		use := s.Storage(t.Context())
		assert.InDelta(t, use.Reads.Bytes, now.Server.ReadBytes, 0)
		assert.InDelta(t, use.Writes.Bytes, now.Server.WriteBytes, 0)
		assert.Positive(t, use.Reads.Bytes)
		assert.GreaterOrEqual(t, now.NVMe.ReadBytes, use.Reads.Bytes, "others can only add to it")
		assert.InDelta(t, use.Reads.IOs*220e-6, use.Reads.ConfiguredS, 1e-6)
		around := s.Health(t.Context())
		assert.Positive(t, around.Before.At)
		assert.Greater(t, around.After.At, around.Before.At)
		if k := around.Before.Kernel; k != nil && k.NewestS != nil && around.After.Kernel != nil {
			assert.NotNil(t, around.After.Kernel.Since, "the state afterwards is read against the one before")
		}
		require.NotNil(t, use.Reads.Took)
		assert.EqualValues(t, use.Reads.IOs, use.Reads.Took.Count(), "of this cell alone")
		assert.EqualValues(t, use.Writes.IOs, use.Writes.Took.Count())
		assert.LessOrEqual(t, use.Reads.Took.Max().Seconds(), use.Reads.TookS)
		assert.NotEmpty(t, use.Drive.MountOptions)
		require.NotNil(t, use.Drive.FreeBytes)
		assert.Positive(t, *use.Drive.FreeBytes)
		require.Len(t, use.Idle, 2, "the idle drive is read before the cell and after it")
		for _, idle := range use.Idle {
			assert.Positive(t, idle.P50US)
			assert.GreaterOrEqual(t, idle.N, 100)
			assert.InDelta(t, 128<<10, idle.Bytes, 0)
		}
		if cell == 1 {
			assert.Equal(t, last, use.Idle[0], "as it was after the cell before, a moment ago")
		}
		last = use.Idle[1]
		require.NotNil(t, now.CPU)
		require.NotNil(t, s.Device)
		assert.Nil(t, s.Refresh)
		assert.Zero(t, s.TickOffset)

		storage := m.(*machine).storage
		if cell == 0 {
			first = storage
		}
		assert.Same(t, first, storage, "the tier is written once")
		require.NoError(t, m.Close())
		assert.Zero(t, storage.Figures(), "the next cell counts from 0")
	}
	assert.Equal(t, 1, strings.Count(out.String(), "of 64 MiB written"), "the drive is proved once a run, and a little before each cell")
	require.NoError(t, r.Close())
}

// The neighbour and the probe are real, and are gone when they are undone.
func TestTreated(t *testing.T) {
	dir := onDrive(t)
	e := small(t, "default")
	e.Hypothesis.Sweep.Fio, e.Fio = []string{"none", "a"}, map[string]string{"none": "", "a": reading}
	r, out := opened(t, e, dir)
	if err := r.Check(e, plan()); err != nil {
		t.Skipf("NOT TESTED WITH FIO: %v", err)
	}
	require.NoError(t, r.Prepare(t.Context()))
	assert.Contains(t, out.String(), "which are written once and removed at the end")
	m, err := r.Open(t.Context(), e.Stacks["B"])
	require.NoError(t, err)
	require.NoError(t, m.Begin(t.Context(), plan().Cells[0]))
	s := begun(t, m)
	probe, err := m.Apply(t.Context(), rig.Treatment{Kind: rig.Probe})
	require.NoError(t, err)
	load, err := m.Apply(t.Context(), rig.Treatment{Kind: rig.Fio, Name: "a", Text: reading})
	require.NoError(t, err)
	sampled(t, s, 0)
	for until := time.Now().Add(time.Minute); ; {
		time.Sleep(500 * time.Millisecond)
		now := sampled(t, s, 500*time.Millisecond)
		assert.Zero(t, now.Server.ReadBytes, "neither is the server's")
		if now.Fio != nil && now.Fio.ReadBytes > 0 && now.Probe != nil && now.Probe.N > 0 {
			break
		}
		require.True(t, time.Now().Before(until), "fio and the probe read")
	}
	require.NoError(t, load.Undo(context.Background()))
	require.NoError(t, probe.Undo(context.Background()))
	assert.Nil(t, sampled(t, s, time.Second).Fio)
	restarted, err := m.Apply(t.Context(), rig.Treatment{Kind: rig.Restart})
	require.NoError(t, err)
	assert.Equal(t, rig.Restart, restarted.Seen.Treatment)
	require.NoError(t, m.Close())
}

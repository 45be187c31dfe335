package launch

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/config"
)

// logged writes pieces into a log of a kind's patterns.
func logged(t *testing.T, kind string, room int64, secrets []string, pieces ...string) (*Log, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "log")
	l, err := newLog(path, kindOf(t, kind).Launch.Log, secrets, room)
	require.NoError(t, err)
	for _, p := range pieces {
		n, err := writer{l, ""}.Write([]byte(p))
		require.NoError(t, err)
		assert.Equal(t, len(p), n)
	}
	l.end("")
	require.NoError(t, l.close())
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return l, string(text)
}

func means(l *Log) map[string]string {
	out := map[string]string{}
	for _, f := range l.Findings() {
		if f.Means != config.LogReading {
			out[f.Name] = f.Means
		}
	}
	return out
}

// Lines as vLLM 0.31 writes them: connector, pool, and what its tiers complain of.
func TestReadsVLLM(t *testing.T) {
	l, _ := logged(t, "vllm-disk", maxLog, nil,
		"(EngineCore pid=1) INFO 09-02 11:00:00 [gpu_worker.py:492] Initial free memory 106.94 GiB, reserved 6.0 GiB memory for KV Cache as specified by kv_cache_memory_bytes config and skipped\n",
		"\x1b[32mINFO\x1b[0m [kv_cache_utils.py:2141] GPU KV cache size: 443,628 tokens, Maximum concurrency for 131,072 tokens per request: 3.38x\n",
		"INFO [factory.py:64] Creating v1 connector with name: SimpleCPUOffloadConnector and engine_id: 12\n")
	assert.Equal(t, "SimpleCPUOffloadConnector", l.Reading("connector"))
	assert.Equal(t, 443628.0, *l.Number("kv_tokens"))
	assert.Equal(t, 6.0*(1<<30), *l.Bytes("kv_pool"))
	assert.Nil(t, l.Bytes("tier1"))
	assert.Empty(t, means(l))

	for line, want := range map[string]map[string]string{
		"WARNING [io.py:88] O_DIRECT is not supported on this filesystem; falling back to buffered I/O": {"o_direct": config.LogFault},
		"INFO [io.py:90] O_DIRECT probe passed":                                                         {},
		"ERROR [manager.py:12] OSError: [Errno 28] No space left on device":                             {"full": config.LogFault},
		"ERROR pwritev failed: [Errno 22] Invalid argument":                                             {"misaligned": config.LogFault},
		"WARNING Turning off hybrid kv cache manager because it is disabled":                            {"hma": config.LogWarning},
		"WARNING HMA disabled for this connector":                                                       {"hma": config.LogWarning},
		"WARNING cudaHostRegister failed with 801":                                                      {"memlock": config.LogFault},
		"ERROR promotion of chunk 0x12 failed":                                                          {"load_failed": config.LogFault},
		"INFO loaded weights in 12.3 s, no promotion, nothing failed to start":                          {},
	} {
		l, _ := logged(t, "vllm-disk", maxLog, nil, line+"\n")
		assert.Equal(t, want, means(l), line)
	}
}

// KVBM over GPUDirect Storage that is not there: what it answers then may be another prompt's.
func TestReadsKVBM(t *testing.T) {
	l, _ := logged(t, "dynamo-kvbm", maxLog, nil,
		"[TensorRT-LLM][INFO] [MemUsageChange] Allocated 1.56 GiB for max tokens in paged KV cache (12800).\n",
		"E1018 gds_mt_backend.cpp] GDS_MT: file registration failed for fd 71\n", "WARN createXferReq returned NIXL_ERR_BACKEND\n")
	assert.Equal(t, map[string]string{"gds": config.LogCorruption, "xfer": config.LogCorruption}, means(l))
	assert.Equal(t, 12800.0, *l.Number("kv_tokens"))
	assert.InDelta(t, 1.56*(1<<30), *l.Bytes("kv_pool"), 1)
}

// A line counts once, wherever the pipe cuts it, and each write looks only at what is new.
func TestLogIsReadOnce(t *testing.T) {
	text := "GPU KV cache size: 1,024 tokens\nO_DIRECT is not supported\r\nsome more\nO_DIRECT is not supported"
	for cut := range len(text) {
		l, kept := logged(t, "vllm-fs", maxLog, nil, text[:cut], text[cut:])
		require.Equal(t, 1024.0, *l.Number("kv_tokens"), cut)
		found := l.Findings()
		require.Equal(t, "o_direct", found[1].Name)
		require.Equal(t, 2, found[1].Times, cut)
		require.Equal(t, "GPU KV cache size: 1,024 tokens\nO_DIRECT is not supported\nsome more\nO_DIRECT is not supported\n", kept)
	}
	l, _ := logged(t, "sim-vllm", maxLog, nil, "tier=device blocks=10 x\n", "tier=0:primary chunks=3 bytes_per_chunk=100 eviction_policy=LRU\n", "tier=device blocks=11\n")
	assert.Equal(t, 11.0, *l.Number("kv_blocks"), "the newest")
	assert.Equal(t, 300.0, *l.Bytes("tier1"))
	assert.Equal(t, "LRU", l.Reading("policy"))
}

// The file is bounded, and what is not kept is looked at all the same; a line without end is, too.
func TestLogIsBounded(t *testing.T) {
	filler := strings.Repeat("x", 99) + "\n"
	l, kept := logged(t, "vllm", 1000, nil, strings.Repeat(filler, 20), "GPU KV cache size: 7 tokens\n")
	assert.Less(t, len(kept), 1200)
	assert.Contains(t, kept, "the log is longer than is kept")
	assert.Equal(t, 7.0, *l.Number("kv_tokens"))
	assert.Equal(t, "GPU KV cache size: 7 tokens", l.last())
	assert.Len(t, strings.Split(strings.TrimSpace(l.lastLines()), "\n"), keepTail+1)

	endless, kept := logged(t, "vllm", maxLog, nil, strings.Repeat("y", maxLine/2), strings.Repeat("y", maxLine), strings.Repeat("y", maxLine))
	assert.Empty(t, endless.partial)
	assert.Less(t, len(endless.last()), 400)
	assert.Equal(t, maxLine*5/2, strings.Count(kept, "y"))
}

// What a server echoes of a secret is not kept.
func TestLogHidesSecrets(t *testing.T) {
	const token = "hf_abcdefgh12345"
	l, kept := logged(t, "vllm", maxLog, []string{token, "ab"}, fmt.Sprintf("401 for token %s of ab\n", token))
	assert.Equal(t, "401 for token *** of ab\n", kept)
	assert.NotContains(t, l.lastLines(), token)

	_, kept = logged(t, "vllm", maxLog, []string{token[:6], token}, fmt.Sprintf("%s and %s\n", token, token[:6]))
	assert.Equal(t, "*** and ***\n", kept, "the longest first")

	// Nor of one that lies across the end of what is looked at of an endless line, however it comes.
	for _, at := range []int{maxLine - 1, maxLine - 8, maxLine - len(token), maxLine} {
		for _, pieces := range [][]string{
			{strings.Repeat("y", at) + token + "z\n"},
			{strings.Repeat("y", at), token + "z\n"},
			{strings.Repeat("y", at) + token[:7], token[7:] + "z\n"},
			{strings.Repeat("y", at) + token[:7], token[7:]},
			{strings.Repeat("y", at) + token + strings.Repeat("z", 99)},
			{strings.Repeat("y", at) + token[:7], token[7:] + strings.Repeat("z", 99) + "\n"},
			{token + strings.Repeat("y", at-len(token)) + token[:12], token[12:] + strings.Repeat("z", 99) + "\n"},
			{token + strings.Repeat("y", at-len(token)) + token[:12], token[12:] + "z\n"},
			{strings.Repeat(token, 50) + strings.Repeat("y", at-50*len(token)) + token[:12], token[12:] + "z\n"},
		} {
			_, kept = logged(t, "vllm", maxLog, []string{token}, pieces...)
			assert.NotContains(t, strings.ReplaceAll(kept, "\n", ""), token[:5], "%d", at)
			assert.Contains(t, strings.ReplaceAll(kept, "\n", ""), "y***", "%d", at)
		}
	}
}

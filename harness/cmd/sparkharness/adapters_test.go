package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/sim"
)

// adapterIn writes an adapter with so many bytes of weights into a folder, and returns the bytes of its files.
func adapterIn(t *testing.T, dir, name string, weights int) int64 {
	t.Helper()
	const configuration = `{"peft_type":"LORA","r":16,"base_model_name_or_path":"m"}`
	tensors := safetensors(make([]byte, weights))
	require.NoError(t, os.MkdirAll(filepath.Join(dir, name), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, name, "adapter_config.json"), []byte(configuration), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(dir, name, "adapter_model.safetensors"), tensors, 0o644))
	return int64(len(tensors) + len(configuration))
}

// asks asks a server for two tokens.
func asks(t *testing.T, s *servers, fields string) (status int, body string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+s.open[0].listener.Addr().String()+"/v1/completions",
		strings.NewReader(`{"prompt":"Why?","max_tokens":2,`+fields+`}`))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(text)
}

// Adapters in files are served in the forms of trtllm-serve and of vLLM: the first request for one reads its files, and what is not
// there is refused in the server's words.
func TestServeAdapters(t *testing.T) {
	for _, dialect := range []string{"", sim.DialectVLLM} {
		t.Run(dialect, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "with [brackets]")
			adapterIn(t, dir, "other", 1<<20)
			bytes1 := adapterIn(t, dir, "one", 3<<20+7)
			require.NoError(t, os.MkdirAll(filepath.Join(dir, "no-adapter"), 0o755))
			adapters, err := findAdapters(dir)
			require.NoError(t, err)
			require.Len(t, adapters, 2)
			s := &servers{out: &bytes.Buffer{}, bind: "127.0.0.1", limits: defaultLimits, adapters: adapters}
			o := options(t, stack(t, stackA))
			o.Dialect = dialect
			require.True(t, adapters.servedBy(&o, dialect))
			adapters.into(&o)
			require.NoError(t, s.add(t.Context(), o))
			s.start(func() {})
			named := func(name string) string {
				if dialect == sim.DialectVLLM {
					return fmt.Sprintf(`"model":%q`, name)
				}
				return fmt.Sprintf(`"model":"m","lora_request":{"lora_name":%q,"lora_int_id":%d,"lora_path":%q}`, name, len(name), filepath.Join(dir, name))
			}
			for range 2 {
				status, body := asks(t, s, named("one"))
				require.Equal(t, http.StatusOK, status, body)
			}
			st, err := s.machines[0].Stats(t.Context())
			require.NoError(t, err)
			assert.Equal(t, sim.LoRAStats{Loads: 1, BytesRead: bytes1, BytesCopied: bytes1, Resident: 1}, st.LoRA)
			status, body := asks(t, s, named("two"))
			if dialect == sim.DialectVLLM {
				assert.Equal(t, http.StatusNotFound, status)
				assert.Contains(t, body, "The model `two` does not exist.")
			} else {
				assert.Equal(t, http.StatusBadRequest, status)
				assert.Contains(t, body, "lora_path ("+filepath.Join(dir, "two")+") does not exist.")
			}
			require.NoError(t, os.Remove(filepath.Join(dir, "other", "adapter_model.safetensors")))
			status, _ = asks(t, s, named("other"))
			assert.NotEqual(t, http.StatusOK, status, "the file itself is read")
			require.ErrorContains(t, s.close(), "read a LoRA adapter: open "+filepath.Join(dir, "other"))
		})
	}
}

// A folder without adapters is refused, and a stack that serves none is left without.
func TestServeNoAdapters(t *testing.T) {
	dir := t.TempDir()
	cmd := serveCommand()
	cmd.SetArgs([]string{"--adapters", dir, "--configs", "../../../configs", "--stack", stackA})
	cmd.SilenceUsage, cmd.SilenceErrors = true, true
	require.EqualError(t, cmd.Execute(), "--adapters: "+dir+": no folder there is a LoRA adapter's, with its adapter_config.json: name the folder that holds theirs")
	adapterIn(t, dir, "one", 10)
	adapters, err := findAdapters(dir)
	require.NoError(t, err)
	o := options(t, stack(t, stackB))
	assert.False(t, adapters.servedBy(&o, ""), "Dynamo's frontend serves none")
	assert.True(t, adapters.servedBy(&o, sim.DialectVLLM))
}

// A read that is given up ends, and the machine with it.
func TestAdapterReadIsCancelled(t *testing.T) {
	dir := t.TempDir()
	adapterIn(t, dir, "one", 64<<20)
	adapters, err := findAdapters(dir)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, readThrough(ctx, adapters["one"].Files, 4096), context.Canceled)
	s := adapters.behind(nil).(*adapterReads)
	s.begin(sim.IO{ID: 7, Area: sim.AreaAdapters, Name: "one", Stream: sim.NVMeStream{IOBytes: 512}}, func(error) {})
	s.Cancel(0, 7)
	s.mu.Lock()
	defer s.mu.Unlock()
	assert.Empty(t, s.open)
}

// safetensors is a file of weights with one tensor, which has the bytes that are given.
func safetensors(data []byte) []byte {
	header := fmt.Appendf(nil, `{"lora_A.weight":{"dtype":"U8","shape":[%d],"data_offsets":[0,%[1]d]}}`, len(data))
	return append(append(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header...), data...)
}

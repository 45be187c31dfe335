package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/doctor"
)

// apart runs the command with its two outputs apart.
func apart(t *testing.T, args ...string) (out, complaints string, err error) {
	t.Helper()
	root := rootCommand()
	var printed, said bytes.Buffer
	root.SetOut(&printed)
	root.SetErr(&said)
	root.SetArgs(args)
	err = root.ExecuteContext(t.Context())
	return printed.String(), said.String(), err
}

// A machine without a checkout has the kinds of servers that the program was compiled with, and what it prints stays JSON; in a checkout
// they are the checkout's, from whichever folder of it.
func TestConfigsFromAnywhere(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	s.Close() // what is looked for is the kind, not the server
	cache := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", cache)
	at := t.TempDir()
	t.Chdir(at)
	out, said, err := apart(t, "doctor", "--json", "-H", "H0", "--url", "A="+s.URL+",B="+s.URL, "--server", "A=vllm,B=vllm-fs")
	require.ErrorAs(t, err, new(lacks))
	assert.Equal(t, doctor.Missing, found(t, out)["server-answers A"].Status)
	assert.Equal(t, 1, strings.Count(said, "no checkout here: configurations are those that this program carries, "+filepath.Join(cache, "sparkharness", "files")), said)
	left, err := os.ReadDir(at)
	require.NoError(t, err)
	assert.Empty(t, left)

	_, said, err = apart(t, "doctor", "--url", s.URL, "--server", "nosuch")
	require.ErrorContains(t, err, "there is no file servers/nosuch.yaml in the folder of configurations, "+cache)
	assert.Contains(t, err.Error(), "vllm, vllm-disk, vllm-fs")
	assert.Contains(t, said, "no checkout here")
	_, _, err = apart(t, "doctor", "--url", s.URL, "--server", "vllm", "--configs", "nosuch")
	require.ErrorContains(t, err, "--server vllm: there is no folder of configurations "+filepath.Join(at, "nosuch"))
	_, _, err = apart(t, "trace", "stats", "no.jsonl", "--model", "L70B")
	require.ErrorContains(t, err, "no.jsonl", "the model is known")

	for _, dir := range []string{"configs/servers", "inputs", "results/deep"} {
		require.NoError(t, os.MkdirAll(filepath.Join(at, dir), 0o755))
	}
	require.NoError(t, os.WriteFile(filepath.Join(at, "configs", "servers", "mine.yaml"), []byte("server: mine\nnote: n\napi: completions\ndialect: openai\n"), 0o644))
	for _, dir := range []string{at, filepath.Join(at, "results", "deep")} {
		t.Chdir(dir)
		_, said, err = apart(t, "doctor", "--url", s.URL, "--server", "vllm")
		require.ErrorContains(t, err, "there is no file servers/vllm.yaml in the folder of configurations, "+filepath.Join(at, "configs")+" (there are mine)", dir)
		assert.Empty(t, said)
	}
}

package config

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Every kind of server that is shipped can be read, and says where the figures that it names are.
func TestCommittedServers(t *testing.T) {
	folder, err := OpenFolder("../../configs")
	require.NoError(t, err)
	names := folder.Names("servers", ".yaml")
	assert.Subset(t, names, []string{"trtllm", "vllm", "vllm-fs", "vllm-disk", "dynamo", "dynamo-kvbm", "sglang", "llama-cpp", "ollama", "openai"})
	for _, name := range names {
		s, err := LoadServer(folder, name)
		require.NoError(t, err)
		assert.NotEmpty(t, s.Note, name)
	}
	fs, err := LoadServer(folder, "vllm-fs")
	require.NoError(t, err)
	assert.Equal(t, "/version", fs.Build.Path, "of the file that it lies over")
	assert.Contains(t, fs.Engine.Figures, "waiting")
	assert.Contains(t, fs.KV.Figures, "tier2_bytes_out")
	_, err = LoadServer(folder, "tgi")
	require.ErrorContains(t, err, "there is no file servers/tgi.yaml in the folder of configurations")
	require.ErrorContains(t, err, "there are dynamo, dynamo-kvbm, llama-cpp")
	_, err = LoadServer(folder, "../servers/vllm")
	require.ErrorContains(t, err, "is no name of a file of servers/")
}

// A figure that nobody reads, or a name that would never be found, is a fault with its line.
func TestServerFaults(t *testing.T) {
	const good = "server: s\nnote: n\napi: completions\ndialect: vllm\nengine:\n  at: /metrics\n  figures:\n    waiting: {names: [queue]}\n"
	for _, tc := range []struct{ from, to, want string }{
		{"", "", ""},
		{"at: /metrics", "at: metrics", `engine.at: must be a path such as /metrics, or a port and a path such as :8081/metrics, not "metrics"`},
		{"at: /metrics", "at: :8081/metrics", ""},
		{"at: /metrics", "at: http://example.org/metrics", "engine.at: must be a path"},
		{"waiting:", "wating:", "engine.figures.wating: no such figure; there are running, waiting"},
		{"[queue]", "[queue_total]", "give the name without _total"},
		{"[queue]", "[9queue]", `"9queue" is no name of a metric`},
		{"[queue]", "[]", "engine.figures.waiting: has no names"},
		{"{names: [queue]}", "{names: [queue], sum: [tier], where: {tier: fs}}", "label tier has one value, and cannot be summed over"},
		{"{names: [queue]}", "{names: [queue], sum: [tier], where: {tier: \"1:*\"}}", ""},
		{"server: s", "server: other", `server: must be s, as the file is called, not "other"`},
		{"dialect: vllm", "dialect: grpc", "dialect: must be openai, vllm, trtllm or dynamo"},
		{"note: n", "note: n\nwaits: guess", "waits: must be perf_metrics, nvext or timings"},
		{"note: n", "note: n\nreset: [flush]", `reset[0]: must be the path of a URL, such as /metrics, not "flush"`},
		{"note: n", "note: n\nkvbm: true", "kv: required field is missing beside kvbm"},
		{"note: n", "note: n\nkv: {at: /kv}", "kv.figures: required field is missing"},
		{"  figures:", "  equal: [{sum: [running], is: waiting}]\n  figures:", `engine.equal[0]: figure "running" is not on the page`},
	} {
		_, err := parseFrom(files{"s.yaml": strings.Replace(good, tc.from, tc.to, 1)}, "s.yaml", func(s *Server, r *reader) { s.check(r, "s") })
		if tc.want == "" {
			require.NoError(t, err, tc.to)
			continue
		}
		require.ErrorContains(t, err, tc.want, tc.to)
	}
}

package launch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"sparkharness/harness/config"
)

// fakeDocker is a docker that writes its lines into a file, one word a line and --- between them. Its images are those given; a
// container runs until it is stopped, as the flag says in order, so that it is gone when it is to be removed, or not at all: then it ends by the removal,
// which another one has begun.
func fakeDocker(t *testing.T, ends bool, images ...string) (path string, lines func() []string) {
	t.Helper()
	dir := t.TempDir()
	path, record := filepath.Join(dir, "docker"), filepath.Join(dir, "record")
	end, gone := ":", "removal of container $3 is already in progress"
	if ends {
		end, gone = "touch "+dir+"/stopped", "No such container: $3"
	}
	text := `#!/bin/sh
{ for w in "$@"; do printf '%s\n' "$w"; done; echo "HF_TOKEN=$HF_TOKEN"; echo ---; } >> ` + record + `
case "$1" in
image) for i in ` + strings.Join(images, " ") + `; do [ "$5" = "$i" ] && { echo ` + runtime.GOARCH + `; exit 0; }; done; echo "Error: No such image: $5" >&2; exit 1;;
run) echo "GPU KV cache size: 1,024 tokens"; while [ ! -e ` + dir + `/stopped ]; do sleep 0.05; done; exit 0;;
ps) [ -e ` + dir + `/stopped ] || echo 0123456789abcdef; echo "WARNING: words" >&2;;
stop) ` + end + `; echo "$4";;
rm) touch ` + dir + `/stopped; echo "Error response from daemon: ` + gone + `" >&2; exit 1;;
esac
`
	require.NoError(t, os.WriteFile(path, []byte(text), 0o755))
	return path, func() []string {
		b, err := os.ReadFile(record)
		require.NoError(t, err)
		return strings.Split(strings.TrimSuffix(string(b), "---\n"), "---\n")
	}
}

// launched are settings as stack files have them.
func launched() *config.Launched {
	return &config.Launched{Model: "nvidia/Llama-3.1-8B-Instruct-FP8", MaxBatch: 64, MaxTokens: 2048, MaxLength: 8192, BlockTokens: 32, ChunkTokens: 256, KVPool: 16 << 30,
		Tier1: 24 << 30, Tier2: 512 << 30, Tier2Dir: "/nvme/kv", Policy: "LRU", KVDtype: "fp16"}
}

func place(docker string, env map[string]string) Place {
	return Place{Kind: "vllm-disk", Host: "127.0.0.1", Port: 8000, Root: "/repo", Configs: "/repo/configs", Home: "/home/u", Folder: "/runs/r/launch", ModelName: "L8B",
		Getenv: environment(env), Docker: docker, Suffix: "B-7"}
}

// The line of docker, word by word: what NVIDIA's playbooks give it, the settings in the units that they are taken in, and of a
// secret the name alone.
func TestDockerLine(t *testing.T) {
	l := kindOf(t, "vllm-disk").Launch
	commands, _, err := Commands(l, launched(), place("/usr/bin/docker", map[string]string{"HF_TOKEN": "hf_secret", "HF_HOME": "/big/hf"}))
	require.NoError(t, err)
	require.Len(t, commands, 1)
	c := commands[0]
	assert.Equal(t, []string{"/usr/bin/docker", "run", "--rm", "--pull", "never", "--name", "sparkharness-vllm-disk-B-7", "--stop-signal", "SIGTERM",
		"--gpus", "all", "--ipc", "host", "--network", "host", "--ulimit", "memlock=-1", "--ulimit", "stack=67108864", "--entrypoint", "vllm",
		"--volume", "/big/hf:/root/.cache/huggingface", "--volume", "/nvme/kv:/nvme/kv",
		"--env", "PYTHONHASHSEED=0", "--env", "VLLM_NO_USAGE_STATS=1", "--env", "VLLM_SERVER_DEV_MODE=1", "--env", "HF_TOKEN",
		"vllm/vllm-openai:v0.31.0", "serve", "nvidia/Llama-3.1-8B-Instruct-FP8", "--host", "127.0.0.1", "--port", "8000", "--enable-prompt-tokens-details",
		"--block-size", "32", "--kv-cache-dtype", "bfloat16", "--kv-cache-memory-bytes", "17179869184", "--max-num-seqs", "64", "--max-model-len", "8192",
		"--max-num-batched-tokens", "2048", "--kv-transfer-config",
		`{"kv_connector":"SimpleCPUOffloadConnector","kv_role":"kv_both","kv_load_failure_policy":"fail","kv_connector_extra_config":{"kv_offload_backend":"disk",` +
			`"disk_path":"/nvme/kv/vllm-kv-offload.bin","disk_capacity_bytes":549755813888,"disk_buffer_slots":2}}`}, c.Argv)
	off := place("/usr/bin/docker", nil)
	off.CPUs = "4-19"
	pinned, _, err := Commands(l, launched(), off)
	require.NoError(t, err)
	at := slices.Index(pinned[0].Argv, "--cpuset-cpus")
	require.Positive(t, at)
	assert.Equal(t, "4-19", pinned[0].Argv[at+1])
	assert.Less(t, at, slices.Index(pinned[0].Argv, "vllm/vllm-openai:v0.31.0"), "docker's, not the server's")
	assert.NotContains(t, c.String(), "hf_secret")
	assert.Contains(t, c.Env, "HF_TOKEN=hf_secret", "docker takes it from its own environment")

	commands, _, err = Commands(l, launched(), place("/usr/bin/docker", nil))
	require.NoError(t, err)
	assert.NotContains(t, commands[0].Argv, "HF_TOKEN", "what is not set is not passed")
	assert.Contains(t, commands[0].Argv, "/home/u/.cache/huggingface:/root/.cache/huggingface")
	_, _, err = Commands(l, launched(), place("", nil))
	require.ErrorContains(t, err, "servers/vllm-disk.yaml starts a container, and there is no docker on PATH")
	colon := place("/usr/bin/docker", nil)
	colon.Kind, colon.Folder = "trtllm", "/runs/at 10:30/launch"
	_, _, err = Commands(kindOf(t, "trtllm").Launch, launched(), colon)
	require.ErrorContains(t, err, "docker cannot mount a path with a colon: choose folders without one (-results, or what gives {folder}")
}

// A and B of vLLM differ by the connector and the folder of its tier alone.
func TestArmsDifferByTheTier(t *testing.T) {
	of := func(kind string) []string {
		commands, _, err := Commands(kindOf(t, kind).Launch, launched(), place("docker", nil))
		require.NoError(t, err)
		return commands[0].Argv
	}
	a, b := of("vllm"), of("vllm-disk")
	for i, word := range b {
		if strings.HasPrefix(word, "--kv-transfer-config") {
			b = append(b[:i:i], b[i+2:]...)
			break
		}
	}
	for i, word := range b {
		if strings.HasPrefix(word, "/nvme/kv:") {
			b = append(b[:i-1:i-1], b[i+1:]...)
			break
		}
	}
	assert.Equal(t, a, b)
	fs := strings.Join(of("vllm-fs"), " ")
	assert.Contains(t, fs, `"cpu_bytes_to_use":25769803776,"eviction_policy":"lru","block_size":256,"secondary_tiers":[{"type":"fs","root_dir":"/nvme/kv"`)
}

// KVBM's tiers are counted in 1e9 bytes, to the byte; TensorRT-LLM's options in bytes, with no host tier.
func TestUnits(t *testing.T) {
	commands, files, err := Commands(kindOf(t, "dynamo-kvbm").Launch, launched(), place("docker", nil))
	require.NoError(t, err)
	require.Len(t, commands, 2)
	assert.Equal(t, "frontend", commands[0].Part)
	assert.Equal(t, "sparkharness-vllm-disk-frontend-B-7", commands[0].Container)
	assert.Equal(t, commands[0].Image, commands[1].Image)
	argv := strings.Join(commands[1].Argv, " ")
	for _, want := range []string{"DYN_KVBM_CPU_CACHE_GB=25.769803776", "DYN_KVBM_DISK_CACHE_GB=549.755813888", "DYN_KVBM_DISK_CACHE_DIR=/nvme/kv",
		"/runs/r/launch:/launch", "--extra-engine-args /launch/options.yaml"} {
		assert.Contains(t, argv, want)
	}
	assert.NotContains(t, argv, "expandable_segments")
	assert.Contains(t, files["options.yaml"], "  max_gpu_total_bytes: 17179869184\n")
	_, files, err = Commands(kindOf(t, "trtllm").Launch, launched(), place("docker", nil))
	require.NoError(t, err)
	assert.Contains(t, files["options.yaml"], "host_cache_size: 0\n")
	assert.Contains(t, files["options.yaml"], "tokens_per_block: 32\n")
}

// Adapters change a launch where the load names some, and else nothing of it.
func TestLaunchWithAdapters(t *testing.T) {
	s := launched()
	s.Adapters = &config.LaunchedAdapters{Dir: "/nvme/lora", Slots: 8, Rank: 16}
	of := func(kind string, s *config.Launched) (string, map[string]string) {
		commands, files, err := Commands(kindOf(t, kind).Launch, s, place("docker", nil))
		require.NoError(t, err)
		return strings.Join(commands[len(commands)-1].Argv, " "), files
	}
	for _, kind := range []string{"trtllm", "vllm", "vllm-fs"} {
		argv, files := of(kind, launched())
		assert.NotContains(t, strings.ToLower(argv+fmt.Sprint(files)), "lora", kind)
		argv, _ = of(kind, s)
		assert.Contains(t, argv, " --volume /nvme/lora:/nvme/lora:ro ", kind)
	}
	argv, _ := of("vllm", s)
	assert.True(t, strings.HasSuffix(argv, " --enable-lora --max-loras 8 --max-lora-rank 16"), argv)
	assert.NotContains(t, argv, "--lora-modules", "those are read at the start, so that no first touch is cold")
	for _, want := range []string{"VLLM_ALLOW_RUNTIME_LORA_UPDATING=True", "VLLM_PLUGINS=lora_filesystem_resolver", "VLLM_LORA_RESOLVER_CACHE_DIR=/nvme/lora"} {
		assert.Contains(t, argv, " --env "+want+" ")
	}
	plain, before := of("trtllm", launched())
	argv, files := of("trtllm", s)
	assert.Equal(t, plain, strings.Replace(argv, " --volume /nvme/lora:/nvme/lora:ro", "", 1), "the rest is in its file")
	more, found := strings.CutPrefix(files["options.yaml"], before["options.yaml"])
	require.True(t, found)
	var options struct {
		LoRA map[string]any `yaml:"lora_config"`
	}
	require.NoError(t, yaml.Unmarshal([]byte(before["options.yaml"]+more), &options))
	assert.Equal(t, []any{16, 8, 8}, []any{options.LoRA["max_lora_rank"], options.LoRA["max_loras"], options.LoRA["max_cpu_loras"]})
	assert.Len(t, options.LoRA["lora_target_modules"], 7, "all linear layers")
	argv, _ = of("dynamo-kvbm", s)
	assert.NotContains(t, argv, "lora", "it serves none")
}

// Whatever a launch names must have a value, and none that would mean something else where it is put.
func TestValuesAreNeeded(t *testing.T) {
	l := kindOf(t, "vllm-disk").Launch
	s := launched()
	s.Tier2Dir = ""
	_, _, err := Commands(l, s, place("docker", nil))
	require.ErrorContains(t, err, "servers/vllm-disk.yaml: launch.settings.tier2.args: {tier2_dir} has no value: give it in the stack file, with a flag, or as the setting's default")
	s.Tier2Dir = `/nvme/kv","x":"`
	_, _, err = Commands(l, s, place("docker", nil))
	require.ErrorContains(t, err, "letters, digits and / . _ - + @ mean the same everywhere")
	s = launched()
	s.KVDtype = "fp4"
	_, _, err = Commands(l, s, place("docker", nil))
	require.ErrorContains(t, err, "kv_dtype: the server has no word for fp4; it has those for fp16, fp8")
	_, _, err = Commands(l, launched(), place("docker", map[string]string{"HF_HOME": "/a:b"}))
	require.ErrorContains(t, err, `HF_HOME: the path "/a:b" has a ':'`)
}

// docker is asked for the image, runs it, stops it within the grace, and removes what is left.
func TestContainer(t *testing.T) {
	for _, ends := range []bool{true, false} {
		docker, lines := fakeDocker(t, ends, "vllm/vllm-openai:v0.31.0")
		o, _ := options(t, kindOf(t, "vllm-disk").Launch)
		o.Launched = launched()
		o.Place = place(docker, map[string]string{"HF_TOKEN": "hf_secret"})
		o.Place.Folder = t.TempDir()
		journal := &noting{}
		o.Journal = journal
		o.Answers = func(context.Context) error { return nil }
		s, err := Start(t.Context(), o)
		require.NoError(t, err)
		require.Eventually(t, func() bool { return s.log.Number("kv_tokens") != nil }, time.Minute, 10*time.Millisecond)
		require.NoError(t, s.Stop())
		got := lines()
		for last := len(got) - 1; last > 4 && strings.HasPrefix(got[last], "ps\n"); last-- { // its command took a while to end
			got = got[:last]
		}
		require.Len(t, got, 5)
		assert.Equal(t, "image\ninspect\n--format\n{{.Architecture}}\nvllm/vllm-openai:v0.31.0\n", strings.Split(got[0], "HF_TOKEN=")[0])
		assert.True(t, strings.HasPrefix(got[1], "run\n--label\nlaunch.test=7\n--rm\n--pull\nnever\n--name\nsparkharness-vllm-disk-B-7\n"), got[1])
		assert.True(t, strings.HasSuffix(got[1], "HF_TOKEN=hf_secret\n"), "it reaches docker's environment")
		assert.Equal(t, 1, strings.Count(got[1], "hf_secret"), "and not its line")
		assert.Equal(t, "ps\n--all\n--quiet\n--no-trunc\n--filter\nlabel=launch.test=7\nHF_TOKEN=hf_secret\n", got[2])
		assert.Equal(t, "stop\n-t\n60\n0123456789abcdef\nHF_TOKEN=hf_secret\n", got[3], "--time and --timeout are not known to all versions")
		assert.Equal(t, "rm\n--force\n0123456789abcdef\nHF_TOKEN=hf_secret\n", got[4])
		assert.Equal(t, []string{"container sparkharness-vllm-disk-B-7"}, journal.noted)
		assert.Equal(t, journal.noted, journal.done)
	}
	docker, _ := fakeDocker(t, true, "another:1")
	o, _ := options(t, kindOf(t, "vllm").Launch)
	o.Launched, o.Place.Docker = launched(), docker
	o.Place.Home = "/home/u"
	_, err := Start(t.Context(), o)
	require.ErrorContains(t, err, "the image vllm/vllm-openai:v0.31.0 is not here (docker image inspect: Error: No such image: vllm/vllm-openai:v0.31.0): docker pull vllm/vllm-openai:v0.31.0")
}

// A container of another run that has the name already is neither stopped nor removed, noted or not.
func TestNameIsTaken(t *testing.T) {
	for _, journal := range []Journal{&noting{}, NoJournal{}} {
		dir := t.TempDir()
		docker, record := filepath.Join(dir, "docker"), filepath.Join(dir, "record")
		text := `#!/bin/sh
echo "$@" >> ` + record + `
case "$1" in
image) echo ` + runtime.GOARCH + `;;
run) echo 'docker: Error response from daemon: Conflict. The container name "/x" is already in use by container "abc".' >&2; exit 125;;
ps) case "$6" in label=?*=?*);; *) echo abc;; esac;;
esac
`
		require.NoError(t, os.WriteFile(docker, []byte(text), 0o755))
		o, _ := options(t, kindOf(t, "vllm-disk").Launch)
		o.Launched, o.Place, o.Journal = launched(), place(docker, nil), journal
		o.Place.Folder = t.TempDir()
		o.Answers = func(context.Context) error { return errors.New("nobody listens") }
		_, err := Start(t.Context(), o)
		require.ErrorContains(t, err, "is already in use")
		said, err := os.ReadFile(record)
		require.NoError(t, err)
		assert.NotRegexp(t, "(?m)^(stop|rm|kill)", string(said))
		assert.Regexp(t, `(?m)^run --label \S+=\S+ --rm`, string(said))
	}
}

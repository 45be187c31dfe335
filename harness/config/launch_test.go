package config

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/record"
)

// launching is a server's file that can be started.
const launching = `server: s
note: n
api: completions
dialect: vllm
launch:
  container:
    image: org/server:1.2
    flags: [--gpus, all]
    mounts: ["{cache}:/cache", "{tier2_dir}:/kv"]
    env: {MODE: "1"}
    secrets: [HF_TOKEN]
    command: [serve, "{model}", --host, "{host}", --port, "{port}"]
  port: 8000
  given:
    cache: {env: HF_HOME, default: "{home}/cache"}
  files: {options.yaml: "kv: {size: {kv_pool}}"}
  settings:
    kv_pool: {unit: B}
    tier1: {unit: GiB, args: [--size, "{tier1}"]}
    tier2_dir: {}
    max_length: {default: 8192, env: {LENGTH: "{max_length}"}}
    policy: {words: {LRU: lru}, args: ['{"policy":"{policy}"}']}
  lora: {request: model, args: [--rank, "{adapter_rank}"], mounts: ["{adapters_dir}:{adapters_dir}:ro"], append: {options.yaml: "a: {adapter_slots}"}}
  ready: {path: /health, limit: 10m}
  stop: {signal: SIGTERM, grace: 30s}
  log:
    pool: {pattern: 'size: (?P<kv_tokens>\d+)', means: reading, says: the pool}
`

func parseLaunch(text string) (*Server, error) {
	return parseFrom(files{"s.yaml": text}, "s.yaml", func(s *Server, r *reader) { s.check(r, "s") })
}

// A launch that could not be carried out, a name without a value, and what nobody would look at are faults with their lines.
func TestLaunchFaults(t *testing.T) {
	for _, tc := range []struct{ from, to, want string }{
		{"", "", ""},
		{"    image: org/server:1.2", "    image: org/server", "launch.container.image: org/server is another image each month"},
		{"    image: org/server:1.2", "    image: org/server:latest", "give it a tag other than latest"},
		{"    image: org/server:1.2", "    image: host:5000/server", "is another image each month"},
		{"    image: org/server:1.2", "    image: host:5000/server@sha256:ab", ""},
		{"    image: org/server:1.2", "    image: --privileged:1", "is no name of an image"},
		{"    image: org/server:1.2", "    imag: org/server:1.2", "launch.container.imag: unknown field; did you mean image?"},
		{"flags: [--gpus, all]", "flags: [--publish=8000:8000]", "launch.container.flags[0]: --publish is not among the flags that may be given"},
		{"flags: [--gpus, all]", "flags: [-e, HF_TOKEN=secret]", "-e is not among the flags"},
		{"flags: [--gpus, all]", "flags: [-eHF_TOKEN=secret]", "-e is not among the flags"},
		{"flags: [--gpus, all]", "flags: [\"-p0.0.0.0:8000:8000\"]", "-p is not among the flags"},
		{"flags: [--gpus, all]", "flags: [-itd]", "-i is not among the flags"},
		{"flags: [--gpus, all]", "flags: [-qd]", "-d is not among the flags"},
		{"flags: [--gpus, all]", "flags: [-m64g, -w/data, -u1000]", ""},
		{"  port: 8000", "  process: {command: [a]}\n  port: 8000", "launch: needs container or process, and not both"},
		{"  port: 8000", "  beside: {front: {}}\n  port: 8000", "launch.beside.front: needs container or process"},
		{"port: 8000", "port: 80000", "launch.port: must be from 1 to 65535"},
		{`"{model}"`, `"{modl}"`, "launch.container.command[1]: {modl} is not declared: there are cache, configs, folder, home, host"},
		{`"{model}"`, `"{Model}"`, "{Model} is not declared"},
		{`env: {MODE: "1"}`, `env: {"MODE X": "1"}`, "is no name of an environment variable"},
		{`env: {MODE: "1"}`, `env: {HF_TOKEN: "1"}`, "HF_TOKEN stands among env, too, where anybody reads it"},
		{`env: {MODE: "1"}`, `env: {WANDB_API_KEY: "1"}`, "launch.container.env.WANDB_API_KEY: is called as a secret is"},
		{`env: {MODE: "1"}`, `env: {MAX_TOKENS: "1"}`, ""},
		{`secrets: [HF_TOKEN]`, `secrets: [HF_TOKEN=hf_x]`, "launch.container.secrets[0]"},
		{`"{cache}:/cache", `, ``, "launch.given.cache: is named nowhere as {cache}"},
		{`cache: {env: HF_HOME,`, `host: {env: HF_HOME,`, "launch.given.host: is no name that can be given"},
		{`"{home}/cache"`, `"{model}/cache"`, "may name {home} and {root}, not {model}"},
		{`kv_pool: {unit: B}`, `kv_pool: {}`, `launch.settings.kv_pool.unit: must say in what the server counts it: B, GB, GiB, MB, MiB, not ""`},
		{`kv_pool: {unit: B}`, `kv_pool: {unit: bytes}`, "must say in what the server counts it"},
		{`tier2_dir: {}`, `tier2_dir: {unit: B}`, "launch.settings.tier2_dir.unit: tier2_dir is no number of bytes"},
		{`tier2_dir: {}`, "tier2_dir: {}\n    tier3: {args: [a]}", "launch.settings.tier3: no such setting; there are block_tokens"},
		{`tier2_dir: {}`, "tier2_dir: {}\n    max_batch: {}", "launch.settings.max_batch: is passed to nothing: name {max_batch}"},
		{`default: 8192`, `default: 8k`, `launch.settings.max_length.default: "8k" is no number from 1`},
		{`env: {LENGTH: "{max_length}"}`, `env: {LENGTH: "{max_length}", HF_TOKEN: x}`, "launch.settings.max_length.env.HF_TOKEN: is called as a secret is"},
		{`words: {LRU: lru}, `, ``, "launch.settings.policy.words: required field is missing"},
		{`"{port}"`, `"8000"`, "launch: nothing of it holds {port}: the server has to be told to listen on loopback"},
		{`"{host}"`, `"0.0.0.0"`, "launch: nothing of it holds {host}"},
		{`"{host}"`, `"{host}", "0.0.0.0"`, "listens on all addresses, and other machines would reach the server: write {host} instead of 0.0.0.0"},
		{`"{host}"`, `"{host}", "--listen=0.0.0.0:8000"`, "listens on all addresses"},
		{`"{host}"`, `"{host}", "[::]:8000"`, "instead of [::]"},
		{`"{host}"`, `"{host}", "--host=::"`, "listens on all addresses"},
		{`"{host}"`, `"{host}", "--host=::0"`, "listens on all addresses"},
		{`"{host}"`, `"{host}", "tcp://*:5557"`, "listens on all addresses"},
		{`"{host}"`, `"{host}", "--host=*"`, "listens on all addresses"},
		{`"{host}"`, `"{host}", "--host=0"`, "instead of 0"},
		{`"{host}"`, `"{host}", "--bind", "0"`, "instead of 0"},
		{`"{host}"`, `"{host}", "--bind-address", "0x0"`, "instead of 0x0"},
		{`"{host}"`, `"{host}", "--http-addr=00.0"`, "instead of 00.0"},
		{`"{host}"`, `"{host}", ":8000"`, "instead of :8000"},
		{`"{host}"`, `"{host}", "--listen=:8000"`, "instead of :8000"},
		{`"{host}"`, `"{host}", "tcp://:5557"`, "instead of tcp://:5557"},
		{`"{host}"`, `"{host}", "::ffff:0.0.0.0"`, "listens on all addresses"},
		{`"{host}"`, `"{host}", "[::ffff:0:0]:80"`, "instead of [::ffff:0:0]:80"},
		{`"{host}"`, `"{host}", "0:0:0:0:0:0:0:0"`, "listens on all addresses"},
		{`"{host}"`, `"{host}", "::%lo"`, "listens on all addresses"},
		{`env: {MODE: "1"}`, `env: {ROUTER_HOST: "0"}`, "listens on all addresses"},
		{`"{host}"`, `"{host}", "10.0.0.0.0", "a::b", "--gpu", "0", "--ratio=0.0", "*", "--hosts-kept=1", "a:0"`, ""},
		{`"{host}"`, `"{host}", "tcp://*:{port}"`, "instead of tcp://*:{port}"},
		{`"{host}"`, `"{host}", "http://[::]:{port}/"`, "instead of http://[::]:{port}/"},
		{`"{host}"`, `"{host}", "[::]:{port}"`, "instead of [::]:{port}"},
		{`"{host}"`, `"{host}", "--listen=[::]:{port}"`, "instead of [::]:{port}"},
		{`"{host}"`, `"{host}", "--endpoint=tcp://[::]:$PORT"`, "instead of tcp://[::]:$PORT"},
		{`"{host}"`, `"{host}", "tcp://[::]:${PORT}"`, "instead of tcp://[::]:$"},
		{`"{host}"`, `"{host}", "tcp://*:*"`, "instead of tcp://*:*"},
		{`"{host}"`, `"{host}", "*:{port}"`, "instead of *:{port}"},
		{`"{host}"`, `"{host}", "tcp://0:{port}"`, "instead of tcp://0:{port}"},
		{`"{host}"`, `"{host}", "--bind=:{port}"`, "instead of :{port}"},
		{`"{host}"`, `"{host}", ":{port}"`, "instead of :{port}"},
		{`"{host}"`, `"{host}", "--ip=*"`, "instead of *"},
		{`"{host}"`, `"{host}", --ip, "*"`, "instead of *"},
		{`"{host}"`, `"{host}", "--ServerApp.ip=*"`, "instead of *"},
		{`"{host}"`, `"{host}", -H, "0"`, "instead of 0"},
		{`"{host}"`, `"{host}", '{"host":0}'`, "instead of 0"},
		{`"{host}"`, `"{host}", '{"listenAddress": "*"}'`, "instead of *"},
		{`"{host}"`, `"{host}", '{"listen":":{port}"}'`, "instead of :{port}"},
		{`"{host}"`, `"{host}", '{"hosts":{"addr":["0"]}}'`, "instead of 0"},
		{`"{host}"`, `"{host}", "listen_addresses=*"`, "instead of *"},
		{`"{host}"`, `"{host}", "--bindaddr=0"`, "instead of 0"},
		{`env: {MODE: "1"}`, `env: {OMP_PROC_BIND: "0"}`, ""},
		{`"{host}"`, `"{host}", "--membind=0", --membind, "0", numactl, "--cpunodebind=0", "--membind=0", "--cpu-bind=0"`, ""},
		{`"{host}"`, `"{host}", --num-hosts, "0", --allowed-hosts, "*", --trusted-host, "*", --server-hostname, "*", "--forwarded-allow-ips=*"`, ""},
		{`"{host}"`, `"{host}", "pkg==0.0.0.0", "pkg>=0.0.0.0", "{host}:{port}", "tcp://{host}:{port}", "tcp://$HOST:*", -h, "0"`, ""},
		{`"{host}"`, `"{host}", '{"port":8000,"host":"{host}","seed":0}'`, ""},
		{"request: model", "request: header", "launch.lora.request: must be lora_request or model"},
		{"request: model", "request: model, names_mode: true", "launch.lora.names_mode: unknown field; did you mean names_model?"},
		{`"{adapters_dir}:{adapters_dir}:ro"`, `"{adapters_dir}:/lora:ro"`, "launch.lora.mounts: must have {adapters_dir}:{adapters_dir}: requests name adapters by the path that they have here"},
		{`mounts: ["{adapters_dir}:{adapters_dir}:ro"], `, ``, "launch.lora.mounts: must have {adapters_dir}"},
		{"append: {options.yaml:", "append: {option.yaml:", "launch.lora.append.option.yaml: is none of launch.files"},
		{`[--rank, "{adapter_rank}"]`, `[--rank, "{rank}"]`, "launch.lora.args[1]: {rank} is not declared"},
		{`[--rank, "{adapter_rank}"]`, `[--max, "{max_length}"]`, ""},
		{"request: model,", "request: model, env: {HUB_TOKEN: x},", "launch.lora.env.HUB_TOKEN: is called as a secret is"},
		{`"{model}"`, `"{adapters_dir}"`, "launch.container.command[1]: {adapters_dir} is not declared"},
		{"cache: {env: HF_HOME,", "adapters_dir: {env: HF_HOME,", "launch.given.adapters_dir: is no name that can be given"},
		{"path: /health", "path: health", "launch.ready.path: must be the path of a URL"},
		{"limit: 10m", "limit: 25h", "launch.ready.limit: is at most 24h0m0s"},
		{"signal: SIGTERM", "signal: SIGKILL", "launch.stop.signal: must be SIGTERM or SIGINT"},
		{"grace: 30s", "grace: 0s", "launch.stop.grace: is zero"},
		{`(?P<kv_tokens>\d+)`, `(?P<kv_tokens>\d+`, "launch.log.pool.pattern: is no regular expression (RE2)"},
		{`(?P<kv_tokens>\d+)`, `(?P<tokens>\d+)`, "tokens is no reading; there are connector"},
		{`(?P<kv_tokens>\d+)`, `(\d+)`, "launch.log.pool.pattern: reads nothing: name a group"},
		{`'size: (?P<kv_tokens>\d+)'`, `'(?P<kv_tokens>\d*)'`, "fits an empty line"},
		{"means: reading", "means: guess", "launch.log.pool.means: must be fault, corruption, warning or reading"},
	} {
		require.Contains(t, launching, tc.from)
		_, err := parseLaunch(strings.Replace(launching, tc.from, tc.to, 1))
		if tc.want == "" {
			require.NoError(t, err, tc.to)
			continue
		}
		require.ErrorContains(t, err, tc.want, tc.to)
		assert.NotContains(t, err.Error(), "hf_x", "a secret that stands in the wrong place is not shown")
	}
}

// Only a container has mounts.
func TestProcessHasNoMountsOfAdapters(t *testing.T) {
	const process = `server: s
note: n
api: completions
dialect: vllm
launch:
  process: {command: [serve, --host, "{host}", --port, "{port}"]}
  lora: {request: model, args: [--adapters, "{adapters_dir}"], mounts: ["{adapters_dir}:{adapters_dir}"]}
  ready: {path: /health, limit: 10m}
  stop: {signal: SIGTERM, grace: 30s}
`
	_, err := parseLaunch(process)
	require.ErrorContains(t, err, "launch.lora.mounts: is of containers, and this server is a process")
	_, err = parseLaunch(strings.Replace(process, `, mounts: ["{adapters_dir}:{adapters_dir}"]`, "", 1))
	require.NoError(t, err)
}

// A server is started for adapters that its stack has room for, in a folder that means the same everywhere.
func TestLaunchedAdapters(t *testing.T) {
	st := &Stack{Stack: "A", Runtime: Runtime{MaxLoRAs: 8}}
	a := &Adapters{Dir: "/nvme/lora", Rank: 16}
	got, err := NewLaunchedAdapters(a, st)
	require.NoError(t, err)
	assert.Equal(t, &LaunchedAdapters{Dir: "/nvme/lora", Slots: 8, Rank: 16}, got)
	_, err = NewLaunchedAdapters(&Adapters{Dir: "/nvme/my lora"}, st)
	require.ErrorContains(t, err, `load.adapters.dir: the path "/nvme/my lora" has a ' '`)
	_, err = NewLaunchedAdapters(a, &Stack{Stack: "A"})
	require.ErrorContains(t, err, "stack A: the load names LoRA adapters, so runtime.max_loras must say how many fit on the device at once")
}

// Settings come from the stack file, as far as the launch takes them, and in the server's unit to the byte.
func TestLaunchedSettings(t *testing.T) {
	s, err := parseLaunch(launching)
	require.NoError(t, err)
	st, err := parseFrom(files{"b.yaml": stackB}, "b.yaml", (*Stack).check)
	require.NoError(t, err)
	l, err := NewLaunched(s.Launch, st)
	require.NoError(t, err)
	assert.Equal(t, st.Dynamo.Tiers.Tier0.CapacityBytes, l.KVPool)
	assert.Zero(t, l.Tier2, "it has no setting for it")
	assert.Equal(t, st.Dynamo.Tiers.Tier2.Path, l.Tier2Dir)
	assert.Equal(t, 8192, l.MaxLength, "the default")
	l.Tier1, l.KVPool, l.Policy = 1536<<20, 8589934593, "LRU"
	values, err := l.Values(s.Launch)
	require.NoError(t, err)
	assert.Equal(t, "1.5", values["tier1"], "GiB")
	assert.Equal(t, "8589934593", values["kv_pool"], "bytes")
	assert.Equal(t, "lru", values["policy"])
	l.Policy = "FIFO"
	_, err = l.Values(s.Launch)
	require.EqualError(t, err, "policy: the server has no word for FIFO; it has those for LRU")

	text, err := Expand(`kv: {size: {kv_pool}}, {"policy":"{policy}"} {}`, map[string]string{"kv_pool": "7", "policy": "{kv_pool}"})
	require.NoError(t, err)
	assert.Equal(t, `kv: {size: 7}, {"policy":"{kv_pool}"} {}`, text, "a value is not looked at again")
	_, err = Expand("{b} {a} {b}", nil)
	require.EqualError(t, err, "{a}, {b} has no value")

	_, err = parseFrom(files{"b.yaml": stackB + "launched: {model: m, stack_file: f}\n"}, "b.yaml", (*Stack).check)
	require.ErrorContains(t, err, "launched: stands in no file")
}

// The cell's own tier and policy reach the server that is started, and leave the experiment's alone.
func TestCellTreatsLaunched(t *testing.T) {
	e := &Experiment{Stacks: map[string]*Stack{"B": {Stack: "B", Launched: &Launched{Tier1: 1, Policy: "LRU"}}}}
	pc, err := Resolve(record.NewCell("stack", "B", "tier1", "8GiB", "policy", "LFU"))
	require.NoError(t, err)
	st := e.StackOf(pc)
	assert.Equal(t, Size(8<<30), st.Launched.Tier1)
	assert.Equal(t, "LFU", st.Launched.Policy)
	assert.Equal(t, Launched{Tier1: 1, Policy: "LRU"}, *e.Stacks["B"].Launched)
}

package config

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// edit replaces the one place where old stands.
func edit(t *testing.T, text, old, replacement string) string {
	t.Helper()
	require.Equal(t, 1, strings.Count(text, old), "%q must stand once", old)
	return strings.Replace(text, old, replacement, 1)
}

const stackB = `stack: B
name: KVBM, three tiers
model: L70B
endpoint:
  url: http://127.0.0.1:9000
  api: completions
  engine_metrics: http://127.0.0.1:8081/metrics
  kvbm_metrics: http://127.0.0.1:6880/metrics
runtime:
  max_batch_size: 64
  max_num_tokens: 2048
  kv_dtype: fp16
  tokens_per_block: 32
  enable_block_reuse: true
  max_queued_requests: null
dynamo:
  kv_block_size: 32
  prefetch_enable: false
  prefetch_depth: 0
  offload_min_frequency: 2
  tiers:
    tier0: {capacity_bytes: 8GiB, eviction_policy: LRU}
    tier1: {capacity_bytes: 24GB, eviction_policy: FIFO}
    tier2: {capacity_bytes: 512GiB, eviction_policy: LRU, path: /mnt/nvme/kvbm}
  loader:
    queue_depth: 1
    io_bytes: 128KiB
    software_time_per_io: 220us
telemetry:
  cadence: 200ms
  device: nvme0n1
`

var hypothesis = `hypothesis: H0
model: L8B
stacks: {A: stackA.yaml}
controls: {w1: a_check}
load:
  workload: fixed_context
  nonce: per_user
  think_time: {dist: exponential, mean: 20s}
  output_tokens: {dist: lognormal, median: 48, sigma: 0.7}
  request_timeout: 120s
sweep:
  ctx: [256, 4k, 64k]
  conc: [1, 4]
run:
  reps: 3
  seed: 1
  duration: 300s
  max_duration: 300s
  min_requests: 1
  baseline: 10s
  warmup: {min: 60s, max: 600s, passes: 1}
gates:
` + "  " + strings.TrimSuffix(strings.ReplaceAll(gates, "\n", "\n  "), "  ") + `thresholds: {ratio: 2, share: 0, shift: -1.5}
`

// gates are the hypothesis's own as a gates.yaml.
const gates = `min_coverage: 0.95
max_send_lag: 1ms
max_send_lag_share: 0.01
prompt_tolerance: 0.05
max_error_rate: 0.01
min_samples: 299
max_cov: 0.1
steady_alpha: 0.05
steady_max_drift: 0.25
reproduced_within: 0.05
max_baseline_rps: 50
cadence_tolerance: 0.05
min_fio_presence: 0.95
max_foreign_reads: 0.01
max_baseline_factor: 3
baseline_noise_rps: 10
min_told: 0.95
max_clock_difference: 0.03
max_again: 2
max_again_share: 0.2
max_carry_over: 0.2
steady_tail_alpha: 0.04
steady_max_tail_drift: 0.5
`

// TestStackFaults: each row edits the good file, and lists every line of the error.
func TestStackFaults(t *testing.T) {
	for name, c := range map[string]struct {
		edits []string // old, new, old, new ...
		want  []string
	}{
		"size without unit":   {[]string{"8GiB", "8"}, []string{"22: dynamo.tiers.tier0.capacity_bytes: 8 needs a unit, such as 8GiB"}},
		"size is a list":      {[]string{"8GiB", "[8GiB]"}, []string{"22: dynamo.tiers.tier0.capacity_bytes: must be a number or text, not a list"}},
		"size is zero":        {[]string{"8GiB", "0GiB"}, []string{"22: dynamo.tiers.tier0.capacity_bytes: is zero, which would mean that it is not set"}},
		"duration, no unit":   {[]string{"200ms", "200"}, []string{"30: telemetry.cadence: 200 needs a unit, such as 300s or 200ms"}},
		"unknown with a hint": {[]string{"  queue_depth: 1", "  queue_dept: 1"}, []string{"25: dynamo.loader.queue_depth: required field is missing", "26: dynamo.loader.queue_dept: unknown field; did you mean queue_depth?"}},
		"unknown, no hint":    {[]string{"stack: B", "stack: B\nzebra: 1"}, []string{"2: zebra: unknown field"}},
		"unknown, strange":    {[]string{"stack: B", "stack: B\n\"a\\nb\": 1"}, []string{`2: "a\nb": unknown field`}},
		"duplicate key":       {[]string{"api: completions", "api: completions\n  api: chat"}, []string{"7: endpoint.api: stands twice, first on line 6"}},
		"key is a list":       {[]string{"stack: B", "stack: B\n[a]: 1"}, []string{"2: has a key that is a list; a key is a plain name"}},
		"merge of text":       {[]string{"stack: B", "stack: B\n<<: B"}, []string{`2: "<<": must be a mapping, not the text "B"`}},
		"missing in root":     {[]string{"model: L70B\n", ""}, []string{"1: model: required field is missing"}},
		"missing pointer":     {[]string{"  prefetch_depth: 0\n", ""}, []string{"16: dynamo.prefetch_depth: required field is missing"}},
		"missing queue bound": {[]string{"  max_queued_requests: null\n", ""}, []string{"9: runtime.max_queued_requests: required field is missing"}},
		"null":                {[]string{"enable_block_reuse: true", "enable_block_reuse:"}, []string{"14: runtime.enable_block_reuse: has no value"}},
		"empty section":       {[]string{"  cadence: 200ms\n  device: nvme0n1\n", ""}, []string{"29: telemetry: has no value"}},
		"empty text":          {[]string{"KVBM, three tiers", `""`}, []string{"2: name: is empty"}},
		"text for a number":   {[]string{"max_batch_size: 64", "max_batch_size: many"}, []string{`10: runtime.max_batch_size: must be a decimal whole number, not the text "many"`}},
		"quoted number":       {[]string{"max_batch_size: 64", `max_batch_size: "64"`}, []string{`10: runtime.max_batch_size: must be a decimal whole number, not the text "64"`}},
		"octal":               {[]string{"max_batch_size: 64", "max_batch_size: 064"}, []string{"10: runtime.max_batch_size: must be a decimal whole number, not 064"}},
		"fraction":            {[]string{"max_batch_size: 64", "max_batch_size: 6.4"}, []string{"10: runtime.max_batch_size: must be a decimal whole number, not 6.4"}},
		"negative":            {[]string{"max_batch_size: 64", "max_batch_size: -1"}, []string{"10: runtime.max_batch_size: -1 is negative"}},
		"zero":                {[]string{"max_batch_size: 64", "max_batch_size: 0"}, []string{"10: runtime.max_batch_size: is zero, which would mean that it is not set"}},
		"number for text":     {[]string{"model: L70B", "model: 70"}, []string{"3: model: must be text, not 70"}},
		"text for true":       {[]string{"prefetch_enable: false", "prefetch_enable: no"}, []string{`18: dynamo.prefetch_enable: must be true or false, not the text "no"`}},
		"text for a mapping":  {[]string{"tier0: {capacity_bytes: 8GiB, eviction_policy: LRU}", "tier0: 8GiB"}, []string{`22: dynamo.tiers.tier0: must be a mapping, not the text "8GiB"`}},
		"all at once": {[]string{"8GiB", "8", "200ms", "200", "model: L70B\n", "", "LRU, path", "LRU, Path", "fp16", "fp4"}, []string{
			"1: model: required field is missing",
			`11: runtime.kv_dtype: must be fp16 or fp8, not "fp4"`,
			"21: dynamo.tiers.tier0.capacity_bytes: 8 needs a unit, such as 8GiB",
			"23: dynamo.tiers.tier2.Path: unknown field; did you mean path?",
			"23: dynamo.tiers.tier2.path: required field is missing: the folder on the NVMe",
			"29: telemetry.cadence: 200 needs a unit, such as 300s or 200ms",
		}},

		"no such stack": {[]string{"stack: B", "stack: C"}, []string{`1: stack: must be A or B, not "C"`}},
		"A with B's parts": {[]string{"stack: B", "stack: A"}, []string{
			"8: endpoint.kvbm_metrics: does not belong to Stack A: Stack A has no KV block manager",
			"9: runtime.kv_pool_bytes: required field of Stack A is missing",
			"16: dynamo: does not belong to Stack A: Stack A has no KV block manager",
		}},
		"B with A's pool":      {[]string{"tokens_per_block: 32\n", "tokens_per_block: 32\n  kv_pool_bytes: 1GiB\n"}, []string{"14: runtime.kv_pool_bytes: does not belong to Stack B: the pool of Stack B is dynamo.tiers.tier0"}},
		"B without its page":   {[]string{"  kvbm_metrics: http://127.0.0.1:6880/metrics\n", ""}, []string{"4: endpoint.kvbm_metrics: required field of Stack B is missing"}},
		"model with a slash":   {[]string{"model: L70B", "model: meta/L70B"}, []string{`3: model: "meta/L70B" is not a plain name: letters, digits, '.', '_', '-'`}},
		"api":                  {[]string{"api: completions", "api: responses"}, []string{`6: endpoint.api: must be completions or chat, not "responses"`}},
		"no scheme":            {[]string{"http://127.0.0.1:9000", "localhost"}, []string{"5: endpoint.url: must begin with http:// or https://"}},
		"other scheme":         {[]string{"http://127.0.0.1:9000", "ftp://localhost"}, []string{"5: endpoint.url: must begin with http:// or https://"}},
		"no host":              {[]string{"http://127.0.0.1:9000", "http://:9000"}, []string{"5: endpoint.url: has no host"}},
		"port":                 {[]string{"http://127.0.0.1:9000", "http://127.0.0.1:90000"}, []string{"5: endpoint.url: has a port that is not from 1 to 65535"}},
		"port left out":        {[]string{"http://127.0.0.1:9000", "'http://127.0.0.1:'"}, []string{"5: endpoint.url: has a port that is not from 1 to 65535"}},
		"query":                {[]string{"http://127.0.0.1:8081/metrics", "http://127.0.0.1:8081/metrics?token=secret"}, []string{"7: endpoint.engine_metrics: has a query (the part after ?), which may hold a key and would stand in every run's config.yaml"}},
		"fragment":             {[]string{"http://127.0.0.1:9000", "http://127.0.0.1#a"}, []string{"5: endpoint.url: has a part after #, which is not sent to a server"}},
		"credentials":          {[]string{"http://127.0.0.1:9000", "http://u:secret@127.0.0.1:9000"}, []string{"5: endpoint.url: must not hold credentials; put the key into the environment variable named by api_key_env"}},
		"broken credentials":   {[]string{"http://127.0.0.1:9000", "http://u:sec#ret@127.0.0.1:9000"}, []string{"5: endpoint.url: is not a URL, such as http://127.0.0.1:8355"}},
		"key instead of name":  {[]string{"api: completions", "api: completions\n  api_key_env: sk-secret"}, []string{"7: endpoint.api_key_env: must be the name of an environment variable, not the key itself"}},
		"metrics page":         {[]string{"http://127.0.0.1:8081/metrics", "/metrics"}, []string{"7: endpoint.engine_metrics: must begin with http:// or https://"}},
		"block size":           {[]string{"kv_block_size: 32", "kv_block_size: 16"}, []string{"17: dynamo.kv_block_size: must equal runtime.tokens_per_block (32), not 16"}},
		"no consequences":      {[]string{"tokens_per_block: 32", "tokens_per_block: x"}, []string{`13: runtime.tokens_per_block: must be a decimal whole number, not the text "x"`}},
		"prefetch of nothing":  {[]string{"prefetch_enable: false", "prefetch_enable: true"}, []string{"19: dynamo.prefetch_depth: must be at least 1, because prefetch_enable is true"}},
		"prefetch that is off": {[]string{"prefetch_depth: 0", "prefetch_depth: 1"}, []string{"19: dynamo.prefetch_depth: must be 0, because prefetch_enable is false"}},
		"policy":               {[]string{"FIFO", "MRU"}, []string{`23: dynamo.tiers.tier1.eviction_policy: must be LRU, FIFO, LFU or SEGMENTED, not "MRU"`}},
		"folder of memory":     {[]string{"policy: FIFO", "policy: FIFO, path: /tmp"}, []string{"23: dynamo.tiers.tier1.path: only tier2 is in a folder"}},
		"relative folder":      {[]string{"/mnt/nvme/kvbm", "kvbm"}, []string{`24: dynamo.tiers.tier2.path: must be an absolute path, not "kvbm"`}},
		"cadence too short":    {[]string{"200ms", "9ms"}, []string{"30: telemetry.cadence: must be from 10ms to 60s, not 9ms"}},
		"cadence too long":     {[]string{"200ms", "61s"}, []string{"30: telemetry.cadence: must be from 10ms to 60s, not 1m1s"}},
		"device as a path":     {[]string{"nvme0n1", "/dev/nvme0n1"}, []string{`31: telemetry.device: must be the name of a block device as in /sys/block, such as nvme0n1, not "/dev/nvme0n1"`}},
		"device upwards":       {[]string{"nvme0n1", ".."}, []string{`31: telemetry.device: must be the name of a block device as in /sys/block, such as nvme0n1, not ".."`}},
	} {
		t.Run(name, func(t *testing.T) {
			text := stackB
			for i := 0; i < len(c.edits); i += 2 {
				text = edit(t, text, c.edits[i], c.edits[i+1])
			}
			_, err := parseStack("b.yaml", []byte(text))
			require.EqualError(t, err, "b.yaml:"+strings.Join(c.want, "\nb.yaml:"))
		})
	}
}

func TestHypothesisFaults(t *testing.T) {
	for name, c := range map[string]struct {
		edits []string
		want  []string
	}{
		"name":                {[]string{"hypothesis: H0", "hypothesis: H 0"}, []string{`1: hypothesis: "H 0" is not a plain name: letters, digits, '.', '_', '-'`}},
		"profile":             {[]string{"model: L8B", "model: L8B\nprofile: ../spill"}, []string{`3: profile: "../spill" is not a plain name: letters, digits, '.', '_', '-'`}},
		"stack letter":        {[]string{"{A: stackA.yaml}", "{a: stackA.yaml}"}, []string{"3: stacks.a: no such stack; there are A and B"}},
		"stack escapes":       {[]string{"stackA.yaml", "x/../../stackA.yaml"}, []string{`3: stacks.A: must be a path inside the folder of configurations, relative to it, not "x/../../stackA.yaml"`}},
		"stack is absolute":   {[]string{"stackA.yaml", "/etc/passwd"}, []string{`3: stacks.A: must be a path inside the folder of configurations, relative to it, not "/etc/passwd"`}},
		"no stacks":           {[]string{"{A: stackA.yaml}", "{}"}, []string{"3: stacks: is empty"}},
		"no controls":         {[]string{"controls: {w1: a_check}", "controls: {}"}, []string{"4: controls: is empty"}},
		"control of no check": {[]string{"controls: {w1: a_check}", "controls: {w1: a check}"}, []string{`4: controls.w1: "a check" is not a plain name: letters, digits, '.', '_', '-'`}},
		"control is a path":   {[]string{"controls: {w1: a_check}", "controls: {w/1: a_check}"}, []string{`4: controls."w/1": "w/1" is not a plain name: letters, digits, '.', '_', '-'`}},
		"nonce":               {[]string{"per_user", "per_session"}, []string{`7: load.nonce: must be none, per_user or per_request, not "per_session"`}},
		"think time": {[]string{"mean: 20s", "mean: 20, min: 1s"}, []string{
			"8: load.think_time.min: is no parameter of the exponential distribution",
			"8: load.think_time.mean: 20 needs a unit, such as 300s or 200ms",
		}},
		"unknown parameter":     {[]string{"mean: 20s", "meen: 20s"}, []string{"8: load.think_time.meen: unknown field; did you mean mean?", "8: load.think_time.mean: required field of the exponential distribution is missing"}},
		"distribution":          {[]string{"dist: exponential", "dist: pareto"}, []string{`8: load.think_time.dist: must be constant, uniform, exponential or lognormal, not "pareto"`}},
		"no output":             {[]string{"dist: lognormal, median: 48, sigma: 0.7", "dist: constant, value: 0"}, []string{"9: load.output_tokens: must be at least one token, not 0"}},
		"half a token":          {[]string{"dist: lognormal, median: 48, sigma: 0.7", "dist: constant, value: 1.5"}, []string{"9: load.output_tokens.value: must be a whole number of tokens, not 1.5"}},
		"empty sweep":           {[]string{"[256, 4k, 64k]", "[]"}, []string{"12: sweep.ctx: is empty"}},
		"no alias":              {[]string{"4k,", "5k,"}, []string{`12: sweep.ctx[1]: "5k" is not a number of tokens, such as 4096, or one of 1k, 2k, 4k, 8k, 16k, 32k, 64k`}},
		"level falls":           {[]string{"4k, 64k", "64k, 4k"}, []string{"12: sweep.ctx[2]: levels must increase: 4096 comes after 64000"}},
		"level twice":           {[]string{"conc: [1, 4]", "conc: [1, 4, 4]"}, []string{"13: sweep.conc[2]: levels must increase: 4 comes after 4"}},
		"level zero":            {[]string{"conc: [1, 4]", "conc: [0, 4]"}, []string{"13: sweep.conc[0]: is zero, which would mean that it is not set"}},
		"level missing":         {[]string{"conc: [1, 4]", "conc: [1, ~, 4]"}, []string{"13: sweep.conc[1]: has no value"}},
		"rate negative":         {[]string{"conc: [1, 4]", "conc: [1, 4]\n  arrivals: poisson\n  rate_rps:\n  - 1\n  - -2.5"}, []string{"17: sweep.rate_rps[1]: -2.5 is negative"}},
		"rate without arrivals": {[]string{"conc: [1, 4]", "conc: [1, 4]\n  rate_rps: [1]"}, []string{"11: sweep.arrivals: must be poisson, constant, gamma or ramp, not \"\""}},
		"arrivals without rate": {[]string{"conc: [1, 4]", "conc: [1, 4]\n  arrivals: poisson"}, []string{"14: sweep.arrivals: says how an open loop arrives, but sweep.rate_rps lists no rate"}},
		"no load":               {[]string{"  conc: [1, 4]\n", ""}, []string{"11: sweep.conc: required field is missing: how many users the closed loop has (or sweep.sessions, or sweep.rate_rps of an open loop)"}},
		"phase":                 {[]string{"conc: [1, 4]", "conc: [1, 4]\n  phase: [cold, hot]"}, []string{`14: sweep.phase[1]: must be cold or warm, not "hot"`}},
		"policy":                {[]string{"conc: [1, 4]", "conc: [1, 4]\n  policy: [LRU, MRU]"}, []string{`14: sweep.policy[1]: must be LRU, FIFO, LFU, SEGMENTED or ARC, not "MRU"`, "14: sweep.policy: treats the host tier of Stack B, which stacks does not name"}},
		"policy twice":          {[]string{"conc: [1, 4]", "conc: [1, 4]\n  policy: [LRU, LRU]", "{A: stackA.yaml}", "{B: stackB.yaml}"}, []string{"14: sweep.policy[1]: LRU stands twice"}},
		"one drive":             {[]string{"conc: [1, 4]", "conc: [1, 4]\n  drive: [B]", "{A: stackA.yaml}", "{B: stackB.yaml}"}, []string{"1: second_drive: required field of sweep.drive is missing: the simulated machine's other drive, a file of drives/", "14: sweep.drive: one drive is compared with none: give [A, B]"}},
		"three drives":          {[]string{"conc: [1, 4]", "conc: [1, 4]\n  drive: [A, B, C]\nsecond_drive: sata", "{A: stackA.yaml}", "{B: stackB.yaml}"}, []string{`14: sweep.drive[2]: must be A or B, not "C"`}},
		"drives without tier 2": {[]string{"conc: [1, 4]", "conc: [1, 4]\n  drive: [A, B]\nsecond_drive: sata"}, []string{"14: sweep.drive: is where tier 2 of Stack B lies, which stacks does not name"}},
		"drives beside fio":     {[]string{"conc: [1, 4]", "conc: [1, 4]\n  drive: [A, B]\n  fio: [none]\nsecond_drive: sata", "{A: stackA.yaml}", "{B: stackB.yaml}"}, []string{"15: sweep.fio: loads one drive: leave it out where two are compared (sweep.drive)"}},
		"a second drive alone":  {[]string{"conc: [1, 4]", "conc: [1, 4]\nsecond_drive: sata"}, []string{"14: second_drive: belongs to sweep.drive: [A, B]"}},
		"fio twice":             {[]string{"conc: [1, 4]", "conc: [1, 4]\n  fio: [none, heavy, none]"}, []string{"14: sweep.fio[2]: none stands twice"}},
		"fio elsewhere":         {[]string{"conc: [1, 4]", "conc: [1, 4]\n  fio: [../heavy]"}, []string{`14: sweep.fio[0]: "../heavy" is not a plain name: letters, digits, '.', '_', '-'`}},
		"fio without a level":   {[]string{"conc: [1, 4]", "conc: [1, 4]\n  fio: [~]"}, []string{"14: sweep.fio[0]: has no value"}},
		"cadence falls":         {[]string{"conc: [1, 4]", "conc: [1, 4]\n  cadence: [200ms, 1s, 500ms]"}, []string{"14: sweep.cadence[2]: levels must increase: 500ms comes after 1s"}},
		"cadence twice":         {[]string{"conc: [1, 4]", "conc: [1, 4]\n  cadence: [1s, 1000ms]"}, []string{"14: sweep.cadence[1]: levels must increase: 1s comes after 1s"}},
		"cadence without unit":  {[]string{"conc: [1, 4]", "conc: [1, 4]\n  cadence: [200]"}, []string{"14: sweep.cadence[0]: 200 needs a unit, such as 300s or 200ms"}},
		"cadence of zero":       {[]string{"conc: [1, 4]", "conc: [1, 4]\n  cadence: [0s, 1s]"}, []string{"14: sweep.cadence[0]: is zero, which would mean that it is not set"}},
		"cadence too short":     {[]string{"conc: [1, 4]", "conc: [1, 4]\n  cadence: [9ms, 10ms]"}, []string{"14: sweep.cadence[0]: must be from 10ms to 60s, not 9ms"}},
		"cadence too long":      {[]string{"conc: [1, 4]", "conc: [1, 4]\n  cadence: [60s, 61s]"}, []string{"14: sweep.cadence[1]: must be from 10ms to 60s, not 1m1s"}},
		"window too short":      {[]string{"gates:", "windows: {length: 999ms, min_reads: 1000}\ngates:"}, []string{"22: windows.length: must be from 1s to 10s, not 999ms"}},
		"window too long":       {[]string{"gates:", "windows: {length: 10001ms, min_reads: 1000}\ngates:"}, []string{"22: windows.length: must be from 1s to 10s, not 10.001s"}},
		"window without unit":   {[]string{"gates:", "windows: {length: 10, min_reads: 1000}\ngates:"}, []string{"22: windows.length: 10 needs a unit, such as 300s or 200ms"}},
		"window without length": {[]string{"gates:", "windows: {min_reads: 1000}\ngates:"}, []string{"22: windows.length: required field is missing"}},
		"window of any reads":   {[]string{"gates:", "windows: {length: 10s, min_reads: 0}\ngates:"}, []string{"22: windows.min_reads: is zero, which would mean that it is not set"}},
		"window misspelt":       {[]string{"gates:", "windows: {length: 10s, min_read: 5}\ngates:"}, []string{"22: windows.min_read: unknown field; did you mean min_reads?", "22: windows.min_reads: required field is missing"}},
		"capacity falls":        {[]string{"conc: [1, 4]", "conc: [1, 4]\n  tier1: [8GiB, 4GiB]", "{A: stackA.yaml}", "{B: stackB.yaml}"}, []string{"14: sweep.tier1[1]: levels must increase: 4GiB comes after 8GiB"}},
		"sessions of no chat":   {[]string{"conc: [1, 4]", "sessions: [8]"}, []string{"13: sweep.sessions: belongs to the workload sessioned_chat"}},
		"chat without sessions": {[]string{"workload: fixed_context", "workload: sessioned_chat"}, []string{
			"5: load.chat: required field of the workload sessioned_chat is missing",
			`7: load.nonce: must be none for sessioned_chat, whose sessions share nothing as it is, not "per_user"`,
			"11: sweep.turns: required field of the workload sessioned_chat is missing",
			"11: sweep.reuse: required field of the workload sessioned_chat is missing",
			"11: sweep.sessions: required field of the workload sessioned_chat is missing",
			"13: sweep.conc: sessioned_chat has a user for each live session: give sweep.sessions alone",
		}},
		"zipf without exponent":  {[]string{"  nonce: per_user", "  nonce: per_user\n  popularity: {dist: zipf}"}, []string{"8: load.popularity.exponent: required field of zipf is missing, such as 0.8"}},
		"uniform with exponent":  {[]string{"  nonce: per_user", "  nonce: per_user\n  popularity: {dist: uniform, exponent: 1}"}, []string{"8: load.popularity.exponent: is no parameter of uniform"}},
		"popularity":             {[]string{"  nonce: per_user", "  nonce: per_user\n  popularity: {dist: normal}"}, []string{`8: load.popularity.dist: must be uniform or zipf, not "normal"`}},
		"adapter list is a path": {[]string{"  nonce: per_user", "  nonce: per_user\n  adapters: {list: ../x, pick: any, rank: 16, dir: lora}"}, []string{`8: load.adapters.list: "../x" is not a plain name: letters, digits, '.', '_', '-'`, `8: load.adapters.pick: must be uniform, hot_set, round_robin or all_once, not "any"`, `8: load.adapters.dir: must be an absolute path on the server, not "lora"`}},
		"hot set":                {[]string{"  nonce: per_user", "  nonce: per_user\n  adapters: {list: x, pick: hot_set, hot_set: 0.1, rank: 16, dir: /lora}"}, []string{"8: load.adapters.hot_share: is a share above 0 and below 1, not 0"}},
		"scalar for a list":      {[]string{"conc: [1, 4]", "conc: 4"}, []string{"13: sweep.conc: must be a list, not 4"}},
		"reps zero":              {[]string{"reps: 3", "reps: 0"}, []string{"15: run.reps: is zero, which would mean that it is not set"}},
		"seed zero":              {[]string{"seed: 1", "seed: 0"}, []string{"16: run.seed: is zero, which would mean that it is not set"}},
		"seed negative":          {[]string{"seed: 1", "seed: -1"}, []string{"16: run.seed: must be a decimal whole number that is not negative, not -1"}},
		"duration zero":          {[]string{"baseline: 10s", "baseline: 0s"}, []string{"20: run.baseline: is zero, which would mean that it is not set"}},
		"the observer's parts":   {[]string{"max_duration: 300s", "max_duration: 300s\n  observer: 1ms"}, []string{"19: run.observer: is from 100ms to 10m, not 1ms: leave it out for 20s"}},
		"durations":              {[]string{"max_duration: 300s", "max_duration: 299s"}, []string{"18: run.max_duration: must be at least run.duration (5m0s), not 4m59s"}},
		"warm-up":                {[]string{"max: 600s", "max: 6s"}, []string{"21: run.warmup.max: must be at least run.warmup.min (1m0s), not 6s"}},
		"share in percent":       {[]string{"prompt_tolerance: 0.05", "prompt_tolerance: 5"}, []string{"26: gates.prompt_tolerance: is a share from 0 to 1, not 5; 5 % is written 0.05"}},
		"coverage too small":     {[]string{"min_coverage: 0.95", "min_coverage: 0.05"}, []string{"23: gates.min_coverage: is a share from 0.5 to 1, not 0.05; 5 % is written 0.05"}},
		"hardly any fio":         {[]string{"min_fio_presence: 0.95", "min_fio_presence: 0.05"}, []string{"35: gates.min_fio_presence: is a share from 0.5 to 1, not 0.05; 5 % is written 0.05"}},
		"cadence in percent":     {[]string{"cadence_tolerance: 0.05", "cadence_tolerance: 5"}, []string{"34: gates.cadence_tolerance: is a share from 0 to 1, not 5; 5 % is written 0.05"}},
		"nothing told":           {[]string{"min_told: 0.95", "min_told: 0.4"}, []string{"39: gates.min_told: is a share from 0.5 to 1, not 0.4; 5 % is written 0.05"}},
		"any clock":              {[]string{"max_clock_difference: 0.03", "max_clock_difference: 3"}, []string{"40: gates.max_clock_difference: is a share from 0 to 1, not 3; 5 % is written 0.05"}},
		"most of an arm again":   {[]string{"max_again_share: 0.2", "max_again_share: 0.6"}, []string{"42: gates.max_again_share: is a share from 0 to 0.5, not 0.6; 5 % is written 0.05"}},
		"below the median":       {[]string{"max_baseline_factor: 3", "max_baseline_factor: 0.9"}, []string{"37: gates.max_baseline_factor: is at least 1, not 0.9: half of all baselines are above their median"}},
		"any foreign reads":      {[]string{"max_foreign_reads: 0.01", "max_foreign_reads: 1.5"}, []string{"36: gates.max_foreign_reads: is a share from 0 to 1, not 1.5; 5 % is written 0.05"}},
		"any carry-over":         {[]string{"max_carry_over: 0.2", "max_carry_over: 1.5"}, []string{"43: gates.max_carry_over: is a share from 0 to 1, not 1.5; 5 % is written 0.05"}},
		"not a finite number":    {[]string{"max_baseline_rps: 50", "max_baseline_rps: .inf"}, []string{"33: gates.max_baseline_rps: must be a number, not .inf"}},
		"hexadecimal":            {[]string{"max_baseline_rps: 50", "max_baseline_rps: 0x50"}, []string{"33: gates.max_baseline_rps: must be a number, not 0x50"}},
		"no thresholds":          {[]string{"thresholds: {ratio: 2, share: 0, shift: -1.5}\n", ""}, []string{"1: thresholds: required field is missing"}},
		"empty thresholds":       {[]string{"{ratio: 2, share: 0, shift: -1.5}", "{}"}, []string{"46: thresholds: is empty"}},
		"threshold is null":      {[]string{"share: 0,", "share: ,"}, []string{"46: thresholds.share: has no value"}},
		"threshold twice":        {[]string{"share: 0,", "share: 0, ratio: 3,"}, []string{"46: thresholds.ratio: stands twice, first on line 46"}},
		"threshold is text":      {[]string{"ratio: 2,", "ratio: two,"}, []string{`46: thresholds.ratio: must be a number, not the text "two"`}},
	} {
		t.Run(name, func(t *testing.T) {
			text := hypothesis
			for i := 0; i < len(c.edits); i += 2 {
				text = edit(t, text, c.edits[i], c.edits[i+1])
			}
			_, err := parseHypothesis("h.yaml", []byte(text))
			require.EqualError(t, err, "h.yaml:"+strings.Join(c.want, "\nh.yaml:"))
		})
	}
}

func TestFileFaults(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"empty":            {"", "w.yaml:1: is empty"},
		"only a comment":   {"# nothing\n", "w.yaml:1: is empty"},
		"only a dash":      {"---\n", "w.yaml:1: is empty"},
		"a list":           {"\n- world\n", "w.yaml:2: must be a mapping of fields, not a list"},
		"text":             {"world\n", `w.yaml:1: must be a mapping of fields, not the text "world"`},
		"two documents":    {"world: w\nnote: n\n---\nworld: v\nnote: n\n", "w.yaml:3: has a second document; one file is one configuration"},
		"second broken":    {"world: w\nnote: n\n---\n\t-\n", "w.yaml:4: is not YAML: found character that cannot start any token"},
		"a tab":            {"world: w\n\tnote: n\n", "w.yaml:2: is not YAML: found a tab character that violates indentation"},
		"bad indent":       {"world: w\n note: n\n", "w.yaml:2: is not YAML: mapping values are not allowed in this context"},
		"outdent between":  {"world: w\nnote: n\ntiers:\n  a: 1\n b: 2\nx: 1\n", "w.yaml:5: is not YAML: did not find expected key"},
		"open bracket":     {"world: w\nnote: [n\n", "w.yaml:2: is not YAML: did not find expected ',' or ']'"},
		"unknown alias":    {"world: *w\n", "w.yaml: is not YAML: unknown anchor 'w' referenced"},
		"holds itself":     {"world: w\nnote: n\ntiers: &t {<<: *t, x: 1}\n", "w.yaml:3: tiers.x: unknown field"},
		"popularity":       {"world: w\nnote: n\nload: {popularity: {dist: zipf}}\n", "w.yaml:3: load.popularity.exponent: required field of zipf is missing, such as 0.8"},
		"fio":              {"world: w\nnote: n\nload: {fio: ../none}\n", "w.yaml:3: load.fio: \"../none\" is not a plain name: letters, digits, '.', '_', '-'"},
		"zero capacity":    {"world: w\nnote: n\ntiers: {tier0_bytes: 0B}\n", "w.yaml:3: tiers.tier0_bytes: is zero; leave the field out to keep the stack's own capacity"},
		"no bytes":         {"world: w\nnote: n\nmechanisms: {bursts: {every: 60s}}\n", "w.yaml:3: mechanisms.bursts: moves nothing: give read_bytes or write_bytes"},
		"no time between":  {"world: w\nnote: n\nmechanisms: {bursts: {write_bytes: 1GiB}}\n", "w.yaml:3: mechanisms.bursts.every: required field is missing"},
		"bursts too close": {"world: w\nnote: n\nmechanisms: {bursts: {write_bytes: 1GiB, every: 10us}}\n", "w.yaml:3: mechanisms.bursts.every: is 10µs, and the shortest time that makes sense is 1ms"},
		"bursts unit":      {"world: w\nnote: n\nmechanisms: {bursts: {write_bytes: 1, every: 60s}}\n", "w.yaml:3: mechanisms.bursts.write_bytes: 1 needs a unit, such as 8GiB"},
		"reasons":          {"world: w\nnote: n\nmechanisms: {thermal_slowdown: {time_constant: 120s, lowest_mhz: 1400, reasons: hidden}}\n", "w.yaml:3: mechanisms.thermal_slowdown.reasons: must be shown, unset, na or absent, not \"hidden\""},
		"stopped clock":    {"world: w\nnote: n\nmechanisms: {thermal_slowdown: {time_constant: 120s, lowest_mhz: 0, reasons: na}}\n", "w.yaml:3: mechanisms.thermal_slowdown.lowest_mhz: is zero, which would mean that it is not set"},
		"cron never rests": {"world: w\nnote: n\nmechanisms: {cron_reads: {mean_gap: 1s, bytes: 2GB}}\n", "w.yaml:3: mechanisms.cron_reads.bytes: are 2GB each 1s, 2e+09 B/s: a program that comes now and then moves at most 1e+09 B/s in the mean"},
		"cron without gap": {"world: w\nnote: n\nmechanisms: {cron_writes: {bytes: 2GB}}\n", "w.yaml:3: mechanisms.cron_writes.mean_gap: required field is missing"},
		"sleepless":        {"world: w\nnote: n\nmechanisms: {power_save: {idle: 100us, exit: 8ms}}\n", "w.yaml:3: mechanisms.power_save.idle: is 100µs, and the shortest time that makes sense is 1ms"},
		"all on the system's drive": {"world: w\nnote: n\nmechanisms: {kv_on_second_drive: true, kv_system_drive_share: 1}\n",
			"w.yaml:3: mechanisms.kv_system_drive_share: is a share below 1, not 1"},
		"a share of one drive": {"world: w\nnote: n\nmechanisms: {kv_system_drive_share: 0.5}\n",
			"w.yaml:3: mechanisms.kv_system_drive_share: is of a tier on two drives: kv_on_second_drive is not set"},
		"carries nothing": {"world: w\nnote: n\nmechanisms: {carry_over: {latency: 1, decay: 20m, writes_in_flight: 32}}\n", "w.yaml:3: mechanisms.carry_over.latency: is 1: it is how many times as long the drive takes, more than 1"},
		"reset at once":   {"world: w\nnote: n\nmechanisms: {counters_reset: 1us}\n", "w.yaml:3: mechanisms.counters_reset: is 1µs, and the shortest time that makes sense is 1ms"},
		"hangs at once":   {"world: w\nnote: n\nmechanisms: {page_hangs: 1us}\n", "w.yaml:3: mechanisms.page_hangs: is 1µs, and the shortest time that makes sense is 1ms"},
		"no note":         {"world: w/v\n", "w.yaml:1: note: required field is missing\nw.yaml:1: world: \"w/v\" is not a plain name: letters, digits, '.', '_', '-'"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parseWorld("w.yaml", []byte(c.text))
			require.EqualError(t, err, c.want)
		})
	}
	_, err := parseProfile("p.yaml", []byte("profile: a b\nnote: n\ntier0_bytes: 1GiB\n"))
	require.EqualError(t, err, "p.yaml:1: tier1_bytes: required field is missing\np.yaml:1: profile: \"a b\" is not a plain name: letters, digits, '.', '_', '-'")
}

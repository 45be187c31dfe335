package config

import (
	"fmt"
	"reflect"
	"regexp"
	"time"
)

// bound is the largest value of a field, of the field's own type, and why there is none beyond it. The parameters of a
// distribution, which are text, are bounded as what they stand for.
type bound struct {
	most any
	why  string
}

// Bounds that several fields share.
var (
	oneWeek    = bound{Duration(7 * 24 * time.Hour), "a machine that has not settled within a week does not settle"}
	oneDay     = bound{Duration(24 * time.Hour), "nobody waits longer than a day"}
	oneSecond  = bound{Duration(time.Second), "it would be longer than what it delays"}
	users      = bound{1 << 16, "each user holds a connection, and an address has no more ports"}
	hostMemory = bound{Size(16 << 40), "no host has more than 16 TiB of memory"}
	context    = bound{1 << 20, "no model of today takes more than a million tokens"}
	answer     = bound{float64(1 << 20), "no model of today gives more than a million tokens"}
	queue      = bound{1<<16 - 1, "an NVMe queue holds no more (NVMe base specification, MQES)"}
	sigma      = bound{5.0, "a hundredth of the values would be 100,000 times the median and more"}
	requests   = bound{1_000_000, "p99.99 is known from fewer, and lines of more fill the memory"}
)

// bounds is the upper end of every number of a configuration that has no other: no sweep of a wrong digit starts, and
// none fills the memory before it does. [] stands for every element of a list. What is a share, or has a range that is
// told in one sentence, is checked where it belongs.
var bounds = map[string]bound{
	"load.think_time.value":  oneDay,
	"load.think_time.min":    oneDay,
	"load.think_time.max":    oneDay,
	"load.think_time.mean":   oneDay,
	"load.think_time.median": oneDay,
	"load.think_time.sigma":  sigma,

	"load.output_tokens.value":  answer,
	"load.output_tokens.min":    answer,
	"load.output_tokens.max":    answer,
	"load.output_tokens.mean":   answer,
	"load.output_tokens.median": answer,
	"load.output_tokens.sigma":  sigma,

	"load.request_timeout":         oneDay,
	"load.popularity.exponent":     {10.0, "the first user alone would ask"},
	"load.chat.reference_sessions": users,
	"load.chat.length_spread":      sigma,
	"load.adapters.rank":           {4096, "adapters have ranks of 8 to some hundred"},

	"sweep.tier1[]":       hostMemory,
	"sweep.turns[]":       {1000, "no prompt holds the messages of a longer conversation"},
	"sweep.ctx[]":         {Tokens(1 << 20), context.why},
	"sweep.sessions[]":    users,
	"sweep.conc[]":        users,
	"sweep.rate_rps[]":    {float64(MaxRPS), "gaps would be shorter than the load's grid of a microsecond"},
	"sweep.ramp.from_rps": {float64(MaxRPS), "gaps would be shorter than the load's grid of a microsecond"},
	"sweep.fine_step":     {100, "levels closer than a hundredth of a step are one"},

	"run.reps":          {1000, "an interval shrinks with their root, and 1000 make a tenth of that of ten"},
	"run.early_looks[]": {1000, "a run has no more repetitions"},
	"run.duration":      oneWeek,
	"run.max_duration":  oneWeek,
	"run.min_requests":  requests,
	"run.baseline":      oneDay,
	"run.warmup.min":    oneWeek,
	"run.warmup.max":    oneWeek,
	"run.warmup.passes": {10_000, "caches are warm long before"},

	"windows.min_reads":      {100_000_000, "no drive reads more in ten seconds"},
	"gates.max_send_lag":     {Duration(time.Minute), "a client that late measures itself"},
	"gates.min_samples":      {requests.most, requests.why},
	"gates.max_baseline_rps": {100e6, "no drive does more"},

	"gates.max_baseline_factor": {1000.0, "a drive that does a thousand times as much is not idle"},
	"gates.baseline_noise_rps":  {1000.0, "a drive that does so much is not idle"},
	"gates.max_again":           {10, "what fails so often is not chance"},

	"runtime.max_batch_size":      users,
	"runtime.max_num_tokens":      {context.most, "an iteration takes no more than a whole prompt"},
	"runtime.tokens_per_block":    {1 << 16, "servers take blocks of 8 to some hundred tokens"},
	"runtime.kv_pool_bytes":       hostMemory,
	"runtime.max_queued_requests": {1_000_000, "nobody is answered from the end of a longer queue"},
	"runtime.max_loras":           {1 << 16, "no device holds more adapters"},

	"dynamo.kv_block_size":         {1 << 16, "servers take blocks of 8 to some hundred tokens"},
	"dynamo.prefetch_depth":        users,
	"dynamo.offload_min_frequency": {1_000_000, "no block is seen more often"},

	"dynamo.offload.blocks_per_chunk": {1 << 16, "a file of more blocks is longer than any prompt"},
	"dynamo.offload.read_threads":     {1024, "no server has more threads for one drive"},
	"dynamo.offload.write_threads":    {1024, "no server has more threads for one drive"},
	"dynamo.offload.buffer_slots":     {1024, "a pinned buffer holds a few blocks"},

	"dynamo.tiers.tier0.capacity_bytes": hostMemory,
	"dynamo.tiers.tier1.capacity_bytes": hostMemory,
	"dynamo.tiers.tier2.capacity_bytes": {Size(1 << 50), "no machine has more than 1024 TiB of NVMe"},

	"dynamo.loader.queue_depth":          queue,
	"dynamo.loader.io_bytes":             {Size(1 << 30), "no kernel takes a larger read"},
	"dynamo.loader.software_time_per_io": oneSecond,

	"mechanisms.scrape_stall":        {Duration(time.Minute), "no scrape lasts longer"},
	"mechanisms.paged_weights_bytes": hostMemory,
	"mechanisms.request_log_bytes":   hostMemory,
	"mechanisms.bursts.read_bytes":   hostMemory,
	"mechanisms.bursts.write_bytes":  hostMemory,
	"mechanisms.bursts.every":        oneDay,
	"mechanisms.cron_reads.mean_gap": oneDay,
	"mechanisms.cron_reads.bytes":    hostMemory,

	"mechanisms.cron_writes.mean_gap": oneDay,
	"mechanisms.cron_writes.bytes":    hostMemory,

	"mechanisms.thermal_slowdown.time_constant": oneDay,
	"mechanisms.thermal_slowdown.lowest_mhz":    {10_000.0, "no GPU has a faster clock"},
	"mechanisms.power_save.idle":                oneDay,
	"mechanisms.power_save.exit":                {Duration(time.Minute), "a drive that sleeps deeper has been given up by its driver"},
	"mechanisms.carry_over.latency":             {1000.0, "a drive that slow has failed"},
	"mechanisms.carry_over.decay":               oneWeek,
	"mechanisms.carry_over.writes_in_flight":    {float64(queue.most.(int)), queue.why},

	"mechanisms.prompt_filter":        oneDay,
	"mechanisms.index_search":         hostMemory,
	"mechanisms.pinned_limit.most":    hostMemory,
	"mechanisms.pinned_limit.instead": hostMemory,
	"mechanisms.small_pages":          {1000.0, "a GPU that slow has failed"},
	"mechanisms.cpu_sleep.exit":       oneDay,
	"mechanisms.counters_reset":       oneWeek,
	"mechanisms.page_hangs":           oneWeek,

	"launch.ready.limit": oneDay,
	"launch.stop.grace":  {Duration(time.Hour), "what does not end within an hour does not end"},

	"shape.layers":             {10_000, "no model has more"},
	"shape.kv_heads":           {10_000, "no model has more"},
	"shape.head_dim":           {1 << 16, "no head is wider"},
	"shape.latent_dim":         {1 << 16, "no latent is wider"},
	"shape.window.layers":      {10_000, "no model has more"},
	"shape.window.tokens":      {context.most, context.why},
	"shape.hidden":             {1 << 20, "no model is wider"},
	"shape.intermediate":       {1 << 24, "no MLP is wider"},
	"shape.context_tokens":     {16 << 20, "no model of today takes more than sixteen million tokens"},
	"shape.kv_bytes_per_token": {Size(1 << 30), "no token leaves a gigabyte"},

	"parameters.total_billion":  {1e5, "no model has 100 trillion parameters"},
	"parameters.active_billion": {1e5, "no model has 100 trillion parameters"},

	"pauses.sigma": sigma,

	"endurance.rated_tbw": {1e6, "no drive is rated for a million terabytes"},

	"tiers.tier0_bytes": hostMemory,
	"tiers.tier1_bytes": hostMemory,
	"tier0_bytes":       hostMemory,
	"tier1_bytes":       hostMemory,
	"tier2_bytes":       {Size(1 << 50), "no machine has more than 1024 TiB of NVMe"},
}

// maxLevels is the most elements of a list, such as the levels of a factor.
const maxLevels = 1000

// Within refuses a value that was chosen elsewhere instead of a field's, such as by a flag, if it is beyond the bound
// that the field has in a file. It panics if there is no bound.
func Within(path string, value any) error {
	b, ok := bounds[path]
	if !ok {
		panic("config: no bound of " + path)
	}
	if beyond(reflect.ValueOf(value), b.most) {
		return fmt.Errorf("%s", b.refusal(value))
	}
	return nil
}

func (b bound) refusal(value any) string {
	return fmt.Sprintf("is at most %v, not %v: %s", b.most, value, b.why)
}

// index is that of an element of a list in a path.
var index = regexp.MustCompile(`\[\d+\]`)

// within refuses a field that is beyond its bound.
func (r *reader) within(v reflect.Value, at place, path string) {
	if b, ok := bounds[index.ReplaceAllString(path, "[]")]; ok && beyond(v, b.most) {
		r.fault(at, path, "%s", b.refusal(v.Interface()))
	}
}

// beyond reports whether a field's value is larger than most. Text that stands for no number is refused elsewhere.
func beyond(v reflect.Value, most any) bool {
	limit := number(reflect.ValueOf(most))
	if v.Kind() != reflect.String {
		return number(v) > limit
	}
	if _, ok := most.(Duration); ok {
		d, err := ParseDuration(v.String())
		return err == nil && float64(d) > limit
	}
	x, err := parseNumber(v.String())
	return err == nil && x > limit
}

func number(v reflect.Value) float64 {
	switch {
	case v.CanInt():
		return float64(v.Int())
	case v.CanUint():
		return float64(v.Uint())
	}
	return v.Float()
}

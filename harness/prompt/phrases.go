package prompt

// phrases are the rules of the incident prose. Owners are roles, services are made-up compounds of two
// common nouns, and every number is a draw: nothing here names a person, a company or a measurement.
// Slots stand close together on purpose, so that few runs of eight words come twice.
var phrases = map[string][]string{
	// Names.
	"noun": {
		"ledger", "invoice", "catalog", "search", "session", "quota", "media", "index", "profile", "routing",
		"checkout", "shipment", "telemetry", "audit", "mailbox", "ticket", "pricing", "inventory", "geocode",
		"voucher", "roster", "archive", "notify", "billing", "export", "schema", "thumbnail", "feature", "policy", "batch",
	},
	"kind": {
		"store", "gateway", "worker", "cache", "api", "indexer", "scheduler", "relay", "broker", "replica", "writer",
		"reader", "proxy", "ingest", "compactor", "resolver", "balancer", "streamer",
	},
	"role": {
		"on-call engineer", "incident commander", "database owner", "network owner", "storage owner", "release owner",
		"capacity planner", "support lead", "security reviewer", "communications lead", "service owner", "data pipeline owner",
		"client library owner", "observability owner", "duty manager", "change approver", "secondary on-call", "queue owner",
		"access reviewer", "test environment owner", "kernel specialist", "backup owner",
	},
	"place": {
		"zone {letter}", "cell {#1-48}", "rack row {#2-30}", "pool {letter}", "shard {#0-255}", "partition {#0-63}", "node {#1-400}",
		"replica set {#1-24}", "host group {letter}{#1-9}", "the canary", "the standby", "the primary", "availability zone {#1-3}",
	},
	"letter": {"A", "B", "C", "D", "E", "F", "G", "H", "K", "M"},
	"path": {
		"/v1/{noun}/{#10-999}", "/internal/{noun}", "/health/{kind}", "/{noun}/{noun}/list", "/v2/{noun}:commit", "/{noun}/snapshot",
	},
	"team": {"the {role}", "the {role}", "{owner}", "the {noun} team's {role}", "the {noun} rota's {role}"},

	// Noun phrases.
	"symptom": {
		"slow reads", "timeouts on {path}", "stale results", "duplicate writes", "a growing backlog", "connection resets",
		"missing events", "failed logins", "uneven load", "rejected uploads", "late notifications", "memory pressure", "lost leases",
		"partial responses", "repeated restarts", "lagging replicas", "slow start after deploy", "elevated error rate",
		"stuck compactions", "long tail latency", "clock disagreement", "exhausted descriptors",
	},
	"status": {"resolved", "mitigated", "resolved after {#2-60} hours", "closed with follow-ups", "resolved by rollback", "monitoring"},
	"scope": {
		"about {.1-40}% of requests affected", "{#2-90} tenants affected", "{place} only", "all writes from {client}",
		"reads through {dep}", "background work only", "{#100-9000} sessions dropped",
	},
	"detector": {
		"the latency alert", "a synthetic probe", "a support ticket", "the error budget report", "a nightly comparison job",
		"the {role}", "a customer report", "the queue depth alert", "a failed deploy check", "manual inspection of {dep}",
	},
	"fault": {
		"a retry loop without a budget", "a lock held across a network call", "an index that no longer fit in memory",
		"a connection pool sized for {#4-64} callers", "a certificate that renewed without a reload", "a compaction that ran at peak",
		"a default timeout of {#2-90} seconds", "a full write-ahead log volume", "a feature flag left on in {place}",
		"a hot key in {place}", "a stale address in the resolver cache", "an unbounded response size on {path}",
		"a leak of file descriptors in {dep}", "a schema change that rewrote {#3-80} million rows", "a slow consumer in {place}",
		"a cron job that started on every node at once", "a wrong weight in the balancer of {place}",
		"a garbage collector starved of headroom", "a page cache emptied by the backup", "a clock that drifted by {#80-900} ms",
	},
	"change": {
		"build {hex}", "the {noun} flag", "a configuration push to {place}", "release {#2-9}.{#0-40}.{#0-20}", "the new {kind} image",
		"a limit of {#10-900} connections", "the pool size of {#8-256}", "the retry policy", "a kernel update on {place}",
		"the {noun} schema migration", "the cache size of {#1-64} GiB", "a routing rule for {path}", "the batch size of {#16-4096}",
	},
	"metric": {
		"p99 read latency", "p50 write latency", "error rate", "queue depth", "resident memory", "replication lag", "cache hit ratio",
		"disk await", "open connections", "lock wait time", "pause time", "handshake time", "backlog age", "retransmit rate",
		"thread pool use", "descriptor count", "run queue length", "write amplification", "request rate", "flush duration",
	},
	"move": {
		"p99 latency on {path} went from {#8-90} ms to {#200-4000} ms", "error rate {grew} to {.1-30}%", "queue depth reached {#200-9000} requests",
		"resident memory of {place} {grew} to {.4-60} GiB", "replication lag {grew} to {#4-900} s", "cache hit ratio fell to {.10-90}%",
		"disk await in {place} {grew} from {.1-4} ms to {#20-400} ms", "open connections {grew} past {#500-30000}",
		"lock waits took {#30-2000} ms on average", "pauses of {#100-3000} ms came every {#2-50} s", "{metric} doubled within {#2-40} minutes",
		"backlog age passed {#5-300} minutes", "retransmits {grew} to {.1-9}%", "throughput dropped by {#10-80}%",
		"the run queue on {place} held {#20-300} threads", "{metric} stayed {#2-30} times above its weekly median",
		"{#3-90} of {#100-400} workers were blocked", "reads per second fell from {#3000-90000} to {#100-2000}",
	},
	"grew": {"rose", "climbed", "grew", "jumped", "crept up", "went up"},
	"still": {
		"{metric} stayed within {#2-30}% of its median", "{place} looked normal", "{dep} reported no errors", "the {noun}-{kind} graphs showed nothing",
		"cpu use stayed under {#20-70}%", "no deploy had reached {place}", "{client} sent its usual {#40-9000} requests/s",
		"traffic was {#3-40}% below the weekly peak", "disks in {place} were {#5-60}% busy",
	},
	"reading": {
		"p99 read latency of {#2-900} ms", "p50 write latency of {#1-90} ms", "an error rate of {.0-30}%", "a queue depth of {#10-9000} requests",
		"resident memory of {.1-60} GiB", "a replication lag of {#1-900} s", "a cache hit ratio of {.10-99}%", "a disk await of {.0-400} ms",
		"{#50-30000} open connections", "lock waits of {#1-2000} ms", "pauses of {#10-3000} ms", "handshakes of {#2-900} ms",
		"a backlog of {#20-90000} messages", "a retransmit rate of {.0-9}%", "{#5-99}% busy threads", "{#100-60000} open descriptors",
		"a run queue of {#2-300} threads", "write amplification of {.1-40}", "a rate of {#100-90000} requests/s", "flushes of {.0-60} s",
	},
	"evidence": {
		"a heap profile from {place}", "the trace with id {hex}", "a set of {#3-40} traces", "a packet capture of {#10-90} s",
		"the slow query log", "a counter dump of {dep}", "the audit trail of {change}", "a stack dump of {place}", "the disk report of {place}",
		"a diff of both configurations", "a replay of {#100-5000} requests", "the deploy history", "the log of {client}",
		"a flame graph over {#20-300} s", "the histogram of {metric}", "a comparison with {place}",
	},

	// Clauses.
	"act": {
		"rolled back {change}", "drained {place}", "restarted {#1-9} of {#10-40} {kind}s", "raised the {noun} alert to {reading}",
		"paused the {noun} job", "moved {#5-70}% of traffic to {place}", "captured {evidence}", "disabled {change}",
		"opened a bridge with {team}", "added {#2-40} {kind}s in {place}", "cut the timeout to {#50-900} ms", "failed over to {place}",
		"throttled {client} to {#10-900} requests/s", "purged {#2-60} GiB of {noun} segments", "compared {place} with {place}",
		"rebuilt the {noun} index", "silenced {#2-20} duplicate pages", "asked {team} for {evidence}", "pinned {place} to {change}",
		"shed {#2-50}% of background reads", "took {place} out of rotation", "widened the {noun} quota by {#5-90}%",
	},
	"effect": {
		"{move}", "{move}", "{still}", "nothing changed for {#2-30} minutes", "the {noun} errors stopped", "{#2-90}% of callers recovered",
		"{place} recovered first and {place} last", "a second wave hit {place}", "{place} settled at {reading}",
	},
	"doubt": {
		"but {still}", "although {still}", "while {move}", "yet {evidence} said otherwise", "and {evidence} agreed",
		"which {team} could not reproduce", "and {move}", "before {effect}", "after which {effect}", "even though {change} was reverted",
	},
	"when": {
		"within {#2-50} minutes", "at {clock}", "for {#3-90} minutes", "after {change}", "during the {noun} backup", "on {place}",
		"after {#2-9} attempts", "once {place} was drained", "as soon as {client} reconnected", "only under load above {#100-9000} requests/s",
		"in {#1-9} of {#10-30} runs", "whenever {dep} flushed",
	},

	// Sentences, without the full stop.
	"summary": {
		"{symptom} in {svc} lasted {#8-400} minutes: {move}",
		"{client} saw {symptom}, and {move}, {doubt}",
		"the trigger was {change}; the cause was {cause}",
		"{when}, {team} {act}, and {effect}",
		"{detector} came {#1-40} minutes before {detector}, {doubt}",
		"impact: {scope}; {#0-600} writes were replayed from {dep}, none lost in {place}",
		"{svc} depends on {dep} for {noun} lookups, {doubt}",
		"the first sign was that {move}; {team} noticed {when}",
	},
	"event": {
		"{team} {act}; {effect}", "{move}, {doubt}", "first word from {detector}: {move}", "{team} joined and {act}", "{change} reached {place}; {effect}",
		"{act} {when}, as {team} proposed", "{evidence} showed {fault}; {team} {act}", "{svc} in {place} restarted {#2-30} times; {effect}",
		"{client} reported {symptom}; {still}", "{team} suspected {fault}, {doubt}", "status page updated: {symptom}, {scope}",
		"{dep} caught up after {#2-90} minutes; {effect}", "handover to {team}: {act}, then {act}", "{still}, so {team} {act}",
		"{path} answered again from {place}; {effect}", "decision by {team}: keep {change}, watch {metric}",
	},
	"alert": {
		"FIRING {svc}: {reading} {when}; owner {team}", "RESOLVED {metric} on {place} after {#3-90} minutes; {effect}",
		"FIRING {noun}-{kind} burns its budget {#2-40} times too fast; {move}", "WARNING {place}: {reading}, warned {#2-90} times this week",
		"PAGE to {team}: {symptom}, {scope}", "FLAPPING {metric} of {dep}: {#3-30} changes in {#10-90} minutes, {doubt}",
		"NO DATA from {place} for {#2-40} minutes; {still}", "TICKET for {team}: {metric} trends to its limit in {#2-60} days; {still}",
	},
	"claim": {
		"{fault} explains that {move}", "{change} led to {fault}, hence {symptom}", "{symptom} came from {place}, where {move}",
		"{dep} rather than {svc} is at fault: {move}", "{client} changed its pattern, so {move}", "{fault} in {place} spread to {dep}",
	},
	"hypothesis": {
		"if so, {metric} should follow {metric} {when}, {doubt}",
		"it predicts {symptom} in {place} and none in {place}; the check used {evidence}", "against it: {still}, and {move}",
		"in favour: {evidence}, where {move}", "test: {team} {act} {when}; outcome: {effect}",
		"it was rejected because {still} {when}", "it was kept, since {team} {act} and {effect}",
		"confidence {#10-95}%, from {evidence} over {#20-100}% of the window, {doubt}",
		"an alternative is {fault}, to be seen in {evidence}", "{dep} would then queue {#10-900} {noun} calls, {doubt}",
	},
	"log": {
		"INFO {svc} {place}: {noun} segment {hex} sealed, {#1-900} MiB in {#20-9000} ms", "WARN {svc} slow call {path} took={#200-9000}ms budget={#50-500}ms trace={hex}",
		"ERROR {svc} {noun} write failed: code={#400-599} attempt={#1-9} key={hex}", "INFO {dep} lease {hex} moved to {place} epoch={#10-9000}",
		"WARN {dep} queue={#100-9000} oldest={#1-900}s dropped={#0-90} pool={letter}", "ERROR {client} read {path}: connection reset after {#1-900} KiB, retry in {#10-900} ms",
		"DEBUG {svc} plan={hex} rows={#10-900000} cache={noun} hit={.0-99}%", "INFO {client} backoff {#10-9000} ms, budget left {#0-100}, peer {dep} in {place}",
		"WARN {noun}-{kind} pause {#50-3000} ms, heap {#1-60} GiB of {#61-128} GiB", "ERROR {noun}-{kind} checksum {hex} expected {hex} in block {#1-90000}",
		"INFO {noun}-{kind} compaction level={#0-6} in={#10-900}MiB out={#10-900}MiB {#1-300}s", "WARN {svc} limit {metric}={#10-9000} reached, shedding {#1-50}% of {path}",
	},
	"action": {
		"{team}: {act} {when}; {effect}", "{team}: {act}, then {act}", "{owner}: {act} to rule out {fault}", "{team}: kept {evidence} for {#7-90} days, {doubt}",
		"{team}: {act}; reverted {when} because {still}", "{team}: wrote to {client} about {symptom}; {#2-90}% confirmed {when}",
		"{team} and {team}: {act}, cost {#2-90} minutes, {doubt}",
	},
	"step": {
		"read {metric} on {place}; given {reading} or worse, go to step {#2-9}, else collect {evidence}", "check whether {change} reached {place}: compare {hex} with {evidence}",
		"drain {place}, wait {#30-900} s, and expect {reading} or better", "after another report of {symptom}, ask {team} for {evidence} and stop here",
		"set the {noun} limit of {svc} to {#10-900}, then watch {metric} for {#2-30} minutes", "run the {noun} check against {dep} with {#10-900} keys; a mismatch means {fault}",
		"record {metric}, {metric} and {evidence} before touching {place}", "restart {kind}s of {place} {#1-5} at a time, {#20-300} s apart, and stop at {reading}",
		"undo {change} if {move}", "announce {symptom} to {client} with {scope}; next update in {#10-60} minutes",
	},
	"analysis": {
		"{cause} had been present for {#3-400} days, {doubt}", "the chain was: {change}, then {fault}, then {symptom} in {place}",
		"{move} because {dep} waited for {noun} locks {when}", "detection took {#2-90} minutes, since {metric} has no alert in {place} and {still}",
		"we had assumed that {still}; {evidence} shows that {move}", "without {change}, {effect}; with it, {effect}",
		"{#2-9} earlier incidents in {dep} began alike: {move}, {doubt}", "recovery took {#5-300} minutes, most of it waiting for {place}; {effect}",
	},
	"reason": {
		"{evidence} and {evidence} disagree by {#3-60}%: one counts retries in {place}, the other does not",
		"what helped: {team} {act} {when}", "what hurt: {team} {act}, and {effect}", "{#110-300}% of that load would cost {#2-40} more {kind}s, or end in {reading}",
		"correlation of {metric} with {metric} was {.0-1} over {#2-90} hours, {doubt}", "luck played a part: {place} was idle, {doubt}",
		"the margin is thin: with {reading}, {#2-60}% is left for {client}", "{fault} was ruled out by {evidence} {when}",
		"{metric} leads {metric} by {#2-90} s in {evidence}, {doubt}", "{team} expected {reading} and found {reading} {when}",
	},
	"followup": {
		"alert when {dep} shows {reading}; owner {team}, due in {#2-40} days", "limit {path} to {#10-9000} requests/s per {noun}; owner {team}; {scope}",
		"add {evidence} to the runbook of {noun}-{kind}; reviewer {team}", "rehearse failover of {place} with {team} every {#2-12} weeks, {doubt}",
		"remove {fault} from {dep}; estimate {#1-30} days; {team} decides", "test {change} at {#2-9} times the load of {client}; pass at {reading} or better",
		"document why {team} {act}; close incident {#1000-9999} with it",
	},
}

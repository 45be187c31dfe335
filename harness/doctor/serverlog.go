package doctor

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

func logChecks() []check {
	return []check{
		{id: "log-direct-io", class: Server, of: lookLogDirect,
			why: "the tier of files falls back to the page cache, which is the same memory, and says so in its log alone",
			fix: "put the tier on a file system with O_DIRECT", source: "vllm-project/vllm, vllm/v1/kv_offload/tiering/fs"},
		{id: "log-hybrid-cache", class: Server, of: lookLogHybrid,
			why: "a connector without support for hybrid models collapses the KV pool", fix: "take a connector that supports HMA"},
		{id: "log-kv-pool", class: Server, of: lookLogPool,
			why: "the KV pool differs from start to start, with the page cache of the moment",
			fix: "pin it (--kv-cache-memory-bytes)", source: "NVIDIA/xr-ai PR #462"},
		{id: "log-connector", class: Server, of: lookLogConnector,
			why:    "the connector that was built is not always the one that was asked for",
			fix:    "correct --kv-transfer-config of stack B, leave it out of stack A",
			source: "docs.vllm.ai, KV offloading"},
		{id: "log-load-errors", class: Server, of: lookLogErrors,
			why:    "loads that fail are served by recomputing, or from another prompt's KV, and the client sees no error",
			fix:    "look at these lines; make the upper tier hold a whole prompt",
			source: "ai-dynamo/dynamo #15079"},
	}
}

// What is looked for in the log of any server. Lines by which the file of its kind tells a fault are looked for, too.
var (
	logDirect    = regexp.MustCompile(`(?i)O_DIRECT.*(not supported|\bbuffered|\bf(all|alls|alling|ell) back|\bfallback to)`)
	logHybrid    = regexp.MustCompile(`(?i)HMA\b.*disabl|disabl.*(HMA\b|hybrid kv cache manager)`)
	logPool      = regexp.MustCompile(`GPU KV cache size: ([0-9,]+) tokens`)
	logConnector = regexp.MustCompile(`\b\w*(?:Offload\w*|LMCache\w*|Dynamo)Connector\w*`)
	logErrors    = regexp.MustCompile(`GDS_MT: .*failed|file register error|createXferReq|No space left on device|ENOSPC|` +
		`(?i:cudaHostRegister.*fail)|` +
		// To cuFile belongs a level of logging of which the name is ERROR.
		`(?i:cuFile.*fail|cuFile(Batch|Buf|Driver|Handle|Read|Stream|Write)\w*.*error|cuFile:?( (driver|I/O|open|read|write))? error|` +
		`cuFile.*error:? (code )?-?[0-9])|` +
		`(?i:` + inAnyOrder(`(promotion|to promote)`, logUnit, logFailed) + `)|` +
		`(ERROR|WARNING).*(?i:` + inAnyOrder(`promot`, logUnit, logFailed) + `|` +
		`(kv load|\bload job|\bloading (kv|blocks?|chunks?)( |:)).*` + logFailed + `|fail\w* to load (kv|block|chunk))`)
)

// Types of numbers are promoted, too: a promotion is one of KV only where a line names a unit of it. To avoid is nothing void.
const (
	logUnit   = `\b(kv|block|chunk|job)`
	logFailed = `(fail|error|\bvoid)`
)

// inAnyOrder finds lines with all three.
func inAnyOrder(a, b, c string) string {
	either := `(` + b + `.*` + c + `|` + c + `.*` + b + `)`
	return a + `.*` + either + `|` + either + `.*` + a + `|` + b + `.*` + a + `.*` + c + `|` + c + `.*` + a + `.*` + b
}

// logServer is in the lines of every server that can be named; a log without it is another program's, or what is left of one.
var logServer = regexp.MustCompile(`(?i)vllm|tensorrt|trt[-_]?llm|sglang|llama[._-]?(cpp|server)|dynamo|kvbm|lmcache|uvicorn|nixl|connector with name|engine ?core|kv[ _]cache|/v1/(chat/)?completions|prompt throughput`)

// logStart is in the lines that servers write when they start. A log without it tells nothing of what is told then.
var logStart = regexp.MustCompile(`(?i)kv cache size|connector with name|startup complete|uvicorn running|server is listening|load(ing|ed) model|model load`)

// noLog is how a check sees a log that cannot tell: none, an empty one, or one of something else. What it does not say is not good.
func noLog(s *Instance) *seen {
	var out seen
	switch {
	case s.Log == nil:
		out = unnamed("its log", "--log FILE")
	case strings.TrimSpace(*s.Log) == "":
		out = unknown("its log is empty").do("name the file with --log that the server writes since its start")
	case !logServer.MatchString(*s.Log):
		out = unknown("no line of its log is of an inference server").do("name the file with --log that the server writes since its start")
	default:
		return nil
	}
	return &out
}

// countLines is how often a pattern stands in a log, a line at a time, and the first such line.
func countLines(log string, p *regexp.Regexp) (n int, first string) {
	for line := range strings.Lines(log) {
		if p.MatchString(line) {
			if n++; n == 1 {
				first = short(line)
			}
		}
	}
	return n, first
}

func lookLogDirect(_ *visit, s *Instance) seen {
	if unread := noLog(s); unread != nil {
		return *unread
	}
	if bad := s.told(directLine); bad != nil {
		return *bad
	}
	if n, first := countLines(*s.Log, logDirect); n > 0 {
		return missing("%d lines: %s", n, first).with(float64(n), "count")
	}
	if !logStart.MatchString(*s.Log) {
		return unknown("no line says so, but the server's start is not in this log")
	}
	return ok("no line says that I/O is buffered").with(0, "count")
}

func lookLogHybrid(_ *visit, s *Instance) seen {
	if unread := noLog(s); unread != nil {
		return *unread
	}
	if bad := s.told(hybridLine); bad != nil {
		return *bad
	}
	if n, first := countLines(*s.Log, logHybrid); n > 0 {
		return warning("%d lines: %s", n, first).with(float64(n), "count")
	}
	if !logStart.MatchString(*s.Log) {
		return unknown("no line says so, but the server's start is not in this log")
	}
	return ok("no line says that HMA is disabled").with(0, "count")
}

func lookLogPool(_ *visit, s *Instance) seen {
	if unread := noLog(s); unread != nil {
		return *unread
	}
	found := logPool.FindAllStringSubmatch(*s.Log, -1)
	if len(found) == 0 {
		return unknown("no line tells the GPU KV cache size")
	}
	var sizes []float64
	for _, f := range found {
		v, err := strconv.ParseFloat(strings.ReplaceAll(f[1], ",", ""), 64)
		if err != nil {
			return unknown("GPU KV cache size is no number: %s", short(f[1]))
		}
		sizes = append(sizes, v)
	}
	last := sizes[len(sizes)-1]
	said := fmt.Sprintf("GPU KV cache size %.0f tokens", last)
	for _, one := range sizes {
		if one != last {
			return warning("%s, and %.0f at another start", said, one).with(last, "tokens")
		}
	}
	return ok("%s", said).with(last, "tokens")
}

func lookLogConnector(_ *visit, s *Instance) seen {
	if unread := noLog(s); unread != nil {
		return *unread
	}
	name := logConnector.FindString(*s.Log)
	switch {
	case s.Stack == "A" && name != "":
		return warning("A has a KV connector, %s", short(name))
	case s.Stack == "A" && !logPool.MatchString(*s.Log):
		return unknown("no line names a KV connector, but neither does one tell the KV pool: its start is not in this log")
	case s.Stack == "A":
		return ok("no KV connector")
	case name == "":
		return unknown("no line names a KV connector")
	}
	return ok("%s", short(name))
}

func lookLogErrors(_ *visit, s *Instance) seen {
	if unread := noLog(s); unread != nil {
		return *unread
	}
	if bad := s.told(otherLine); bad != nil {
		return *bad
	}
	if n, first := countLines(*s.Log, logErrors); n > 0 {
		return missing("%d lines: %s", n, first).with(float64(n), "count")
	}
	return ok("no failed load or promotion").with(0, "count")
}

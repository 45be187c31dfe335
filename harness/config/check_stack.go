package config

import (
	"fmt"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// check holds a stack against what the two stacks are.
func (s *Stack) check(r *reader) {
	r.oneOf("stack", s.Stack, "A", "B")
	r.plain("model", s.Model)
	if s.Engine != "" {
		r.plain("engine", s.Engine)
	}
	if s.Runtime == (Runtime{}) && r.ok("runtime") {
		r.refuse("runtime", "required field is missing")
	}
	if s.Launched != nil {
		r.refuse("launched", "stands in no file: it is what the harness starts a server with")
	}
	s.Endpoint.check(r)
	r.oneOf("runtime.kv_dtype", s.Runtime.KVDtype, "fp16", "fp8")
	if r.ok("stack") {
		s.checkParts(r)
	}
	if s.Dynamo != nil {
		s.Dynamo.check(r, s.Runtime.TokensPerBlock)
	}
	checkCadence(r, "telemetry.cadence", s.Telemetry.Cadence)
	if !plain(s.Telemetry.Device) {
		r.refuse("telemetry.device", "must be the name of a block device as in /sys/block, such as nvme0n1, not %q", s.Telemetry.Device)
	}
}

// checkParts asks for what one of the stacks has and the other has not.
func (s *Stack) checkParts(r *reader) {
	type part struct {
		path, of string
		given    bool
		why      string
	}
	parts := []part{
		{"runtime.kv_pool_bytes", "A", s.Runtime.KVPoolBytes != 0, "the pool of Stack B is dynamo.tiers.tier0"},
		{"dynamo", "B", s.Dynamo != nil, "Stack A has no KV block manager"},
	}
	if s.Stack == "A" || s.KVBM() {
		parts = append(parts, part{"endpoint.kvbm_metrics", "B", s.Endpoint.KVBMMetrics != "", "Stack A has no KV block manager"})
	} else if s.Endpoint.KVBMMetrics != "" {
		r.refuse("endpoint.kvbm_metrics", "does not belong to the manager %s, which counts on the worker's page (engine_metrics)", s.Dynamo.Offload.Manager)
	}
	for _, p := range parts {
		switch {
		case p.of == s.Stack && !p.given:
			r.refuse(p.path, "required field of Stack %s is missing", p.of)
		case p.of != s.Stack && p.given:
			r.refuse(p.path, "does not belong to Stack %s: %s", s.Stack, p.why)
		}
	}
}

// environmentName is what a shell takes as the name of a variable (POSIX.1-2017, 3.235).
var environmentName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

func (e *Endpoint) check(r *reader) {
	r.httpURL("endpoint.url", e.URL)
	r.oneOf("endpoint.api", e.API, "completions", "chat")
	r.httpURL("endpoint.engine_metrics", e.EngineMetrics)
	if e.KVBMMetrics != "" {
		r.httpURL("endpoint.kvbm_metrics", e.KVBMMetrics)
	}
	if e.APIKeyEnv != "" && !environmentName.MatchString(e.APIKeyEnv) {
		r.refuse("endpoint.api_key_env", "must be the name of an environment variable, not the key itself")
	}
}

func (d *Dynamo) check(r *reader, tokensPerBlock int) {
	if r.ok("runtime.tokens_per_block") && d.KVBlockSize != tokensPerBlock {
		r.refuse("dynamo.kv_block_size", "must equal runtime.tokens_per_block (%d), not %d", tokensPerBlock, d.KVBlockSize)
	}
	if d.PrefetchEnable != nil && d.PrefetchDepth != nil {
		switch on, depth := *d.PrefetchEnable, *d.PrefetchDepth; {
		case on && depth < 1:
			r.refuse("dynamo.prefetch_depth", "must be at least 1, because prefetch_enable is true")
		case !on && depth > 0:
			r.refuse("dynamo.prefetch_depth", "must be 0, because prefetch_enable is false")
		}
	}
	d.checkOffload(r)
	for i, tier := range []Tier{d.Tiers.Tier0, d.Tiers.Tier1, d.Tiers.Tier2} {
		path := fmt.Sprintf("dynamo.tiers.tier%d", i)
		if i == 1 && d.withoutHost(r) {
			continue
		}
		if !d.ownPolicy(r, i, tier) {
			r.oneOf(path+".eviction_policy", tier.EvictionPolicy, Policies...)
		}
		switch {
		case i < 2 && tier.Path != "":
			r.refuse(path+".path", "only tier2 is in a folder")
		case i == 2 && tier.Path == "":
			r.refuse(path+".path", "required field is missing: the folder on the NVMe")
		case i == 2 && !filepath.IsAbs(tier.Path):
			r.refuse(path+".path", "must be an absolute path, not %q", tier.Path)
		}
	}
}

// httpURL refuses what is not the address of an HTTP server. The text is never printed: it may hold a key.
func (r *reader) httpURL(path, raw string) {
	u, err := url.Parse(raw)
	if err != nil {
		r.refuse(path, "is not a URL, such as http://127.0.0.1:8355")
		return
	}
	port, err := strconv.Atoi(u.Port())
	switch {
	case u.User != nil:
		r.refuse(path, "must not hold credentials; put the key into the environment variable named by api_key_env")
	case u.Scheme != "http" && u.Scheme != "https":
		r.refuse(path, "must begin with http:// or https://")
	case u.Hostname() == "":
		r.refuse(path, "has no host")
	case strings.HasSuffix(u.Host, ":"), u.Port() != "" && (err != nil || port < 1 || port > 65535):
		r.refuse(path, "has a port that is not from 1 to 65535")
	case u.RawQuery != "" || u.ForceQuery:
		r.refuse(path, "has a query (the part after ?), which may hold a key and would stand in every run's config.yaml")
	case u.Fragment != "":
		r.refuse(path, "has a part after #, which is not sent to a server")
	}
}

func (r *reader) oneOf(path, value string, allowed ...string) {
	if !slices.Contains(allowed, value) {
		last := len(allowed) - 1
		r.refuse(path, "must be %s or %s, not %q", strings.Join(allowed[:last], ", "), allowed[last], value)
	}
}

func (r *reader) plain(path, name string) {
	if !plain(name) {
		r.refuse(path, "%q is not a plain name: letters, digits, '.', '_', '-'", name)
	}
}

// plain reports whether s can be a file name and a shell word.
func plain(s string) bool {
	for _, c := range s {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '.', c == '_', c == '-':
		default:
			return false
		}
	}
	return strings.Trim(s, ".") != ""
}

// checkCadence holds a cadence of the telemetry to what samplers can keep.
func checkCadence(r *reader, path string, d Duration) {
	if cadence := time.Duration(d); cadence < 10*time.Millisecond || cadence > time.Minute {
		r.refuse(path, "must be from 10ms to 60s, not %v", cadence)
	}
}

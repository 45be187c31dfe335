package config

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Server is a file of servers/: a kind of server that other people wrote, how it is spoken to, and where it tells what of
// itself. A figure that it does not tell has no place here, and is null in every record.
type Server struct {
	Server string `yaml:"server"` // its own name, that of its file
	Note   string `yaml:"note"`   // what it is, in one sentence
	API    string `yaml:"api"`    // completions or chat
	// Dialect is which fields its requests may have beyond those of the API: openai none; vllm, trtllm and dynamo those that ask for a
	// length (min_tokens, ignore_eos); dynamo its own timing, too.
	Dialect string `yaml:"dialect"`
	// Waits says where a request's wait for admission is told: perf_metrics, nvext or timings; absent: nowhere.
	Waits string `yaml:"waits,omitempty"`
	// Reset are POST requests that empty its caches before a cell; one that the server does not know is noted.
	Reset []string `yaml:"reset,omitempty"`
	// Build is where it tells its version.
	Build *BuildPage `yaml:"build,omitempty"`
	// Engine and KV are its Prometheus pages; absent: it has none.
	Engine *MetricsPage `yaml:"engine,omitempty"`
	KV     *MetricsPage `yaml:"kv,omitempty"`
	// KVBM says that the KV page is that of Dynamo's KV block manager, which counts blocks: it has a source of its own.
	KVBM bool `yaml:"kvbm,omitempty"`
	// Launch is how the harness starts it; absent: it cannot.
	Launch *Launch `yaml:"launch,omitempty" json:",omitempty"`
}

// BuildPage is a JSON page with a version in it.
type BuildPage struct {
	Path  string `yaml:"path"`  // such as /version
	Field string `yaml:"field"` // such as version
}

// MetricsPage is a Prometheus page and what of it is which figure.
type MetricsPage struct {
	// At is where it is, seen from the server's URL: a path (/metrics), or a port of the same host and a path (:8081/metrics).
	At      string            `yaml:"at"`
	Figures map[string]Metric `yaml:"figures,omitempty"` // by name, one of EngineFigures or KVFigures
	// Equal are sums that the server keeps equal, so that a page that contradicts itself is noticed.
	Equal []Identity `yaml:"equal,omitempty"`
}

// URL is where the page is, seen from the URL of its server.
func (p *MetricsPage) URL(base string) (string, error) {
	u, err := url.Parse(base)
	if err != nil || u.Hostname() == "" {
		return "", errors.New("not a URL, such as http://127.0.0.1:8000")
	}
	path := p.At
	if port, ok := strings.CutPrefix(path, ":"); ok {
		i := strings.IndexByte(port, '/')
		u.Host, path = u.Hostname()+":"+port[:i], port[i:]
		if strings.Contains(u.Hostname(), ":") {
			u.Host = "[" + u.Hostname() + "]:" + port[:i]
		}
	}
	u.Path = path
	return u.String(), nil
}

// Metric is a figure of a page: the samples of one family, added up.
type Metric struct {
	// Names of the family, without _total, oldest last: the first that the page has is taken, and never two of them.
	Names []string `yaml:"names"`
	// Sum are labels whose series are added up. Series that differ in another label are refused, not added.
	Sum []string `yaml:"sum,omitempty"`
	// Where are labels that series must have, with the value, of which a * at the end stands for any rest.
	Where map[string]string `yaml:"where,omitempty"`
	// Label is the label whose value is the figure, of a series that only informs; absent: the series' own value.
	Label string `yaml:"label,omitempty"`
}

// Identity are figures of a page whose sum is another one.
type Identity struct {
	Sum []string `yaml:"sum"`
	Is  string   `yaml:"is"`
}

// EngineFigures are the figures of an engine's page.
var EngineFigures = []string{"running", "waiting", "context", "kv_used_blocks", "kv_max_blocks", "kv_usage", "block_tokens", "iteration_seconds",
	"prompt_tokens", "computed_tokens", "device_hit_tokens", "external_hit_tokens"}

// KVFigures are those of a page about KV tiers. In is into the tier, out towards the device, bytes; hits and queries are in the
// server's own units, which fetch_unit names; fetch is a histogram of seconds.
var KVFigures = []string{"tier0_hits", "tier0_queries", "tier1_hits", "tier1_queries", "tier1_bytes_in", "tier1_bytes_out", "tier2_hits", "tier2_queries",
	"tier2_bytes_in", "tier2_bytes_out", "tier2_fetch", "tier2_fetch_seconds", "evictions", "failures", "matched_tokens", "onboarded_blocks"}

// Dialects of requests.
var Dialects = []string{"openai", "vllm", "trtllm", "dynamo"}

// LoadServer reads a file of servers/.
func LoadServer(folder *Folder, name string) (*Server, error) {
	if !plain(name) || filepath.Base(name) != name {
		return nil, fmt.Errorf("%.40q is no name of a file of servers/ (%s)", name, listServers(folder))
	}
	path := folder.Path("servers/" + name + ".yaml")
	if !isFile(path) {
		return nil, fmt.Errorf("there is no file servers/%s.yaml in the folder of configurations, %s (%s)", name, folder.where(), listServers(folder))
	}
	return load(path, func(s *Server, r *reader) { s.check(r, name) })
}

func listServers(folder *Folder) string {
	names := folder.Names("servers", ".yaml")
	if len(names) == 0 {
		return "there is none"
	}
	return "there are " + strings.Join(names, ", ")
}

func (s *Server) check(r *reader, name string) {
	r.plain("server", s.Server)
	if s.Server != name {
		r.refuse("server", "must be %s, as the file is called, not %q", name, s.Server)
	}
	r.oneOf("api", s.API, "completions", "chat")
	r.oneOf("dialect", s.Dialect, Dialects...)
	if s.Waits != "" {
		r.oneOf("waits", s.Waits, "perf_metrics", "nvext", "timings")
	}
	for i, path := range s.Reset {
		checkPath(r, fmt.Sprintf("reset[%d]", i), path)
	}
	if s.Build != nil {
		checkPath(r, "build.path", s.Build.Path)
	}
	if s.Engine != nil {
		s.Engine.check(r, "engine", EngineFigures)
	}
	switch {
	case s.KV != nil && s.KVBM && len(s.KV.Figures) > 0:
		r.refuse("kv.figures", "is not looked at beside kvbm, which has figures of its own")
	case s.KV != nil && !s.KVBM && len(s.KV.Figures) == 0:
		r.refuse("kv.figures", "required field is missing")
	case s.KV == nil && s.KVBM:
		r.refuse("kv", "required field is missing beside kvbm: where the page is")
	}
	if s.KV != nil {
		s.KV.check(r, "kv", KVFigures)
	}
	if s.Launch != nil {
		s.Launch.check(r, "launch")
	}
}

func checkPath(r *reader, path, value string) {
	if !strings.HasPrefix(value, "/") || strings.ContainsAny(value, "#\r\n ") {
		r.refuse(path, "must be the path of a URL, such as /metrics, not %q", value)
	}
}

// pageAt is a path, or a port and a path.
var pageAt = regexp.MustCompile(`^(:[0-9]{1,5})?/[^\s?#]*$`)

// metricName is a name of the Prometheus data model.
var metricName = regexp.MustCompile(`^[A-Za-z_:][A-Za-z0-9_:]*$`)

func (p *MetricsPage) check(r *reader, at string, known []string) {
	if !pageAt.MatchString(p.At) {
		r.refuse(join(at, "at"), "must be a path such as /metrics, or a port and a path such as :8081/metrics, not %q", p.At)
	}
	for _, figure := range slices.Sorted(maps.Keys(p.Figures)) {
		path, m := join(join(at, "figures"), figure), p.Figures[figure]
		if !slices.Contains(known, figure) {
			r.refuse(path, "no such figure; there are %s", strings.Join(known, ", "))
		}
		if len(m.Names) == 0 {
			r.refuse(path, "has no names")
		}
		for _, name := range m.Names {
			switch {
			case !metricName.MatchString(name):
				r.refuse(path, "%q is no name of a metric", name)
			case strings.HasSuffix(name, "_total") || strings.HasSuffix(name, "_created"):
				r.refuse(path, "%s: give the name without _total, which is found with it and without; _created is a time", name)
			}
		}
		for label := range m.Where {
			if slices.Contains(m.Sum, label) && !strings.HasSuffix(m.Where[label], "*") {
				r.refuse(path, "label %s has one value, and cannot be summed over", label)
			}
		}
	}
	for i, e := range p.Equal {
		for _, figure := range append(slices.Clone(e.Sum), e.Is) {
			if _, ok := p.Figures[figure]; !ok {
				r.refuse(fmt.Sprintf("%s.equal[%d]", at, i), "figure %q is not on the page", figure)
			}
		}
	}
}

// ServerNames are the kinds of servers that a folder knows.
func ServerNames(folder *Folder) []string { return folder.Names("servers", ".yaml") }

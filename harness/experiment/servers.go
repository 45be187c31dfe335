package experiment

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"sparkharness/harness/config"
)

// ServerChoice is a server that runs already and is to be a stack.
type ServerChoice struct {
	URL     string // http://host:port
	Kind    string // a file of servers/
	Metrics string // URL of its page; "" for where the file says
	KV      string // URL of its page about KV tiers; likewise
}

// defaultCadence is that of a server's telemetry where neither hypothesis nor stack file says one.
const defaultCadence = config.Duration(200 * time.Millisecond)

// serverStack is the stack that a server is, of which the file named by the hypothesis says how often it is sampled and no more.
func serverStack(folder *config.Folder, name, file string, c ServerChoice, device string) (*config.Stack, error) {
	kind, err := config.LoadServer(folder, c.Kind)
	if err != nil {
		return nil, fmt.Errorf("-server: %w", err)
	}
	kind.Launch = nil // somebody else has started it
	st := &config.Stack{Stack: name, Name: kind.Note, Server: kind,
		Endpoint:  config.Endpoint{URL: strings.TrimRight(c.URL, "/"), API: kind.API, EngineMetrics: c.Metrics, KVBMMetrics: c.KV},
		Telemetry: config.Telemetry{Cadence: defaultCadence, Device: device}}
	if planned, err := config.LoadStack(folder.Path(file)); err == nil {
		st.Telemetry.Cadence = planned.Telemetry.Cadence
	}
	for _, p := range []struct {
		page *config.MetricsPage
		url  *string
	}{{kind.Engine, &st.Endpoint.EngineMetrics}, {kind.KV, &st.Endpoint.KVBMMetrics}} {
		if p.page != nil && *p.url == "" {
			if *p.url, err = p.page.URL(st.Endpoint.URL); err != nil {
				return nil, fmt.Errorf("-url: %w", err)
			}
		}
	}
	return st, nil
}

// NoServerError says that a hypothesis is about a stack for which no server is named.
type NoServerError struct {
	Hypothesis string
	Stacks     []string // that it is about
	Missing    string   // the first of them without a server
	Started    bool     // servers are named by what is started, not by URLs
}

func (e *NoServerError) Error() string {
	if e.Started {
		return fmt.Sprintf("%s is about stack %s, and for %s nothing is to be started: name the kind of each, as in -launch A=vllm,B=vllm-fs",
			e.Hypothesis, strings.Join(e.Stacks, " and "), e.Missing)
	}
	return fmt.Sprintf("%s is about stack %s, for which there is no server: name each as in -url %s=http://127.0.0.1:8000",
		e.Hypothesis, strings.Join(e.Stacks, " and "), e.Missing)
}

// chosen are the stacks of a hypothesis that servers were named for. A hypothesis that needs more of them is a NoServerError.
func chosen(h Demand, hc *config.Hypothesis, servers map[string]ServerChoice) error {
	var missing []string
	for _, name := range slices.Sorted(maps.Keys(hc.Stacks)) {
		if _, ok := servers[name]; !ok {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 && (!h.EitherStack || len(missing) == len(hc.Stacks)) {
		return &NoServerError{h.ID, slices.Sorted(maps.Keys(hc.Stacks)), missing[0], false}
	}
	for _, name := range missing {
		delete(hc.Stacks, name)
	}
	return nil
}

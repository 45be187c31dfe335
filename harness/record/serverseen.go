package record

import (
	"fmt"
	"slices"
)

// ServerSeen is a server that somebody else has started, as a cell found it.
type ServerSeen struct {
	URL   string `json:"url"` // without what may be secret
	Kind  string `json:"kind"`
	Build string `json:"build"` // "" where it does not tell
	// Pages are its metrics pages that were read, the engine's first; empty where it has none.
	Pages []PageSeen `json:"pages"`
}

// PageSeen is a metrics page over a cell. Times are Unix seconds of the harness's clock, but for Began, which the server tells.
type PageSeen struct {
	Name string `json:"name"` // engine or kv
	URL  string `json:"url"`
	// Names are the families that were found on the newest page, by figure, and Missing the figures of the server's file that it
	// had not, in order.
	Names   map[string]string `json:"names"`
	Missing []string          `json:"missing"`
	// Counts says that one of the figures is a counter, which a request that is answered moves on an engine's page.
	Counts bool `json:"counts"`
	// Began is when the process that the page is of began (process_start_time_seconds); null if it does not tell.
	Began *float64 `json:"began"`
	// First and Last are when a page was first and last read whole, Changed when figures last differed from those before; null: never.
	First   *float64 `json:"first"`
	Last    *float64 `json:"last"`
	Changed *float64 `json:"changed"`
}

// Page is the page of a name, nil if there is none.
func (s *ServerSeen) Page(name string) *PageSeen {
	if s == nil {
		return nil
	}
	if i := slices.IndexFunc(s.Pages, func(p PageSeen) bool { return p.Name == name }); i >= 0 {
		return &s.Pages[i]
	}
	return nil
}

// check refuses times that none are.
func (s *ServerSeen) check() error {
	if s == nil {
		return nil
	}
	for _, p := range s.Pages {
		for _, at := range []*float64{p.Began, p.First, p.Last, p.Changed} {
			if at != nil && !(*at >= 0 && *at <= maxNumber) {
				return fmt.Errorf("the page %s was read at %v", p.Name, *at)
			}
		}
	}
	return nil
}

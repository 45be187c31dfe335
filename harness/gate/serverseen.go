package gate

import (
	"fmt"
	"slices"
	"strings"

	"sparkharness/harness/evidence"
	"sparkharness/harness/record"
)

// seenOfServers says of servers that somebody else has started which pages were read of them, and since when their processes
// run: a page may be an old one, and a server another than before. Each stack's, in the order of its cells; "" where cells have
// nothing of it.
func seenOfServers(ev *evidence.Evidence) string {
	var stacks []string
	cells := map[string][]*evidence.Cell{}
	for _, c := range ev.Cells {
		if c.Info.Server == nil {
			continue
		}
		if cells[c.Stack] == nil {
			stacks = append(stacks, c.Stack)
		}
		cells[c.Stack] = append(cells[c.Stack], c)
	}
	out := ""
	for _, stack := range stacks {
		first := cells[stack][0].Info.Server
		build := first.Build
		if build == "" {
			build = "of a build that it does not tell"
		}
		out += fmt.Sprintf("; %s: %s %s at %s", stack, first.Kind, build, first.URL)
		for _, p := range first.Pages {
			out += ", " + pageOf(p.Name, cells[stack])
		}
	}
	return out
}

// pageOf describes a page over the cells of a stack.
func pageOf(name string, cells []*evidence.Cell) string {
	first := cells[0].Info.Server.Page(name)
	out := fmt.Sprintf("page %s (%s) with %d of %d figures", name, first.URL, len(first.Names), len(first.Names)+len(first.Missing))
	if len(first.Missing) > 0 {
		out += " (not " + strings.Join(first.Missing, ", ") + ")"
	}
	var began []float64
	still, untold := 0, 0
	for _, c := range cells {
		p := c.Info.Server.Page(name)
		switch {
		case p == nil:
			continue
		case p.Began == nil:
			untold++
		case !slices.Contains(began, *p.Began):
			began = append(began, *p.Began)
		}
		if p.Changed == nil {
			still++
		}
	}
	switch {
	case len(began) > 1:
		out += fmt.Sprintf(" of %d processes, one after another: the server was started anew between cells", len(began))
	case len(began) == 1 && untold == 0:
		out += fmt.Sprintf(" of a process that began %s the first cell", beside(cells[0].Info.Start-began[0]))
	default:
		out += " of a process that does not tell when it began"
	}
	if still > 0 {
		out += fmt.Sprintf("; its figures never changed in %d of %d cells", still, len(cells))
	}
	return out
}

// beside is a time of so many seconds before something, or after it.
func beside(seconds float64) string {
	if seconds < 0 {
		return fmt.Sprintf("%.0f s after", -seconds)
	}
	if seconds < 7200 {
		return fmt.Sprintf("%.0f s before", seconds)
	}
	return fmt.Sprintf("%.1f h before", seconds/3600)
}

// oldPage says that an engine's page counts, and counted nothing while requests were answered.
func oldPage(c *evidence.Cell) string {
	p := c.Info.Server.Page("engine")
	if p == nil || !p.Counts || p.First == nil || p.Changed != nil {
		return ""
	}
	answered := 0
	for i := range c.Requests {
		if c.Requests[i].RC == record.RCOK {
			answered++
		}
	}
	if answered == 0 {
		return ""
	}
	return fmt.Sprintf("%s: %d requests were answered, and no figure of the page %s changed, its counters neither: it is an old page or another "+
		"server's; correct -metrics", c.Key, answered, p.URL)
}

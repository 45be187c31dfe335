package verdict

import (
	"fmt"

	"sparkharness/harness/evidence"
	"sparkharness/harness/stats"
)

// clientUse says what the harness itself took of the machine that it measured, at most and on average. There is no finding where
// no cell knows, as in simulated time.
func clientUse(cells []*evidence.Cell) []Finding {
	var cpu, seconds, most float64
	var rss *float64
	var where, cpus string
	n := 0
	for _, c := range cells {
		u := c.Info.Client
		if u == nil || u.Seconds <= 0 {
			continue
		}
		n, cpu, seconds = n+1, cpu+u.CPUSeconds, seconds+u.Seconds
		if share := u.CPUSeconds / u.Seconds; where == "" || share > most {
			most, where, cpus = share, c.Key, u.CPUs
		}
		if u.RSSBytes != nil && (rss == nil || *u.RSSBytes > *rss) {
			rss = u.RSSBytes
		}
	}
	if n == 0 {
		return nil
	}
	detail := fmt.Sprintf("of a CPU, in %s, CPUs %s; on average %.1f %%, over %d cells", where, orUnknown(cpus), 100*cpu/seconds, n)
	if rss != nil {
		detail += fmt.Sprintf("; at most %.0f MiB of memory", *rss/(1<<20))
	}
	return []Finding{{Name: "client's own CPU, at most", Estimate: stats.Alone(100 * most), Unit: "%", Detail: detail}}
}

func orUnknown(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}

package sheet

import (
	"fmt"
	"strings"

	"sparkharness/harness/record"
)

// latencies prints how long fetches of tier 2, the I/Os that they are made of, and the drive took.
func (r *Run) latencies(b *strings.Builder) {
	g := grid{heads: []string{"arm", "what", "n", "mean, ms", "p50, ms", "p95, ms", "p99, ms", "p99.9, ms", "p99.99, ms"}, keys: 2}
	line := func(arm, what string, n float64, mean *float64, qs []*float64) {
		cells := []string{arm, what, fmt.Sprintf("%.0f", n), opt(mean, 1)}
		for _, q := range qs {
			cells = append(cells, opt(q, 1))
		}
		g.add(cells...)
	}
	for _, a := range r.Arms {
		m := &a.Measure
		if fetches := a.fetches(); len(fetches) > 0 {
			sum := 0.0
			for _, v := range fetches {
				sum += v
			}
			line(a.Name(), "host: tier-2 fetch of a request", float64(len(fetches)), new(sum/float64(len(fetches))), quantiles(fetches))
		}
		reads, writes := a.loader()
		for _, s := range []struct {
			what string
			of   *loaderSums
		}{{"host: read of the loader (pread)", &reads}, {"host: write of the loader (pwrite)", &writes}} {
			if s.of.ios > 0 {
				line(a.Name(), s.what+", whole cells", s.of.ios, record.Over(new(s.of.tookS*1e3), s.of.ios), histogram(s.of.took))
			}
		}
		if m.DeviceRead.ios > 0 {
			line(a.Name(), "device: r_await, means of samples", m.DeviceRead.ios, record.Over(&m.DeviceRead.ms, m.DeviceRead.ios), sampled(m.ReadAwaits))
		}
		if m.ProbeReads > 0 {
			line(a.Name(), "host: read of the probe, means of samples", m.ProbeReads, record.Over(&m.ProbeMS, m.ProbeReads), sampled(m.ProbeTimes))
		}
	}
	if len(g.rows) == 0 {
		b.WriteString("Not told by this run: no fetch of tier 2, and no read of a drive.\n")
		return
	}
	if left := g.write(b); len(left) > 0 {
		fmt.Fprintf(b, "\nToo few values for: %s.\n", strings.Join(left, "; "))
	}
	b.WriteString("\nA quantile is shown from as many values on as have one above it (p99.99: 10,000). Fetches that end between two samples share " +
		"their mean. The kernel tells r_await as a mean alone: its quantiles are those of the means of samples whose " +
		"reads took 20 ms and more together, by reads, and hide what a sample averages.\n")
}

// fetches are the arm's tier-2 fetches in the measured load, ms.
func (a *Arm) fetches() (all []float64) {
	for _, c := range a.Cells {
		if c.KV == nil {
			continue
		}
		for _, p := range c.KV.Fetches {
			all = append(all, p.V)
		}
	}
	return all
}

// histogram are the quantiles of tail in ms, nil where there are too few values or no histogram.
func histogram(h *record.GapHist) []*float64 {
	out := make([]*float64, len(tail))
	for i, q := range tail {
		if h == nil || !among(int(h.Count()), q) {
			continue
		}
		if v, ok := h.Quantile(q); ok {
			out[i] = new(float64(v) / 1e6)
		}
	}
	return out
}

// sampled are the quantiles of tail of samples' means, as far as there are samples for them.
func sampled(of []weighted) []*float64 {
	out := make([]*float64, len(tail))
	for i, q := range tail {
		if among(len(of), q) {
			out[i] = quantile(of, q)
		}
	}
	return out
}

// split prints what part of a fetch the drive takes: its I/Os one after another at r_await, by as many as the loader has in
// flight. Where fio ran beside, r_await is of fio's reads too, and the drive's part is not told.
func (r *Run) split(b *strings.Builder) {
	g := grid{heads: []string{"arm", "fetches", "MiB a fetch", "wait for the loader, ms", "transfer, ms", "of it device, ms", "of it host, ms",
		"device, % of transfer"}, keys: 1}
	for _, a := range r.Arms {
		m := &a.Measure
		if m.Fetches == nil || *m.Fetches == 0 || m.FetchWait == nil || m.FetchMove == nil {
			continue
		}
		n := *m.Fetches
		wait, move := *m.FetchWait/n, *m.FetchMove/n
		device := a.deviceMS()
		var host, share *float64
		if device != nil {
			host, share = new(move-*device), record.Over(new(100**device), move)
		}
		g.add(a.Name(), fmt.Sprintf("%.0f", n), opt(record.Over(m.KVRead, n*(1<<20)), 1), number(wait), number(move),
			opt(device, 1), opt(host, 1), opt(share, 1))
	}
	if len(g.rows) == 0 {
		return
	}
	b.WriteString("\nA fetch on average. Its transfer is device time (reads of a fetch x r_await / reads in flight) and host time; it waits while the " +
		"loader works for others.\n\n")
	leftOut(b, g.write(b))
}

// deviceMS is the drive's part of a fetch's transfer on average, ms; nil where r_await is not that of the loader's reads alone,
// or the reads overlap otherwise than configured.
func (a *Arm) deviceMS() *float64 {
	m, at := &a.Measure, a.reading()
	if at.request == 0 || m.FioRead != nil || m.KVRead == nil || m.DeviceRead.ios == 0 {
		return nil
	}
	d := *m.KVRead / *m.Fetches / at.request * (m.DeviceRead.ms / m.DeviceRead.ios) / at.depth
	if d > *m.FetchMove / *m.Fetches {
		return nil
	}
	return &d
}

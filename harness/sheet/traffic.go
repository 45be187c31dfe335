package sheet

import (
	"fmt"
	"strings"

	"sparkharness/harness/record"
)

const (
	kib = 1 << 10
	gib = 1 << 30
)

// trafficLine is a line of the table of I/O: what somebody moved in a phase of an arm.
type trafficLine struct {
	arm, phase, who  string
	seconds          float64 // that the figures cover
	read, write      flow
	inFlight, busyQD *float64 // I/Os in flight, and while any was
}

// flow is a direction; nil is not told.
type flow struct {
	bytes, ios, awaitMS *float64
	// request is the size of one I/O where it is told otherwise than by bytes and I/Os, B.
	request *float64
}

// traffic prints what was moved by phase and arm, by the account of the drive and of whoever used it.
func (r *Run) traffic(b *strings.Builder) {
	side := func(what string) []string {
		return []string{what + ", GiB", what + ", GiB/s", what + " IOPS, 1/s", what + " request, KiB"}
	}
	g := grid{heads: []string{"arm", "phase", "counted by", "time, s"}, keys: 3}
	g.heads = append(append(g.heads, side("read")...), side("write")...)
	g.heads = append(g.heads, "queue depth, I/Os", "queue depth while busy, I/Os", "r_await, ms", "w_await, ms")
	for _, l := range r.trafficLines() {
		cells := []string{l.arm, l.phase, l.who, number(l.seconds)}
		for _, f := range []*flow{&l.read, &l.write} {
			request := opt(f.request, 1.0/kib)
			if f.request == nil {
				request = ratio(f.bytes, f.ios, 1.0/kib)
			}
			cells = append(cells, opt(f.bytes, 1.0/gib), opt(record.Over(f.bytes, l.seconds), 1.0/gib), opt(record.Over(f.ios, l.seconds), 1), request)
		}
		g.add(append(cells, opt(l.inFlight, 1), opt(l.busyQD, 1), opt(l.read.awaitMS, 1), opt(l.write.awaitMS, 1))...)
	}
	if len(g.rows) == 0 {
		b.WriteString("Not told by this run: it has no samples of a block device or of whoever uses it.\n")
		return
	}
	leftOut(b, g.write(b))
}

// trafficLines are those of all arms, for each phase the drive first.
func (r *Run) trafficLines() (all []trafficLine) {
	for _, a := range r.Arms {
		for _, p := range []struct {
			name string
			*Phase
		}{{"populate (warm-up)", &a.Populate}, {"measured load", &a.Measure}} {
			add := func(l trafficLine) {
				l.arm, l.phase = a.Name(), p.name
				all = append(all, l)
			}
			if p.DeviceSeconds > 0 {
				add(deviceLine(p.Phase))
			}
			if p.AppSeconds > 0 && (record.OrZero(p.AppRead) > 0 || record.OrZero(p.AppWrite) > 0) {
				add(a.appLine(p.Phase))
			}
			if p.KVRead != nil || p.KVWritten != nil {
				add(trafficLine{who: "KV manager (tier 2)", seconds: p.KVSeconds, read: flow{bytes: p.KVRead}, write: flow{bytes: p.KVWritten}})
			}
			if p.FioRead != nil && p.FioSeconds > 0 {
				add(a.fioLine(p.Phase))
			}
			if p.ProbeReads > 0 && p.ProbeBytes != nil {
				add(trafficLine{who: "probe", seconds: p.ProbeSeconds, read: flow{bytes: p.ProbeBytes, ios: new(p.ProbeReads)}})
			}
		}
	}
	return all
}

func deviceLine(p *Phase) trafficLine {
	of := func(s *side) flow {
		return flow{bytes: new(s.bytes), ios: new(s.ios), awaitMS: record.Over(&s.ms, s.ios)}
	}
	return trafficLine{who: "drive", seconds: p.DeviceSeconds, read: of(&p.DeviceRead), write: of(&p.DeviceWrite),
		inFlight: record.Over(&p.WeightedMS, p.DeviceSeconds*1000), busyQD: record.Over(&p.WeightedMS, p.BusyMS)}
}

// appLine is what the server's processes or the loader moved. How many I/Os that were is told for whole cells alone, as their
// mean size.
func (a *Arm) appLine(p *Phase) trafficLine {
	of := func(bytes, request *float64) flow {
		f := flow{bytes: bytes, request: request}
		if bytes != nil && request != nil {
			f.ios = record.Over(bytes, *request)
		}
		return f
	}
	reads, writes := a.loader()
	return trafficLine{who: "application", seconds: p.AppSeconds, read: of(p.AppRead, reads.mean()), write: of(p.AppWrite, writes.mean())}
}

// loaderSums are the I/Os of an arm's loader over whole cells.
type loaderSums struct {
	ios, bytes, tookS float64
	took              *record.GapHist // nil where a cell does not tell
}

// mean is the size of an I/O, B; nil without any.
func (l *loaderSums) mean() *float64 { return record.Over(&l.bytes, l.ios) }

// loader sums what the loader of an arm did on a real drive; both without I/Os where there was none.
func (a *Arm) loader() (reads, writes loaderSums) {
	reads.took, writes.took = &record.GapHist{}, &record.GapHist{}
	for _, c := range a.Cells {
		u := c.Info.Storage
		if u == nil {
			continue
		}
		for _, s := range []struct {
			sum *loaderSums
			of  *record.LoaderFigures
		}{{&reads, u.Reads}, {&writes, u.Writes}} {
			if s.of == nil {
				continue
			}
			s.sum.ios += s.of.IOs
			s.sum.bytes += s.of.Bytes
			s.sum.tookS += s.of.TookS
			switch {
			case s.of.Took == nil:
				s.sum.took = nil
			case s.sum.took != nil:
				s.sum.took.Merge(s.of.Took)
			}
		}
	}
	return reads, writes
}

// fioLine is what fio moved by the account of its process. The size of its I/Os is its own account at its end.
func (a *Arm) fioLine(p *Phase) trafficLine {
	l := trafficLine{who: "fio beside", seconds: p.FioSeconds, read: flow{bytes: p.FioRead}, write: flow{bytes: p.FioWrite}}
	var reads, writes side
	for _, c := range a.Cells {
		if c.Info.Fio == nil || c.Info.Fio.End == nil {
			return l
		}
		if d := c.Info.Fio.End.Read; d != nil {
			reads.add(d.Bytes, d.IOs, 0)
		}
		if d := c.Info.Fio.End.Write; d != nil {
			writes.add(d.Bytes, d.IOs, 0)
		}
	}
	for _, f := range []struct {
		flow *flow
		end  *side
	}{{&l.read, &reads}, {&l.write, &writes}} {
		if f.flow.request = record.Over(&f.end.bytes, f.end.ios); f.flow.request != nil && f.flow.bytes != nil {
			f.flow.ios = record.Over(f.flow.bytes, *f.flow.request)
		}
	}
	return l
}

// fioLatencies prints fio's own completion latencies, where a real one ran.
func (r *Run) fioLatencies(b *strings.Builder) {
	g := grid{heads: []string{"arm", "repetition", "jobs", "direction", "I/Os", "clat mean, ms", "clat p50, ms", "clat p99, ms"}, keys: 4}
	for _, a := range r.Arms {
		for _, c := range a.Cells {
			f := c.Info.Fio
			if f == nil || f.End == nil {
				continue
			}
			for _, d := range []struct {
				name string
				*record.FioDirection
			}{{"read", f.End.Read}, {"write", f.End.Write}} {
				if d.FioDirection != nil {
					g.add(a.Name(), count(c.Rep), strings.Join(f.Jobs, "; "), d.name,
						fmt.Sprintf("%.0f", d.IOs), opt(d.MeanUS, 1e-3), opt(d.P50US, 1e-3), opt(d.P99US, 1e-3))
				}
			}
		}
	}
	if len(g.rows) > 0 {
		b.WriteString("\nfio's own account, from its start to its end:\n\n")
		g.write(b)
	}
}

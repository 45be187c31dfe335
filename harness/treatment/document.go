package treatment

import (
	"fmt"
	"syscall"

	"sparkharness/harness/health"
	"sparkharness/harness/record"
)

// document is what fio says of itself, as far as it is used (fio's HOWTO, Interpreting the output). All figures are since
// its start.
type document struct {
	Version string    `json:"fio version"`
	MS      int64     `json:"timestamp_ms"`
	Jobs    []jobTold `json:"jobs"`
}

// jobTold is what it says of a job.
type jobTold struct {
	Name  string    `json:"jobname"`
	Error int       `json:"error"`
	CPU   float64   `json:"sys_cpu"` // % of its time that a task spent in the kernel
	Read  transfers `json:"read"`
	Write transfers `json:"write"`
}

// transfers are fio's reads, or its writes.
type transfers struct {
	Bytes float64 `json:"io_bytes"`
	IOs   float64 `json:"total_ios"`
	// RuntimeMS is the time of the direction's I/O, ms.
	RuntimeMS float64 `json:"runtime"`
	Clat      struct {
		N          float64            `json:"N"`
		Mean       float64            `json:"mean"` // ns
		Percentile map[string]float64 `json:"percentile"`
	} `json:"clat_ns"`
}

// faults are the errors of jobs, nil if there are none.
func (d *document) faults() error {
	for _, j := range d.Jobs {
		if j.Error != 0 {
			return fmt.Errorf("fio job %q failed: error %d: %w", j.Name, j.Error, syscall.Errno(j.Error))
		}
	}
	return nil
}

// moved are the bytes that all jobs have read and written.
func (d *document) moved() (bytes float64) {
	for _, j := range d.Jobs {
		bytes += j.Read.Bytes + j.Write.Bytes
	}
	return bytes
}

// written are the bytes that all jobs have written.
func (d *document) written() (bytes float64) {
	for _, j := range d.Jobs {
		bytes += j.Write.Bytes
	}
	return bytes
}

// end is what the last document says.
func (d *document) end() *record.FioEnd {
	var reads, writes []transfers
	for _, j := range d.Jobs {
		reads, writes = append(reads, j.Read), append(writes, j.Write)
	}
	return &record.FioEnd{Version: d.Version, Read: direction(reads), Write: direction(writes)}
}

// direction sums one direction of all jobs; nil if there was no I/O.
func direction(jobs []transfers) *record.FioDirection {
	out := &record.FioDirection{}
	var n, ns float64
	for _, j := range jobs {
		out.Bytes += j.Bytes
		out.IOs += j.IOs
		n += j.Clat.N
		ns += j.Clat.N * j.Clat.Mean
	}
	if out.IOs == 0 {
		return nil
	}
	if n > 0 {
		out.MeanUS = new(ns / n / 1e3)
	}
	if len(jobs) == 1 {
		out.P50US, out.P99US = percentile(jobs[0], "50.000000"), percentile(jobs[0], "99.000000")
	}
	return out
}

// percentile is one of those that fio lists, us; nil if it does not.
func percentile(t transfers, name string) *float64 {
	ns, told := t.Clat.Percentile[name]
	if !told {
		return nil
	}
	return new(ns / 1e3)
}

// rates turns documents into what was written between each and the next one.
type rates struct {
	prev *document
	all  []health.Rate
}

// add takes the next document. Documents whose sums do not rise, as those of a program that is not fio, tell no rate.
func (r *rates) add(d *document, marginC *float64) {
	if p := r.prev; p != nil && d.MS > p.MS && d.written() >= p.written() {
		r.all = append(r.all, health.Rate{Seconds: float64(d.MS-p.MS) / 1e3, Bytes: d.written() - p.written(), MarginC: marginC})
	}
	r.prev = d
}

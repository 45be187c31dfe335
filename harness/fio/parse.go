package fio

import (
	"fmt"
	"slices"
	"strings"
)

// draft is a section under way.
type draft struct {
	Job
	line      int     // of its header
	direct    bool    // direct or buffered was given
	readShare float64 // of a mix
	broken    bool    // has a fault of its own
}

// Parse reads the content of a job file; file is used in faults, which come back as Faults.
//
// The form is fio's: [name] opens a job, [global] (any name that begins so) holds defaults of the jobs
// after it, ; and # begin a comment anywhere in a line, names of options and words among their values are
// lower case, and the last of equal options counts. Where fio guesses, for example at a header without its
// bracket, Parse refuses.
func Parse(file string, data []byte) ([]Job, error) {
	p := &parser{file: file}
	n := 0
	for line := range strings.Lines(string(data)) {
		n++
		if i := strings.IndexAny(line, ";#"); i >= 0 {
			line = line[:i]
		}
		line = strings.TrimSpace(line)
		switch {
		case line == "":
		case line[0] == '[':
			p.header(n, line)
		default:
			p.option(n, line)
		}
	}
	p.end()
	if len(p.faults) > 0 {
		slices.SortStableFunc(p.faults, func(a, b Fault) int { return a.Line - b.Line })
		return nil, p.faults
	}
	return p.jobs, nil
}

type parser struct {
	file   string
	global *draft
	job    *draft // of the job section under way
	in     *draft // what options are set in: job, global, or nil before the first section
	jobs   []Job
	faults Faults
}

func (p *parser) fault(line int, option, format string, args ...any) {
	p.faults = append(p.faults, Fault{File: p.file, Line: line, Option: option, Problem: fmt.Sprintf(format, args...)})
	if p.in != nil {
		p.in.broken = true
	}
}

func (p *parser) header(n int, line string) {
	p.end()
	if p.global == nil {
		p.global = &draft{Job: Job{RW: "read", BlockBytes: 4096, IODepth: 1, NumJobs: 1, IOEngine: "psync"}, readShare: 0.5}
	}
	name, closed := strings.CutSuffix(line[1:], "]")
	p.in = nil
	if !closed || name == "" || strings.ContainsAny(name, "[]") {
		// Options below it are checked all the same.
		p.fault(n, "", "%.60q is no section header: write [name] on a line of its own", line)
		p.in = &draft{broken: true, readShare: 0.5}
		p.job = p.in
		return
	}
	if strings.HasPrefix(name, "global") {
		p.in = p.global
		return
	}
	job := *p.global
	job.line = n
	p.job, p.in = &job, &job
	if err := setName(&job, name); err != nil {
		p.fault(n, "", "%v, for example [heavy]", err)
	}
}

// end closes the job section under way.
func (p *parser) end() {
	j := p.job
	p.job = nil
	if j == nil || j.broken {
		return
	}
	p.in = nil
	if !j.direct || !j.Direct {
		p.fault(j.line, "direct", "job %q is buffered, which is fio's default; the page cache between fio and the drive is not modelled: set direct=1", j.Name)
		return
	}
	if at := j.kernels(); at != "" {
		p.fault(j.line, "directory", "job %q uses %.60q, which is the kernel's and no file: name a folder on the drive", j.Name, at)
		return
	}
	if option, why := j.thinksBadly(); why != "" {
		p.fault(j.line, option, "job %q %s", j.Name, why)
		return
	}
	switch j.RW {
	case "read", "randread":
		j.ReadShare = 1
	case "write", "randwrite":
		j.ReadShare = 0
	default:
		j.ReadShare = j.readShare
	}
	if j.Sync() {
		j.IODepth = 1
	}
	if bytes := int64(j.InFlight()) * j.BlockBytes; bytes > mostInFlight {
		p.fault(j.line, "iodepth", "job %q has %d MiB in flight, more than the %d MiB that are simulated: lower bs, iodepth or numjobs", j.Name, bytes>>20, mostInFlight>>20)
		return
	}
	p.jobs = append(p.jobs, j.Job)
}

// thinksBadly is the option, of those with which a job thinks, that does not go with the others, and why.
func (j *draft) thinksBadly() (option, why string) {
	switch {
	case j.ThinkTime == 0 && j.IOTime > 0:
		return "thinktime_iotime", "does not think, so that this has no effect: set thinktime, or remove it"
	case j.ThinkTime == 0 && j.SpinTime > 0:
		return "thinktime_spin", "does not think, so that this has no effect: set thinktime and thinktime_iotime, or remove it"
	case j.ThinkTime > 0 && j.IOTime == 0:
		return "thinktime", "thinks after each I/O; the simulated machine's jobs think by time: set thinktime_iotime"
	case j.SpinTime > j.ThinkTime:
		return "thinktime_spin", fmt.Sprintf("spins for %s of a thinktime of %s: lower it", written(j.SpinTime), written(j.ThinkTime))
	}
	return "", ""
}

// mostInFlight bounds the bytes that a job has in flight, and so what a solution of the drive costs.
const mostInFlight = 1 << 30

func (p *parser) option(n int, line string) {
	name, value, given := strings.Cut(line, "=")
	name, value = strings.TrimSpace(name), strings.TrimSpace(value)
	if p.in == nil {
		p.fault(n, printable(name), "stands before the first section: put it below [global] or below a [name]")
		return
	}
	if full, ok := aliases[name]; ok {
		name = full
	}
	if why, ok := refused[name]; ok {
		p.fault(n, name, "%s: remove it", why)
		return
	}
	o, ok := options[name]
	switch {
	case !ok:
		p.fault(n, printable(name), "unknown option%s; correct it, or have harness/fio/options.go say whether it changes the load", differentCase(name))
	case !given && !o.bare:
		p.fault(n, name, "needs a value, for example %s=%s", name, o.example)
	case given && value == "":
		p.fault(n, name, "has no value after =, for example %s=%s", name, o.example)
	case o.set == nil:
		if o.check == nil || !given {
			return
		}
		if err := o.check(value); err != nil {
			p.fault(n, name, "%v, for example %s=%s", err, name, o.example)
		}
	case strings.Contains(value, "$"):
		p.fault(n, name, "%.60q depends on variables of the machine: write the value out", value)
	default:
		if !given {
			value = "1"
		}
		if err := o.set(p.in, value); err != nil {
			p.fault(n, name, "%v, for example %s=%s", err, name, o.example)
		}
	}
}

// printable quotes what cannot stand in a message as it is.
func printable(name string) string {
	for _, r := range name {
		if r <= ' ' || r > '~' {
			return fmt.Sprintf("%.40q", name)
		}
	}
	if len(name) > 40 || name == "" {
		return fmt.Sprintf("%.40q", name)
	}
	return name
}

// differentCase is a hint for names that are right but for their case.
func differentCase(name string) string {
	lower := strings.ToLower(name)
	_, known := options[lower]
	_, alias := aliases[lower]
	if lower != name && (known || alias) {
		return fmt.Sprintf(" (fio writes it %s)", lower)
	}
	return ""
}

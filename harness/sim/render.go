package sim

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// Files is a proc/ and sys/ tree on disk that shows the machine's counters as a kernel would.
type Files struct {
	Proc, Sys string
	open      map[string]*rendered
	// Of open, the counters of a foreign process and of the server's; empty if there is none.
	foreign, server string
	disks           int // with a folder below sys/block
	told            int // of them, those whose queue/iostats is there
}

// rendered is one file that is rewritten in place.
type rendered struct {
	f        *os.File
	buf, was []byte // new content, and what stands in the file
}

// renderedFiles are the files below proc/ that Render writes. /proc/stat holds the aggregate CPU line
// and the counters after it; nothing here reads the lines of single CPUs.
var renderedFiles = []string{"stat", "meminfo", "diskstats", "pressure/io", "pressure/memory"}

// BlockDevice is the name of the machine's disk, of the first if it has two.
const BlockDevice = "nvme0n1"

// NewFiles lays out the tree below dir.
func NewFiles(dir string) (*Files, error) {
	t := &Files{Proc: filepath.Join(dir, "proc"), Sys: filepath.Join(dir, "sys"), open: map[string]*rendered{}}
	if err := os.MkdirAll(filepath.Join(t.Proc, "pressure"), 0o755); err != nil {
		return nil, err
	}
	if err := t.addDisks(1); err != nil {
		return nil, err
	}
	for _, name := range renderedFiles {
		f, err := os.Create(filepath.Join(t.Proc, filepath.FromSlash(name)))
		if err != nil {
			return nil, fmt.Errorf("render the simulated host: %w", err)
		}
		t.open[name] = &rendered{f: f}
	}
	return t, nil
}

// Close closes the files; the tree stays.
func (t *Files) Close() error {
	names := slices.Clone(renderedFiles)
	for _, process := range []string{t.foreign, t.server} {
		if process != "" {
			names = append(names, process)
		}
	}
	var first error
	for _, name := range names {
		if err := t.open[name].f.Close(); err != nil && first == nil {
			first = err
		}
	}
	return first
}

// process shows the I/O of a process, which is 0 if there is none, and nothing of the one before it, whose file is shown.
func (t *Files) process(shown *string, pid int, account func() processIO) error {
	name := ""
	if pid != 0 {
		name = fmt.Sprintf("%d/io", pid)
	}
	if *shown != name {
		if err := t.drop(*shown); err != nil {
			return fmt.Errorf("render the simulated host: %w", err)
		}
		*shown = ""
	}
	if name == "" {
		return nil
	}
	if *shown == "" {
		path := filepath.Join(t.Proc, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return fmt.Errorf("render the simulated host: %w", err)
		}
		file, err := os.Create(path)
		if err != nil {
			return fmt.Errorf("render the simulated host: %w", err)
		}
		t.open[name], *shown = &rendered{f: file}, name
	}
	return t.write(name, func(b []byte) []byte {
		io := account()
		return fmt.Appendf(b, "rchar: %d\nwchar: %d\nsyscr: %d\nsyscw: %d\nread_bytes: %d\nwrite_bytes: %d\ncancelled_write_bytes: 0\n",
			io.rchar, io.wchar, io.syscr, io.syscw, io.readBytes, io.writeBytes)
	})
}

// drop removes the folder of a process that has ended. Who holds its file open reads nothing there any more, as
// with a kernel's.
func (t *Files) drop(name string) error {
	if name == "" {
		return nil
	}
	file := t.open[name].f
	err := errors.Join(file.Truncate(0), file.Close())
	delete(t.open, name)
	return errors.Join(err, os.RemoveAll(filepath.Dir(filepath.Join(t.Proc, filepath.FromSlash(name)))))
}

// addDisks lays out the folders of disks that are not there yet: their number, and that their I/O is counted.
func (t *Files) addDisks(n int) error {
	for ; t.disks < n; t.disks++ {
		folder := filepath.Join(t.Sys, "block", blockDevice(t.disks))
		err := os.MkdirAll(filepath.Join(folder, "queue"), 0o755)
		for _, file := range []struct{ name, text string }{{"dev", fmt.Sprintf("259:%d\n", t.disks)}, {"queue/iostats", "1\n"}} {
			if err == nil {
				err = os.WriteFile(filepath.Join(folder, filepath.FromSlash(file.name)), []byte(file.text), 0o644)
			}
		}
		if err != nil {
			return fmt.Errorf("render the simulated host: %w", err)
		}
	}
	return nil
}

// queues says in queue/iostats of each disk whether the kernel counts its I/O.
func (t *Files) queues(n int, counted bool) error {
	if err := t.addDisks(n); err != nil {
		return err
	}
	text := "0\n"
	if counted {
		text = "1\n"
	}
	for ; t.told < n; t.told++ {
		dir := filepath.Join(t.Sys, "block", blockDevice(t.told), "queue")
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("render the simulated host: %w", err)
		}
		if err := os.WriteFile(filepath.Join(dir, "iostats"), []byte(text), 0o644); err != nil {
			return fmt.Errorf("render the simulated host: %w", err)
		}
	}
	return nil
}

// write replaces the content of one file.
func (t *Files) write(name string, fill func([]byte) []byte) error {
	r := t.open[name]
	r.buf = fill(r.buf[:0])
	if bytes.Equal(r.buf, r.was) {
		return nil
	}
	// Until it has been written, nobody knows what stands in the file.
	text, size := r.buf, len(r.was)
	r.buf, r.was = r.was, nil
	if _, err := r.f.WriteAt(text, 0); err != nil {
		return fmt.Errorf("render %s: %w", name, err)
	}
	if len(text) != size {
		if err := r.f.Truncate(int64(len(text))); err != nil {
			return fmt.Errorf("render %s: %w", name, err)
		}
	}
	r.was = text
	return nil
}

// render writes all files from counters of one instant.
func (t *Files) render(h *host, disks []NVMeCounters, nowNS int64) error {
	if err := t.addDisks(len(disks)); err != nil {
		return err
	}
	jiffies := func(ns float64) int64 { return int64(ns / 1e7) } // USER_HZ is 100
	fills := map[string]func([]byte) []byte{
		"stat": func(b []byte) []byte {
			return fmt.Appendf(b, "cpu  %d 0 %d %d %d 0 0 0 0 0\nintr 0\nctxt 0\nbtime 946684800\nprocesses 1\nprocs_running 1\nprocs_blocked 0\n",
				jiffies(h.userNS), jiffies(h.sysNS), jiffies(h.idleNS()), jiffies(h.waitNS))
		},
		"meminfo": func(b []byte) []byte {
			total, free, available, cached := h.memory()
			return fmt.Appendf(b, "MemTotal:       %d kB\nMemFree:        %d kB\nMemAvailable:   %d kB\nBuffers:        0 kB\nCached:         %d kB\nSwapCached:     0 kB\nSwapTotal:      0 kB\nSwapFree:       0 kB\nDirty:          0 kB\nWriteback:      0 kB\n",
				total/1024, free/1024, available/1024, cached/1024)
		},
		"diskstats": func(b []byte) []byte {
			for i, d := range disks {
				b = fmt.Appendf(b, " 259       %d %s %d %d %d %d %d %d %d %d %d %d %d %d %d %d %d %d %d\n", i, blockDevice(i),
					d.ReadsCompleted, d.ReadsMerged, d.SectorsRead, d.MSReading,
					d.WritesCompleted, d.WritesMerged, d.SectorsWritten, d.MSWriting,
					d.InFlight, d.MSDoingIO, d.MSWeighted,
					d.DiscardsCompleted, d.DiscardsMerged, d.SectorsDiscarded, d.MSDiscards, d.FlushesCompleted, d.MSFlushing)
			}
			return b
		},
		"pressure/io":     func(b []byte) []byte { return pressure(b, h.avg[0], h.ioSome, h.avg[1], h.ioFull) },
		"pressure/memory": func(b []byte) []byte { return pressure(b, pressureAverage{}, 0, pressureAverage{}, 0) },
	}
	for _, name := range renderedFiles {
		if err := t.write(name, fills[name]); err != nil {
			return err
		}
	}
	return nil
}

func pressure(b []byte, some pressureAverage, someNS float64, full pressureAverage, fullNS float64) []byte {
	line := func(b []byte, name string, a pressureAverage, ns float64) []byte {
		return fmt.Appendf(b, "%s avg10=%.2f avg60=%.2f avg300=%.2f total=%d\n", name, a.values[0], a.values[1], a.values[2], int64(ns/1000))
	}
	return line(line(b, "some", some, someNS), "full", full, fullNS)
}

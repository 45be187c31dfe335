package telemetry

import (
	"bytes"

	"github.com/prometheus/procfs"
	"github.com/prometheus/procfs/blockdevice"
)

// The parsers below take what a kernel writes and nothing else, in a fiftieth of the time of procfs, which
// scans with fmt: at five samples a second of virtual time that was a quarter of a run. Where they say no
// the file goes to procfs, whose word on anything odd is the one that counts. Fuzz tests hold the two to
// the same values.

// parseCPU reads the first line of stat, "cpu  2255 34 2290 22625563 6290 127 456 0 0 0". Nothing of the
// rest is used.
func parseCPU(text []byte) (c procfs.CPUStat, ok bool) {
	line, _, whole := bytes.Cut(text, newline)
	line, is := bytes.CutPrefix(line, []byte("cpu  "))
	if !whole || !is {
		return c, false
	}
	fields := [...]*float64{
		&c.User, &c.Nice, &c.System, &c.Idle, &c.Iowait, &c.IRQ, &c.SoftIRQ, &c.Steal, &c.Guest, &c.GuestNice,
	}
	for i, f := range fields {
		v, rest, ok := cutUint(line)
		if !ok || v > 1<<53 {
			return procfs.CPUStat{}, false
		}
		*f = float64(v) / 100 // USER_HZ
		if i < len(fields)-1 {
			if len(rest) == 0 || rest[0] != ' ' {
				return procfs.CPUStat{}, false
			}
			rest = rest[1:]
		}
		line = rest
	}
	return c, len(line) == 0
}

// memory are the lines of meminfo that are used, bytes; nil for a line that is not there.
type memory struct{ available, cached, swapTotal, swapFree *uint64 }

var (
	keyAvailable = []byte("MemAvailable:")
	keyCached    = []byte("Cached:")
	keySwapTotal = []byte("SwapTotal:")
	keySwapFree  = []byte("SwapFree:")
)

// parseMemory reads meminfo, lines of the form "Cached:          6636188 kB".
func parseMemory(text []byte) (m memory, ok bool) {
	for len(text) > 0 {
		line, rest, whole := bytes.Cut(text, newline)
		if !whole {
			return memory{}, false
		}
		text = rest
		if len(line) == 0 {
			return memory{}, false
		}
		var field **uint64
		var key []byte
		switch line[0] {
		case 'M':
			field, key = &m.available, keyAvailable
		case 'C':
			field, key = &m.cached, keyCached
		case 'S':
			if field, key = &m.swapTotal, keySwapTotal; !bytes.HasPrefix(line, key) {
				field, key = &m.swapFree, keySwapFree
			}
		}
		line, is := bytes.CutPrefix(line, key)
		if field == nil || !is {
			continue
		}
		for len(line) > 0 && line[0] == ' ' {
			line = line[1:]
		}
		v, unit, ok := cutUint(line)
		if !ok || string(unit) != " kB" {
			return memory{}, false
		}
		*field = new(1024 * v)
	}
	return m, true
}

// stalls are the totals of a pressure file, us; nil for a line that the kernel does not offer.
type stalls struct{ some, full *uint64 }

// parseStalls reads a pressure file, lines of the form
//
//	some avg10=0.12 avg60=0.05 avg300=0.01 total=4651642
func parseStalls(text []byte) (s stalls, ok bool) {
	for len(text) > 0 {
		line, rest, whole := bytes.Cut(text, newline)
		if !whole {
			return stalls{}, false
		}
		text = rest
		field := &s.some
		line, is := bytes.CutPrefix(line, []byte("some"))
		if !is {
			field = &s.full
			if line, is = bytes.CutPrefix(line, []byte("full")); !is {
				return stalls{}, false
			}
		}
		for _, key := range [...]string{" avg10=", " avg60=", " avg300="} {
			if line, ok = cutAverage(line, key); !ok {
				return stalls{}, false
			}
		}
		line, is = bytes.CutPrefix(line, []byte(" total="))
		v, rest, ok := cutUint(line)
		if !is || !ok || len(rest) > 0 {
			return stalls{}, false
		}
		*field = &v
	}
	return s, true
}

// cutAverage cuts a key with a number of the form 12.34 off the front.
func cutAverage(b []byte, key string) (rest []byte, ok bool) {
	if len(b) < len(key) || string(b[:len(key)]) != key {
		return nil, false
	}
	_, b, ok = cutUint(b[len(key):])
	if !ok || len(b) < 3 || b[0] != '.' || !digit(b[1]) || !digit(b[2]) {
		return nil, false
	}
	return b[3:], true
}

// parseDisk reads the line of one device in diskstats, which has 17 counters since Linux 5.5:
//
//	259       0 nvme0n1 446216 784926 9550688 4382310 424847 312726 5922052 19310380 0 3376340 23705160 0 0 0 0 0 0
func parseDisk(text []byte, device string) (d blockdevice.IOStats, ok bool) {
	for len(text) > 0 {
		line, rest, whole := bytes.Cut(text, newline)
		if !whole {
			return d, false
		}
		text = rest
		if line, ok = cutDevice(line, device); ok {
			return parseDiskCounters(line)
		}
	}
	return d, false
}

// cutDevice cuts the numbers and the name off a line of diskstats, if it is that of the device.
func cutDevice(line []byte, device string) (rest []byte, ok bool) {
	for range 2 {
		for len(line) > 0 && line[0] == ' ' {
			line = line[1:]
		}
		number, rest, ok := cutUint(line)
		if !ok || number > 1<<31 || len(rest) == 0 || rest[0] != ' ' {
			return nil, false
		}
		line = rest[1:]
	}
	if len(line) <= len(device) || string(line[:len(device)]) != device || line[len(device)] != ' ' {
		return nil, false
	}
	return line[len(device):], true
}

func parseDiskCounters(line []byte) (d blockdevice.IOStats, ok bool) {
	for _, f := range [...]*uint64{
		&d.ReadIOs, &d.ReadMerges, &d.ReadSectors, &d.ReadTicks,
		&d.WriteIOs, &d.WriteMerges, &d.WriteSectors, &d.WriteTicks,
		&d.IOsInProgress, &d.IOsTotalTicks, &d.WeightedIOTicks,
		&d.DiscardIOs, &d.DiscardMerges, &d.DiscardSectors, &d.DiscardTicks,
		&d.FlushRequestsCompleted, &d.TimeSpentFlushing,
	} {
		if len(line) == 0 || line[0] != ' ' {
			return blockdevice.IOStats{}, false
		}
		if *f, line, ok = cutUint(line[1:]); !ok {
			return blockdevice.IOStats{}, false
		}
	}
	return d, len(line) == 0
}

// cutUint cuts a decimal number off the front, of at most 18 digits and without zeros before it.
func cutUint(b []byte) (v uint64, rest []byte, ok bool) {
	n := 0
	for n < len(b) && digit(b[n]) {
		v = 10*v + uint64(b[n]-'0')
		n++
	}
	if n == 0 || n > 18 || n > 1 && b[0] == '0' {
		return 0, nil, false
	}
	return v, b[n:], true
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

// transfers are what a process has moved from and to storage, bytes; cancelled are those that were counted as written
// and never were (kernel Documentation/filesystems/proc.rst).
type transfers struct{ read, written, cancelled uint64 }

var ioKeys = [...]string{"rchar: ", "wchar: ", "syscr: ", "syscw: ", "read_bytes: ", "write_bytes: ", "cancelled_write_bytes: "}

// parseIO reads the io file of a process, its seven lines in the kernel's order.
func parseIO(text []byte) (t transfers, ok bool) {
	for i, key := range ioKeys {
		line, rest, whole := bytes.Cut(text, newline)
		line, is := bytes.CutPrefix(line, []byte(key))
		v, left, number := cutUint(line)
		if !whole || !is || !number || len(left) > 0 {
			return transfers{}, false
		}
		switch i {
		case 4:
			t.read = v
		case 5:
			t.written = v
		case 6:
			t.cancelled = v
		}
		text = rest
	}
	return t, len(text) == 0
}

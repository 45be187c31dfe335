package launch

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"sparkharness/harness/config"
)

// Bounds of a log.
const (
	maxLog   = 64 << 20 // bytes that are kept in the file; what comes after is looked at, and not kept
	maxLine  = 64 << 10 // bytes of a line that are looked at
	keepTail = 12       // lines that are told of a server that dies
)

// Finding is a line that was looked for.
type Finding struct {
	Name, Means, Says string
	Line              string // the first that fitted
	Times             int
}

// Log takes what the parts of a server write, keeps it in a file up to a bound, and looks at each line once, as it comes.
type Log struct {
	mu       sync.Mutex
	file     *os.File
	room     int64 // bytes that the file still takes
	cut      bool
	partial  map[string][]byte // of a line that has not ended, by part
	tail     []string
	patterns []pattern
	found    map[string]*Finding
	read     map[string]string // readings, by their name in config.LogReadings
	secrets  []string          // values that are never written
	longest  int               // of them, bytes
	broken   error             // the file could not be written
}

type pattern struct {
	name string
	line config.LogLine
	re   *regexp.Regexp
}

// newLog begins a log in a file, which is made or written anew. room bounds the file, bytes.
func newLog(path string, lines map[string]config.LogLine, secrets []string, room int64) (*Log, error) {
	l := &Log{room: room, partial: map[string][]byte{}, found: map[string]*Finding{}, read: map[string]string{}}
	for _, name := range slices.Sorted(maps.Keys(lines)) {
		re, err := regexp.Compile(lines[name].Pattern)
		if err != nil {
			return nil, fmt.Errorf("launch.log.%s: %w", name, err)
		}
		l.patterns = append(l.patterns, pattern{name, lines[name], re})
	}
	for _, s := range secrets {
		if len(s) >= 4 { // what is shorter is no secret, and would take letters out of words
			l.secrets = append(l.secrets, s)
			l.longest = max(l.longest, len(s))
		}
	}
	// The longest first: one may begin with another.
	slices.SortFunc(l.secrets, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	var err error
	if l.file, err = os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600); err != nil {
		return nil, fmt.Errorf("the server's log: %w", err)
	}
	return l, nil
}

// writer is where a part writes.
type writer struct {
	log  *Log
	part string
}

// Write never fails: a server must not stop because its log cannot be kept.
func (w writer) Write(p []byte) (int, error) {
	l := w.log
	l.mu.Lock()
	defer l.mu.Unlock()
	rest := slices.Concat(l.partial[w.part], p)
	for {
		i := bytes.IndexAny(rest, "\n\r") // bars of progress end in a carriage return
		if i < 0 {
			if len(rest) < maxLine+l.longest {
				break
			}
			piece := l.cutAt(rest)
			l.line(w.part, string(rest[:piece]))
			rest = rest[piece:]
			continue
		}
		l.line(w.part, string(rest[:i]))
		rest = rest[i+1:]
	}
	l.partial[w.part] = rest
	return len(p), nil
}

// end takes what was left of a line when a part ended.
func (l *Log) end(part string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if rest := l.partial[part]; len(rest) > 0 {
		l.line(part, string(rest))
	}
	delete(l.partial, part)
}

func (l *Log) line(part, text string) {
	if text = strings.TrimRight(text, " \t\r\n"); text == "" {
		return
	}
	text = l.withoutSecrets(text)
	for _, p := range l.patterns {
		l.look(p, text)
	}
	if part != "" {
		text = part + ": " + text
	}
	if l.tail = append(l.tail, shown(text)); len(l.tail) > keepTail {
		l.tail = slices.Delete(l.tail, 0, 1)
	}
	l.keep(text + "\n")
}

// cutAt is where a line without an end is cut: nowhere inside a secret, each of which is whole there if it begins before maxLine.
func (l *Log) cutAt(rest []byte) int {
	cut := maxLine
	for again := true; again; {
		again = false
		for _, s := range l.secrets {
			from := max(0, cut-len(s)+1)
			// The last one that begins before the cut and ends behind it.
			if i := bytes.LastIndex(rest[from:cut+len(s)-1], []byte(s)); i >= 0 && from+i > 0 {
				cut, again = from+i, true
			}
		}
	}
	return cut
}

// withoutSecrets is a text in which nobody reads them.
func (l *Log) withoutSecrets(text string) string {
	for _, s := range l.secrets {
		text = strings.ReplaceAll(text, s, "***")
	}
	return text
}

// look notes what a line tells; of a reading the newest counts, because a server that tells it twice has corrected itself.
func (l *Log) look(p pattern, text string) {
	m := p.re.FindStringSubmatch(text)
	if m == nil {
		return
	}
	f := l.found[p.name]
	if f == nil {
		f = &Finding{Name: p.name, Means: p.line.Means, Says: p.line.Says, Line: shown(text)}
		l.found[p.name] = f
	}
	f.Times++
	for i, name := range p.re.SubexpNames() {
		if name != "" && m[i] != "" {
			l.read[name] = m[i]
		}
	}
}

func (l *Log) keep(text string) {
	if l.cut || l.broken != nil || l.file == nil {
		return
	}
	if l.room -= int64(len(text)); l.room < 0 {
		l.cut = true
		text = "[the log is longer than is kept; what follows was looked at all the same]\n"
	}
	_, l.broken = l.file.WriteString(text)
}

// shown is a line fit for a terminal.
func shown(text string) string {
	const most = 300
	clean := strings.Map(func(c rune) rune {
		if c == '\t' {
			return ' '
		}
		if !strconv.IsPrint(c) {
			return -1
		}
		return c
	}, escape.ReplaceAllString(text, ""))
	if len(clean) > most {
		clean = clean[:most] + " ..."
	}
	return strings.ToValidUTF8(clean, "?")
}

// escape are the sequences by which terminals change colours.
var escape = regexp.MustCompile("\x1b\\[[0-9;?]*[A-Za-z]")

// Findings are the lines that were found, in the order of their names.
func (l *Log) Findings() (out []Finding) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(l.found)) {
		out = append(out, *l.found[name])
	}
	return out
}

// Reading is what the log told, "" if nothing.
func (l *Log) Reading(name string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.read[name]
}

// Number is a reading, with its separators of thousands, as a number; nil if it was not told.
func (l *Log) Number(name string) *float64 {
	v, err := strconv.ParseFloat(strings.ReplaceAll(l.Reading(name), ",", ""), 64)
	if err != nil {
		return nil
	}
	return &v
}

// Bytes is a reading of a size, by whichever unit or count of blocks it was told; nil if it was not.
func (l *Log) Bytes(name string) *float64 {
	for _, unit := range []string{"B", "GiB", "GB"} {
		if v := l.Number(name + "_" + unit); v != nil {
			return new(*v * float64(config.LaunchUnits[unit]))
		}
	}
	if n, each := l.Number(name+"_blocks"), l.Number(name+"_block_B"); n != nil && each != nil {
		return new(*n * *each)
	}
	return nil
}

// last is the newest line, "" before the first.
func (l *Log) last() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.tail) == 0 {
		return ""
	}
	return l.tail[len(l.tail)-1]
}

// lastLines are the newest, each indented on a line of its own.
func (l *Log) lastLines() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.tail) == 0 {
		return "; it wrote nothing"
	}
	return "; its last lines:\n    " + strings.Join(l.tail, "\n    ")
}

// close ends the file.
func (l *Log) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return nil
	}
	err := l.file.Close()
	l.file = nil
	if l.broken != nil {
		err = l.broken
	}
	if err != nil {
		return fmt.Errorf("the server's log: %w", err)
	}
	return nil
}

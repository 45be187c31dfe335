package telemetry

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"
	"time"

	"sparkharness/harness/outgoing"
	"sparkharness/harness/record"
)

// gpuMaxAge is the age at which the newest nvidia-smi line no longer describes the machine: ten
// periods of GPUCommand.
const gpuMaxAge = 2 * time.Second

// GPUCommand is the nvidia-smi call whose standard output NewGPU reads: a header line, then a line
// every 200 ms until ctx ends.
func GPUCommand(ctx context.Context) *exec.Cmd {
	return exec.CommandContext(ctx, "nvidia-smi",
		"--query-gpu=index,utilization.gpu,memory.used,power.draw,clocks.sm,clocks.max.sm,clocks_event_reasons.active",
		"--format=csv,nounits", "-lms", "200")
}

// GPU keeps the newest line of an nvidia-smi CSV stream, such as
//
//	utilization.gpu [%], memory.used [MiB], power.draw [W], clocks.current.sm [MHz], clocks_event_reasons.active
//	96, [N/A], 80.10, 2418, 0x0000000000000000
//
// of a machine with one GPU: where a column index tells of a second one, none of their lines is taken. A line that is torn or does not parse is skipped; the line before it stays
// the newest until it is too old. Throttling is that of all lines since the previous sample: a GPU that was held back
// between two samples was held back, whatever the newest line says.
type GPU struct {
	src  io.Reader
	done chan struct{}

	mu      sync.Mutex
	newest  record.GPU
	at      time.Time // arrival of newest; zero: none yet
	since   gpuThrottling
	sampled bool  // a sample has been taken
	several bool  // lines of more than one GPU came
	fault   error // what was wrong since newest came: the first line that did not parse, and how the stream ended
}

// gpuThrottling is what the lines since the previous sample say together.
type gpuThrottling struct {
	lines        int
	held, untold bool // of any of them
}

func (t *gpuThrottling) add(throttled *bool) {
	t.lines++
	t.untold = t.untold || throttled == nil
	t.held = t.held || throttled != nil && *throttled
}

// any is nil if a line does not tell and none was throttled: unknown is not none.
func (t *gpuThrottling) any() *bool {
	if t.untold && !t.held {
		return nil
	}
	return new(t.held)
}

// NewGPU starts reading r. Close must be called.
func NewGPU(r io.Reader) *GPU {
	g := &GPU{src: r, done: make(chan struct{})}
	go g.read()
	return g
}

// Close waits for the reading goroutine. It closes the stream first if it can be closed; otherwise its
// owner must have ended it.
func (g *GPU) Close() error {
	var err error
	if c, ok := g.src.(io.Closer); ok {
		err = c.Close()
	}
	<-g.done
	return err
}

func (g *GPU) read() {
	defer close(g.done)
	br := bufio.NewReader(g.src)
	var cols []gpuColumn
	said := "" // what came before the header
	only := "" // the GPU that the lines are of
	for {
		line, err := gpuReadLine(br)
		if err != nil {
			if cols == nil && line != "" {
				g.failed(gpuSaid(said + " " + line))
			}
			g.ended(err)
			return
		}
		if line == "" {
			continue
		}
		if cols == nil {
			var known bool
			if cols, known, err = gpuHeader(line); known {
				g.failed(err)
				continue
			}
			// The texts with which nvidia-smi gives up have several lines, and the first is not always the telling one.
			if len(said) < outgoing.MaxQuote {
				said += " " + line
			}
			g.failed(gpuSaid(said))
			continue
		}
		v, index, err := gpuLine(cols, line)
		if only == "" {
			only = index
		}
		if err == nil && index != only {
			g.forget(fmt.Errorf("nvidia-smi tells of two GPUs, %s and %s: hide all but the one that serves, with CUDA_VISIBLE_DEVICES for the server and -i for nvidia-smi", only, index))
			continue
		}
		if err != nil {
			g.failed(err)
			continue
		}
		now := time.Now()
		g.mu.Lock()
		if !g.several {
			g.newest, g.at, g.fault = v, now, nil
			g.since.add(v.Throttled)
		}
		g.mu.Unlock()
	}
}

// gpuSaid quotes what came in place of a table.
func gpuSaid(text string) error {
	return &gpuText{outgoing.Clean(text, outgoing.MaxQuote)}
}

// gpuText is a text in place of a table; a longer one replaces it.
type gpuText struct{ text string }

func (e *gpuText) Error() string { return "in place of a table nvidia-smi printed: " + e.text }

// failed keeps what went wrong first: what comes after a broken line is mostly broken by the same.
func (g *GPU) failed(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	var text *gpuText
	if g.fault == nil || errors.As(g.fault, &text) {
		g.fault = err
	}
}

// forget gives up what was read: it may be another GPU's.
func (g *GPU) forget(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.several = true
	g.at, g.since, g.fault = time.Time{}, gpuThrottling{}, err
}

func (g *GPU) ended(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	err = fmt.Errorf("stream ended: %w", err)
	if g.fault != nil {
		err = fmt.Errorf("%w; %w", g.fault, err)
	}
	g.fault = err
}

// gpuReadLine returns the next whole line. What a killed nvidia-smi leaves without a newline is
// dropped: a cut number still looks like one. An overlong line comes back cut and will not parse.
func gpuReadLine(br *bufio.Reader) (string, error) {
	part, err := br.ReadSlice('\n')
	line := string(part)
	for errors.Is(err, bufio.ErrBufferFull) {
		_, err = br.ReadSlice('\n')
	}
	return strings.TrimSpace(line), err
}

// Name is "gpu".
func (g *GPU) Name() string { return "gpu" }

// Sample fills GPU from the newest line, if that is at most 2 s old.
func (g *GPU) Sample(_ context.Context, s *record.SysSample) error {
	now := time.Now()
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.at.IsZero() {
		return g.why("nvidia-smi gave no line yet")
	}
	if age := now.Sub(g.at); age > gpuMaxAge {
		return g.why(fmt.Sprintf("newest nvidia-smi line is %v old", age.Round(time.Millisecond)))
	}
	v := g.newest
	// What came before the first sample belongs to no interval.
	if g.sampled && g.since.lines > 0 {
		v.Throttled = g.since.any()
	}
	g.sampled, g.since = true, gpuThrottling{}
	s.GPU = &v
	return nil
}

func (g *GPU) why(what string) error {
	if g.fault == nil {
		return errors.New(what)
	}
	return fmt.Errorf("%s: %w", what, g.fault)
}

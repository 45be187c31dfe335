package telemetry

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"

	"sparkharness/harness/record"
)

// gpuMaxAge is the age at which the newest nvidia-smi line no longer describes the machine: ten
// periods of GPUCommand.
const gpuMaxAge = 2 * time.Second

// Bits of clocks_event_reasons.active (NVML, nvmlClocksEventReasons) that mean throttled: the hardware
// or the driver holds the clocks below what was asked for, for heat or for lack of power.
//
// Not among them: 0x1 idle, 0x2 application clocks, 0x10 sync boost and 0x100 display clocks are
// settings, and 0x4 software power cap is how a power-managed part runs at full load. A power supply
// that negotiated too little sets no bit at all: sm_clock_mhz shows it.
const (
	hwSlowdown        = 0x08
	swThermalSlowdown = 0x20
	hwThermalSlowdown = 0x40
	hwPowerBrake      = 0x80

	gpuThrottled = hwSlowdown | swThermalSlowdown | hwThermalSlowdown | hwPowerBrake
)

// GPUCommand is the nvidia-smi call whose standard output NewGPU reads: a header line, then a line
// every 200 ms until ctx ends.
func GPUCommand(ctx context.Context) *exec.Cmd {
	return exec.CommandContext(ctx, "nvidia-smi",
		"--query-gpu=utilization.gpu,memory.used,power.draw,clocks.sm,clocks_event_reasons.active",
		"--format=csv,nounits", "-lms", "200")
}

// GPU keeps the newest line of an nvidia-smi CSV stream, such as
//
//	utilization.gpu [%], memory.used [MiB], power.draw [W], clocks.current.sm [MHz], clocks_event_reasons.active
//	96, [N/A], 80.10, 2418, 0x0000000000000000
//
// of a machine with one GPU. A line that is torn or does not parse is skipped; the line before it stays
// the newest until it is too old.
type GPU struct {
	src  io.Reader
	done chan struct{}

	mu     sync.Mutex
	newest record.GPU
	at     time.Time // arrival of newest; zero: none yet
	fault  error     // what was wrong with the latest skipped line, or how the stream ended
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
	for {
		line, err := gpuReadLine(br)
		if err != nil {
			g.failed(fmt.Errorf("stream ended: %w", err))
			return
		}
		if cols == nil {
			if cols, err = gpuHeader(line); err != nil {
				g.failed(err)
			}
			continue
		}
		v, err := gpuLine(cols, line)
		if err != nil {
			g.failed(err)
			continue
		}
		now := time.Now()
		g.mu.Lock()
		g.newest, g.at, g.fault = v, now, nil
		g.mu.Unlock()
	}
}

func (g *GPU) failed(err error) {
	g.mu.Lock()
	g.fault = err
	g.mu.Unlock()
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

// gpuColumn is what one CSV column means.
type gpuColumn struct {
	scale float64                     // to the unit of record.GPU
	field func(*record.GPU) **float64 // nil: not a number of record.GPU
	mask  bool                        // the clock event reasons
}

func gpuHeader(line string) ([]gpuColumn, error) {
	known := 0
	var cols []gpuColumn
	for name := range strings.SplitSeq(line, ",") {
		name, unit, _ := strings.Cut(strings.TrimSpace(name), " ")
		var c gpuColumn
		want := unit
		switch name {
		case "utilization.gpu":
			c, want = gpuColumn{scale: 1, field: func(g *record.GPU) **float64 { return &g.Util }}, "[%]"
		case "memory.used":
			c, want = gpuColumn{scale: 1 << 20, field: func(g *record.GPU) **float64 { return &g.MemUsedBytes }}, "[MiB]"
		case "power.draw":
			c, want = gpuColumn{scale: 1, field: func(g *record.GPU) **float64 { return &g.PowerW }}, "[W]"
		case "clocks.sm", "clocks.current.sm":
			c, want = gpuColumn{scale: 1, field: func(g *record.GPU) **float64 { return &g.SMClockMHz }}, "[MHz]"
		case "clocks_event_reasons.active", "clocks_throttle_reasons.active":
			c, want = gpuColumn{mask: true}, ""
		default:
			known--
		}
		known++
		if unit != want {
			return nil, fmt.Errorf("nvidia-smi header: column %s has unit %q, not %q", name, unit, want)
		}
		cols = append(cols, c)
	}
	if known == 0 {
		return nil, fmt.Errorf("nvidia-smi header: no known column in %.80q", line)
	}
	return cols, nil
}

func gpuLine(cols []gpuColumn, line string) (record.GPU, error) {
	if n := strings.Count(line, ",") + 1; n != len(cols) {
		return record.GPU{}, fmt.Errorf("nvidia-smi line has %d fields, the header %d: %.80q", n, len(cols), line)
	}
	var g record.GPU
	for i := range cols {
		f, rest, _ := strings.Cut(line, ",")
		line, f = rest, strings.TrimSpace(f)
		// nvidia-smi puts every reason for having no value into brackets: [N/A], [Not Supported],
		// [Unknown Error]. dmon and the table use the bare forms.
		if strings.HasPrefix(f, "[") || f == "N/A" || f == "-" {
			continue
		}
		switch c := cols[i]; {
		case c.mask:
			bits, err := strconv.ParseUint(strings.TrimPrefix(f, "0x"), 16, 64)
			if err != nil || !strings.HasPrefix(f, "0x") {
				return record.GPU{}, fmt.Errorf("nvidia-smi line: clock event reasons %q are no hex mask", f)
			}
			g.Throttled = new(bits&gpuThrottled != 0)
		case c.field != nil:
			v, err := strconv.ParseFloat(f, 64)
			if err != nil || !finite(v) {
				return record.GPU{}, fmt.Errorf("nvidia-smi line: %q is no number", f)
			}
			*c.field(&g) = new(round4(v * c.scale))
		}
	}
	return g, nil
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
	s.GPU = &v
	return nil
}

func (g *GPU) why(what string) error {
	if g.fault == nil {
		return errors.New(what)
	}
	return fmt.Errorf("%s: %w", what, g.fault)
}

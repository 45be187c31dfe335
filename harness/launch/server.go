package launch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"sparkharness/harness/config"
)

// Options are a server that is to be started.
type Options struct {
	Name     string // in messages, such as "stack B (vllm-disk)"
	Launch   *config.Launch
	Launched *config.Launched
	Place    Place
	LogPath  string // file for what it writes
	// Answers asks whether it serves: nil once a token has come. It is asked every half second, with a context that ends with
	// the limit.
	Answers func(context.Context) error
	Out     io.Writer // progress
	Journal Journal
}

// Server is one that runs.
type Server struct {
	o        Options
	commands []Command
	parts    []*part
	log      *Log
	began    time.Time
	served   time.Time
}

// How often is asked, and told, how far a start is.
const (
	askEvery  = 500 * time.Millisecond
	tellEvery = 10 * time.Second
)

// Start starts a server and returns when it serves. What was started of one that does not is stopped again.
func Start(ctx context.Context, o Options) (*Server, error) {
	commands, files, err := Commands(o.Launch, o.Launched, o.Place)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.Name, err)
	}
	s := &Server{o: o, commands: commands}
	if err := s.prepare(ctx, files); err != nil {
		return nil, fmt.Errorf("%s: %w", o.Name, err)
	}
	if err := s.start(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", o.Name, err), s.Stop())
	}
	return s, nil
}

// prepare makes sure that images are here, writes the server's files, and opens its log.
func (s *Server) prepare(ctx context.Context, files map[string]string) error {
	if err := missingImages(ctx, s.commands); err != nil {
		return err
	}
	if err := os.MkdirAll(s.o.Place.Folder, 0o700); err != nil {
		return fmt.Errorf("the folder of the server's files: %w", err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(s.o.Place.Folder, name), []byte(text), 0o600); err != nil {
			return fmt.Errorf("the server's file %s: %w", name, err)
		}
	}
	var secrets []string
	for _, c := range s.commands {
		for _, v := range c.Secrets {
			secrets = append(secrets, v)
		}
	}
	if err := os.MkdirAll(filepath.Dir(s.o.LogPath), 0o755); err != nil {
		return fmt.Errorf("the server's log: %w", err)
	}
	var err error
	s.log, err = newLog(s.o.LogPath, s.o.Launch.Log, secrets, maxLog)
	return err
}

// start starts the parts and waits until they serve.
func (s *Server) start(ctx context.Context) error {
	s.began = time.Now()
	for _, c := range s.commands {
		fmt.Fprintf(s.o.Out, "%s: %s\n", s.o.Name, c)
		p, err := begin(c, s.log, s.o.Journal, time.Duration(s.o.Launch.Stop.Grace))
		if err != nil {
			return err
		}
		s.parts = append(s.parts, p)
	}
	if s.o.Launch.Note != "" {
		fmt.Fprintf(s.o.Out, "%s: %s\n", s.o.Name, s.o.Launch.Note)
	}
	limit := time.Duration(s.o.Launch.Ready.Limit)
	ctx, cancel := context.WithTimeoutCause(ctx, limit, errLate)
	defer cancel()
	// Who asks may wait for an answer that a server which has died does not give.
	ctx, abandon := context.WithCancel(ctx)
	defer abandon()
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		s.watch(ctx, abandon)
	}()
	err := s.wait(ctx)
	abandon()
	<-watched
	if err != nil {
		return err
	}
	s.served = time.Now()
	fmt.Fprintf(s.o.Out, "%s: serves after %.0f s; its log is %s\n", s.o.Name, s.served.Sub(s.began).Seconds(), s.o.LogPath)
	for _, f := range s.log.Findings() {
		if f.Means == config.LogWarning {
			fmt.Fprintf(s.o.Out, "warning: %s: %s: %s (%s)\n", s.o.Name, f.Name, f.Says, f.Line)
		}
	}
	return s.Faults()
}

var errLate = errors.New("its time is over")

// watch ends the waiting when a part has ended.
func (s *Server) watch(ctx context.Context, abandon func()) {
	ticker := time.NewTicker(askEvery / 5)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if s.Died() != nil {
				abandon()
				return
			}
		}
	}
}

// wait asks until a token has come.
func (s *Server) wait(ctx context.Context) error {
	told := time.Now()
	var last error
	for {
		if last = s.o.Answers(ctx); last == nil {
			return s.Died()
		}
		if err := s.Died(); err != nil {
			return err
		}
		if time.Since(told) >= tellEvery {
			told = time.Now()
			line := s.log.last()
			if line == "" {
				line = "nothing in its log yet"
			}
			fmt.Fprintf(s.o.Out, "%s: starting, %.0f s: %s\n", s.o.Name, time.Since(s.began).Seconds(), line)
		}
		select {
		case <-ctx.Done():
			if err := s.Died(); err != nil {
				return err
			}
			if errors.Is(context.Cause(ctx), errLate) {
				return fmt.Errorf("it does not serve after %v (launch.ready.limit): %w: look at its log, %s, and give it a longer limit if it was still loading%s",
					s.o.Launch.Ready.Limit, last, s.o.LogPath, s.log.lastLines())
			}
			return ctx.Err()
		case <-time.After(askEvery):
		}
	}
}

// Died says how a part has ended and what its log ends with; nil while all run.
func (s *Server) Died() error {
	for _, p := range s.parts {
		if how := p.died(); how != "" {
			return fmt.Errorf("%s by itself: look at its log, %s, mend what it says and start again%s", how, s.o.LogPath, s.log.lastLines())
		}
	}
	return nil
}

// Faults are the lines of the log by which nothing can be measured; nil if there are none.
func (s *Server) Faults() error {
	var errs []error
	for _, f := range s.log.Findings() {
		switch f.Means {
		case config.LogFault:
			errs = append(errs, fmt.Errorf("its log has a fault, %s: %s (%s, %d times in %s)", f.Name, f.Says, f.Line, f.Times, s.o.LogPath))
		case config.LogCorruption:
			errs = append(errs, fmt.Errorf("its answers may be corrupt, %s: %s (%s, %d times in %s)", f.Name, f.Says, f.Line, f.Times, s.o.LogPath))
		}
	}
	return errors.Join(errs...)
}

// Log is what it has written.
func (s *Server) Log() *Log { return s.log }

// Served is since when it has served.
func (s *Server) Served() time.Time { return s.served }

// Stop ends all parts, the engine first, and waits for them. It may be called twice.
func (s *Server) Stop() error {
	signal := syscall.SIGTERM
	if s.o.Launch.Stop.Signal == "SIGINT" {
		signal = syscall.SIGINT
	}
	var errs []error
	for _, p := range slices.Backward(s.parts) {
		errs = append(errs, p.stop(signal, time.Duration(s.o.Launch.Stop.Grace)))
	}
	s.parts = nil
	if s.log != nil {
		errs = append(errs, s.log.close())
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("%s: %w", s.o.Name, err)
	}
	return nil
}

// Lines are the commands by which it was started, fit to be shown.
func (s *Server) Lines() string {
	lines := make([]string, len(s.commands))
	for i, c := range s.commands {
		lines[i] = c.String()
	}
	return strings.Join(lines, "\n")
}

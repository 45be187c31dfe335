package launch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/procfs"
)

// part is a process that has been started, or docker's command in front of a container.
type part struct {
	command Command
	cmd     *exec.Cmd
	done    chan struct{} // closed when it has ended
	ended   error         // of Wait, once done is closed
	noted   func() error
}

// Bounds of what is waited for when a part ends.
const (
	pipeWait   = 5 * time.Second  // for processes outside its group that hold its output open
	dockerWait = 30 * time.Second // for docker's commands beyond the grace
)

// begin starts a part, which writes into the log.
func begin(c Command, log *Log, journal Journal) (*part, error) {
	p := &part{command: c, done: make(chan struct{}), noted: func() error { return nil }}
	var err error
	if c.Container != "" { // before it is there, so that nothing is there that is not noted
		if p.noted, err = journal.Note(NotedContainer, c.Container); err != nil {
			return nil, err
		}
	}
	p.cmd = exec.Command(c.Argv[0], c.Argv[1:]...)
	p.cmd.Env, p.cmd.SysProcAttr = c.Env, ownGroup(c.Container != "")
	read, write, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the server's log: %w", err), p.noted())
	}
	p.cmd.Stdout, p.cmd.Stderr = write, write
	err = p.cmd.Start()
	_ = write.Close() // the server has its own
	if err != nil {
		_ = read.Close() // nobody wrote
		return nil, errors.Join(fmt.Errorf("%s cannot be started: %w: correct the command, or build or install what it names", c.Argv[0], err), p.noted())
	}
	go p.follow(read, log)
	if c.Container == "" {
		detail := fmt.Sprintf("pid %d start %d group", p.cmd.Process.Pid, startTicks(p.cmd.Process.Pid))
		if p.noted, err = journal.Note(NotedProcess, detail); err != nil {
			p.noted = func() error { return nil }
			return nil, errors.Join(err, p.stop(syscall.SIGKILL, 0))
		}
	}
	return p, nil
}

// follow takes what a part writes, until it and its group have ended.
func (p *part) follow(read *os.File, log *Log) {
	copied := make(chan struct{})
	go func() {
		defer close(copied)
		_, _ = io.Copy(writer{log, p.command.Part}, read) // ends with the last who writes, or below
	}()
	p.ended = p.cmd.Wait()
	// A server without its first process is none; what is left of it would hold memory and ports.
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	select {
	case <-copied:
	case <-time.After(pipeWait):
	}
	_ = read.Close() // who has left the group may still hold the other end
	<-copied
	log.end(p.command.Part)
	close(p.done)
}

// startTicks is when a process started, in clock ticks after boot; 0 where that is not told.
func startTicks(pid int) uint64 {
	p, err := procfs.NewProc(pid)
	if err != nil {
		return 0
	}
	stat, err := p.Stat()
	if err != nil {
		return 0
	}
	return stat.Starttime
}

// name is the part's in a message.
func (p *part) name() string {
	if p.command.Part == "" {
		return "the server"
	}
	return "its " + p.command.Part
}

// died says how a part has ended, "" while it runs.
func (p *part) died() string {
	select {
	case <-p.done:
	default:
		return ""
	}
	if p.ended == nil {
		return p.name() + " ended (exit status 0)"
	}
	return fmt.Sprintf("%s ended (%v)", p.name(), p.ended)
}

// stop asks a part to end, and after the grace ends it with all of its group, or its container.
func (p *part) stop(signal syscall.Signal, grace time.Duration) error {
	if p.command.Container != "" {
		return p.stopContainer(grace)
	}
	pid := p.cmd.Process.Pid
	select {
	case <-p.done:
	default:
		_ = syscall.Kill(pid, signal) // it may have ended just now
		select {
		case <-p.done:
		case <-time.After(grace):
		}
	}
	select {
	case <-p.done:
	default:
		_ = syscall.Kill(-pid, syscall.SIGKILL)
		<-p.done
	}
	return p.noted()
}

// stopContainer has docker stop the container, remove what is left, and its own command end.
func (p *part) stopContainer(grace time.Duration) error {
	docker := p.command.Argv[0]
	var errs []error
	run := func(ok string, wait time.Duration, args ...string) {
		ctx, cancel := context.WithTimeout(context.Background(), wait)
		defer cancel()
		cmd := exec.CommandContext(ctx, docker, args...)
		cmd.Env = p.command.Env
		out, err := cmd.CombinedOutput()
		if err != nil && !strings.Contains(strings.ToLower(string(out)), ok) {
			errs = append(errs, fmt.Errorf("docker %s: %w: %s", strings.Join(args, " "), err, shown(string(out))))
		}
	}
	const gone = "no such container" // it ended by itself, and --rm removed it
	run(gone, grace+dockerWait, "stop", "--time", fmt.Sprint(int(grace.Seconds())), p.command.Container)
	run(gone, dockerWait, "rm", "--force", p.command.Container)
	select {
	case <-p.done:
	case <-time.After(dockerWait):
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
		<-p.done
	}
	if len(errs) > 0 {
		return fmt.Errorf("the container %s may still run (docker ps): %w", p.command.Container, errors.Join(errs...))
	}
	return p.noted()
}

package launch

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"
)

// part is a process that has been started, or docker's command in front of a container.
type part struct {
	command Command
	label   string // of the container, name=value: no other one carries it
	cmd     *exec.Cmd
	done    chan struct{}               // closed when it has ended
	ended   error                       // of Wait, once done is closed
	gone    func(context.Context) error // notes that it is, and ends what is left of it
}

// Bounds of what is waited for when a part ends.
const (
	pipeWait   = 5 * time.Second  // for processes outside its group that hold its output open
	dockerWait = 30 * time.Second // for docker's commands beyond the grace
	lookAgain  = 2 * time.Second  // between two looks for a container that docker's command may be about to make
)

// begin starts a part, which writes into the log. It is noted before it is there.
func begin(c Command, log *Log, journal Journal, grace time.Duration) (*part, error) {
	p := &part{command: c, done: make(chan struct{})}
	n := Noted{What: "server " + c.Argv[0], GraceS: grace.Seconds()}
	if c.Container != "" {
		n.What, n.Docker = "container "+c.Container, c.Argv[0]
	}
	var err error
	p.gone, err = journal.Begin(n, func(m Mark) error { return p.start(m, log) })
	if err != nil && p.cmd != nil { // it runs and is not noted
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) // it may have been ended
		<-p.done
	}
	return p, err
}

// start starts the part's process with a mark.
func (p *part) start(m Mark, log *Log) error {
	argv, env := p.command.Argv, p.command.Env
	switch {
	case p.command.Container == "" && m.Env() != "":
		env = append(slices.Clone(env), m.Env())
	case p.command.Container != "":
		if p.label = m.Label(); p.label == "" {
			p.label = "sparkharness.part=" + rand.Text()
		}
		argv = slices.Insert(slices.Clone(argv), dockerRun, "--label", p.label)
	}
	read, write, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("the server's log: %w", err)
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env, cmd.SysProcAttr = env, ownGroup(p.command.Container != "")
	cmd.Stdout, cmd.Stderr = write, write
	err = cmd.Start()
	_ = write.Close() // the server has its own
	if err != nil {
		_ = read.Close() // nobody wrote
		return fmt.Errorf("%s cannot be started: %w: correct the command, or build or install what it names", argv[0], err)
	}
	p.cmd = cmd
	if p.command.Container == "" {
		err = m.Started(cmd.Process.Pid)
	}
	go p.follow(read, log)
	return err
}

// dockerRun are the words of a container's command before those of docker run.
const dockerRun = 2

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
	return p.gone(context.Background())
}

// stopContainer has docker stop the container, remove what is left, and its own command end. The container is known by its label alone:
// one that has its name may be another run's, and then it was docker's command that ended.
func (p *part) stopContainer(grace time.Duration) error {
	docker := p.command.Argv[0]
	var errs []error
	run := func(wait time.Duration, args ...string) string {
		ctx, cancel := context.WithTimeout(context.Background(), wait)
		defer cancel()
		cmd := exec.CommandContext(ctx, docker, args...)
		cmd.Env, cmd.WaitDelay = p.command.Env, pipeWait
		var out, complaint bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &complaint
		err := cmd.Run()
		// It ended by itself and --rm removed it, or is about to: docker run ends when that is done.
		said := strings.ToLower(complaint.String())
		if err != nil && !strings.Contains(said, "no such container") && !strings.Contains(said, "is already in progress") {
			errs = append(errs, fmt.Errorf("docker %s: %w: %s", strings.Join(args, " "), err, shown(complaint.String())))
		}
		return out.String()
	}
	began, found := time.Now(), false
	for ended := false; !ended; {
		errs = nil // what matters is how it is at the end
		ids := strings.Fields(run(dockerWait, "ps", "--all", "--quiet", "--no-trunc", "--filter", "label="+p.label))
		if len(ids) > 0 {
			run(grace+dockerWait, append([]string{"stop", "-t", fmt.Sprint(int(grace.Seconds()))}, ids...)...)
			run(dockerWait, append([]string{"rm", "--force"}, ids...)...)
			if !found {
				began, found = time.Now(), true
			}
		}
		select {
		case <-p.done:
			ended = true
		case <-time.After(lookAgain):
			if ended = time.Since(began) > dockerWait; ended {
				errs = append(errs, fmt.Errorf("docker run did not end in %v", dockerWait))
				_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
				<-p.done
			}
		}
	}
	if len(errs) > 0 {
		return fmt.Errorf("the container %s may still run (docker ps): %w", p.command.Container, errors.Join(errs...))
	}
	return p.gone(context.Background())
}

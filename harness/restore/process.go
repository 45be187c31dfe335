package restore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	"sparkharness/harness/disk"
	"sparkharness/harness/regular"
)

// envName is the variable by which a process, and all that it starts, is known as this harness's.
const envName = "SPARKHARNESS_STARTED"

// Started is a process that was started, the leader of a group of its own.
type Started struct {
	PID   int
	Ended <-chan struct{} // closed when the leader has ended
	Undo  Undo            // ends the group
	err   error
}

// Err is how the leader ended, as exec.Cmd.Wait has it. It waits for that.
func (s *Started) Err() error {
	<-s.Ended
	return s.err
}

// Start starts a command as the leader of a process group of its own, noted before. Undo ends the whole group; with undo
// not nil that is called first. What the command prints goes to files or writers: its pipes would be closed when it ends.
func (j *Journal) Start(cmd *exec.Cmd, e Entry, undo Undo) (*Started, error) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	if cmd.WaitDelay == 0 {
		cmd.WaitDelay = 5 * time.Second // a grandchild may hold what the command printed to
	}
	ended := make(chan struct{})
	s := &Started{Ended: ended}
	var err error
	s.Undo, err = j.Do(e, func(n *Note) error {
		cmd.Env = append(cmd.Environ(), n.Env())
		if err := cmd.Start(); err != nil {
			close(ended)
			return err
		}
		s.PID = cmd.Process.Pid
		noted := n.Started(s.PID) // before it can be reaped, so that the number is still its own
		go func() {
			s.err = cmd.Wait()
			close(ended)
		}()
		return noted
	}, undo)
	if err != nil {
		if s.PID != 0 {
			<-ended
		}
		return nil, err
	}
	undoGroup := s.Undo
	s.Undo = func(ctx context.Context) error {
		err := undoGroup(ctx)
		if err == nil {
			<-ended
		}
		return err
	}
	return s, nil
}

const (
	look       = 10 * time.Millisecond
	afterKill  = 10 * time.Second       // a process in an uninterruptible wait may take that long
	stillBorn  = 100 * time.Millisecond // from the fork of a process until it has its own environment
	ofItsGroup = "its leader is gone and it does not carry the mark"
)

// end ends the entry's processes: asks each, and kills what is still there after a while. It returns when all are gone.
func (e *Entry) end(ctx context.Context) (did string, err error) {
	ask := syscall.SIGTERM
	if e.Kind == Fio {
		ask = syscall.SIGINT
	}
	asked := map[int]uint64{} // number -> start
	led := false
	for begun := time.Now(); ; {
		there, strange := e.processes(asked, &led)
		if len(there) == 0 {
			// One that is being born shows no environment, and may be of it.
			if (e.Leader == nil || strange != nil) && time.Since(begun) < stillBorn {
				time.Sleep(look)
				continue
			}
			return told(asked), strange
		}
		over := time.Since(begun) > e.grace() || ctx.Err() != nil
		if time.Since(begun) > e.grace()+afterKill {
			return "", fmt.Errorf("process %d does not end, not even when killed: it waits for a device: %w", there[0].PID, errLeft)
		}
		for _, p := range there {
			sig := ask
			if over {
				sig = syscall.SIGKILL
			} else if asked[p.PID] == p.Start {
				continue
			}
			if err := signal(p, sig); err != nil {
				return "", fmt.Errorf("end process %d: %w: %w", p.PID, err, errLeft)
			}
			asked[p.PID] = p.Start
		}
		time.Sleep(look)
	}
}

func told(asked map[int]uint64) string {
	switch len(asked) {
	case 0:
		return ""
	case 1:
		for pid := range asked {
			return fmt.Sprintf("process %d ended", pid)
		}
	}
	return fmt.Sprintf("%d processes ended", len(asked))
}

// processes are those of the entry that live: of its leader's group, those that carry the mark, and those of before. The
// group is the leader's if the leader, or its zombie, is seen in its place now or, as led has it, was a moment ago: a group's
// number is not given away before its last process has ended. An error tells of one that may be the entry's.
func (e *Entry) processes(before map[int]uint64, led *bool) (there []disk.Process, err error) {
	all := disk.Processes()
	mine := family()
	taken := false // by another process: then the group was empty before
	if e.Leader != nil && e.Leader.ThisBoot() && e.Leader.Start != 0 {
		if p, runs := disk.ProcessOf(e.Leader.PID); runs {
			*led = p.Start == e.Leader.Start
			taken = !*led
		}
	}
	for _, p := range all {
		inGroup := e.Leader != nil && p.Group == e.Leader.PID
		start, asked := before[p.PID]
		switch {
		case p.Zombie || p.PID <= 1 || slices.Contains(mine, p.PID):
		case *led && (inGroup || p.PID == e.Leader.PID), asked && start == p.Start, e.marked(p.PID):
			there = append(there, p)
		case inGroup && !taken && e.Leader.ThisBoot():
			err = fmt.Errorf("process %d may be of it, but %s: see what it is, and end it: %w", p.PID, ofItsGroup, errLeft)
		}
	}
	return there, err
}

// family are this process and those that it comes from, which are never ended.
func family() (pids []int) {
	for pid := os.Getpid(); pid > 0; {
		pids = append(pids, pid)
		p, _ := disk.ProcessOf(pid)
		pid = p.Parent
	}
	return pids
}

// mostEnviron bounds the environment of a process, bytes: the kernel's own bound is a quarter of the stack.
const mostEnviron = 8 << 20

// marked says whether a process carries the entry's token.
func (e *Entry) marked(pid int) bool {
	if e.Token == "" {
		return false
	}
	env, err := regular.Read(filepath.Join("/proc", strconv.Itoa(pid), "environ"), mostEnviron)
	if err != nil {
		return false // another user's, or it has ended
	}
	return slices.ContainsFunc(bytes.Split(env, []byte{0}), func(v []byte) bool { return string(v) == envName+"="+e.Token })
}

// signal sends a signal to a process, and to no other that has its number by now.
func signal(p disk.Process, sig syscall.Signal) error {
	handle, err := os.FindProcess(p.PID) // holds the process where the kernel can do that (pidfd_open(2))
	if err != nil {
		return nil
	}
	defer func() { _ = handle.Release() }() // nothing to lose
	if now, runs := disk.ProcessOf(p.PID); !runs || now.Start != p.Start {
		return nil
	}
	if err := handle.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) && !errors.Is(err, syscall.ESRCH) {
		return err
	}
	return nil
}

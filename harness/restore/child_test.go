package restore

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
)

// childRole stands in the environment of a process that a test started, with what it is to do.
const childRole = "SPARKHARNESS_RESTORE_CHILD"

// TestMain is the child, in a process that is one.
func TestMain(m *testing.M) {
	role := os.Getenv(childRole)
	if role == "" {
		os.Exit(m.Run())
	}
	if err := child(role, os.Args[1], os.Args[2]); err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
}

// child changes the machine, with its journal in one folder and what it makes in another.
func child(role, journals, below string) error {
	if role == "turn" {
		if _, err := TakeTurn(journals); err != nil {
			return err
		}
		fmt.Println("measuring")
		select {}
	}
	j, err := Open(journals, os.Stdout)
	if err != nil {
		return err
	}
	for first := true; ; first = false {
		if err := change(j, below); err != nil {
			return err
		}
		if role == "again" && first {
			fmt.Println("changed")
		}
		if role == "once" {
			fmt.Println("done")
			select {}
		}
		if err := undoAll(j); err != nil {
			return err
		}
	}
}

// change starts a sleeper that has children of its own, one of which hides in another group, and writes a folder and a file.
func change(j *Journal, below string) error {
	dir, _, err := j.Folder(below, "load", Writer{})
	if err != nil {
		return err
	}
	if err := os.WriteFile(dir+"/data", make([]byte, 1<<16), 0o644); err != nil {
		return err
	}
	if _, _, err := j.File(below, "probe", ".dat"); err != nil {
		return err
	}
	_, err = j.Start(exec.Command("sh", "-c", "sleep 300 & setsid sleep 300 & sleep 300"), Entry{Kind: Process, What: "sleepers"}, nil)
	return err
}

// undoAll undoes what the journal has, the latest first, and keeps it open.
func undoAll(j *Journal) error {
	for len(j.open) > 0 {
		if err := j.open[len(j.open)-1].run(context.Background()); err != nil {
			return err
		}
	}
	return nil
}

// ownGroup makes a command the leader of a process group.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

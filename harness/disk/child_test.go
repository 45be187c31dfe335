package disk

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// childRole stands in the environment of a process that a test started, with what it is to do.
const childRole = "SPARKHARNESS_DISK_CHILD"

// TestMain is the child, in a process that is one: it takes something, says what, and waits to be killed.
func TestMain(m *testing.M) {
	var took string
	var err error
	switch os.Getenv(childRole) {
	case "lock":
		_, err = Take(os.Args[1])
	case "scratch":
		var s *Scratch
		if s, err = NewScratch(os.Args[1]); err == nil {
			took = s.Dir()
		}
	default:
		os.Exit(m.Run())
	}
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
	fmt.Println("took", took)
	select {}
}

// holder is a process that has taken something in a folder or at a path; kill ends it without any order.
func holder(t *testing.T, role, arg string) (pid int, took string, kill func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0], arg)
	cmd.Env = append(os.Environ(), childRole+"="+role)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	killed := false
	kill = func() {
		if !killed {
			killed = true
			require.NoError(t, cmd.Process.Kill())
			_ = cmd.Wait() // it was killed
		}
	}
	t.Cleanup(kill)
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	took, ok := strings.CutPrefix(strings.TrimSpace(line), "took")
	require.True(t, ok, line)
	return cmd.Process.Pid, strings.TrimSpace(took), kill
}

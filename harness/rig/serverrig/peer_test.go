//go:build servers || peers

package serverrig

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// peerLimit is how long a client of other people may take, its start included: AIPerf's takes half a minute on two cores.
const peerLimit = 5 * time.Minute

// peer runs a client of other people in a folder that is its home as well, and returns what it printed. What it would ask of any
// other machine goes to a proxy that is not there. An error has the end of all that it said.
func peer(t *testing.T, dir string, environment []string, name string, args ...string) ([]byte, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), peerLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	const nowhere = "http://127.0.0.1:9" // discard; nobody listens
	cmd.Env = append(os.Environ(), "HOME="+dir, "PYTHONDONTWRITEBYTECODE=1", "NO_COLOR=1", "COLUMNS=200", "USE_TORCH=0",
		"DO_NOT_TRACK=1", "HF_HUB_DISABLE_TELEMETRY=1", "HF_HUB_DISABLE_XET=1",
		"http_proxy="+nowhere, "https_proxy="+nowhere, "all_proxy="+nowhere, "HTTP_PROXY="+nowhere, "HTTPS_PROXY="+nowhere, "ALL_PROXY="+nowhere,
		"no_proxy=127.0.0.1,localhost", "NO_PROXY=127.0.0.1,localhost")
	cmd.Env = append(cmd.Env, environment...)
	cmd.Dir = dir
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 10 * time.Second
	err := cmd.Run()
	if cmd.Process != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // what it has left behind
	}
	if err != nil {
		err = fmt.Errorf("%s %v: %w: %s\n%s", filepath.Base(name), args, err, last(out.Bytes(), 3000), last(said.Bytes(), 3000))
	}
	return out.Bytes(), err
}

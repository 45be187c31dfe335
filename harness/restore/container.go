package restore

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// labelName is the label by which a container is known as this harness's.
const labelName = "sparkharness.started"

// asking bounds one question to a container runtime; stopping what uses a GPU takes a while.
const asking = time.Minute

// againAfter is until a runtime is asked again.
const againAfter = 200 * time.Millisecond

// removeContainer removes the container with the entry's label: a client that is killed leaves its container running.
func (e *Entry) removeContainer(ctx context.Context) (did string, err error) {
	ctx, cancel := context.WithTimeout(ctx, asking)
	defer cancel()
	for {
		out, err := e.runtime(ctx, "ps", "--all", "--quiet", "--no-trunc", "--filter", "label="+labelName+"="+e.Token)
		if err != nil {
			return "", fmt.Errorf("look for its container: %w: %w", err, errLeft)
		}
		ids := strings.Fields(out)
		if len(ids) == 0 {
			return did, nil
		}
		did = fmt.Sprintf("container %.12s removed", ids[0])
		_, err = e.runtime(ctx, append([]string{"rm", "--force", "--volumes"}, ids...)...)
		if err == nil {
			return did, nil
		}
		// One that ends at this moment is removed by the runtime itself (docker run --rm).
		if !strings.Contains(err.Error(), "is already in progress") {
			return "", fmt.Errorf("remove container %.12s: %w: %w", ids[0], err, errLeft)
		}
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("remove container %.12s: %w: %w", ids[0], err, errLeft)
		case <-time.After(againAfter):
		}
	}
}

// runtime asks docker or podman. The error has what it printed.
func (e *Entry) runtime(ctx context.Context, args ...string) (string, error) {
	return e.runtimeWithin(ctx, asking, args...)
}

func (e *Entry) runtimeWithin(ctx context.Context, bound time.Duration, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, bound)
	defer cancel()
	cmd := exec.CommandContext(ctx, e.Runtime, args...)
	cmd.Env, cmd.WaitDelay = e.runtimeEnviron(os.Environ()), time.Second
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		err = fmt.Errorf("%s %s: %w", e.Runtime, args[0], err)
		if text := strings.Join(strings.Fields(said.String()), " "); text != "" {
			err = fmt.Errorf("%w: %.200s", err, text)
		}
		return "", err
	}
	return out.String(), nil
}

// daemonVariables are those by which docker and podman find their daemon: a container of another one is not found without them. A server's
// docker is given the first three (launch.Commands), and so is the one that looks for its container.
var daemonVariables = []string{"DOCKER_HOST", "DOCKER_CONTEXT", "XDG_RUNTIME_DIR",
	"DOCKER_CONFIG", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH", "CONTAINER_HOST", "CONTAINER_CONNECTION"}

// amongst says that a variable, NAME=value, is one of these.
func amongst(variable string, these []string) bool {
	name, _, _ := strings.Cut(variable, "=")
	return slices.Contains(these, name)
}

// daemonOf are those that a server's docker is given, of an environment; never nil.
func daemonOf(environ []string) []string {
	return slices.DeleteFunc(append([]string{}, environ...), func(v string) bool { return !amongst(v, daemonVariables[:3]) })
}

// runtimeEnviron is this process's environment with the variables that name the daemon as they were then.
func (e *Entry) runtimeEnviron(environ []string) []string {
	if e.RuntimeEnv == nil {
		return environ
	}
	return append(slices.DeleteFunc(slices.Clone(environ), func(v string) bool { return amongst(v, daemonVariables) }), e.RuntimeEnv...)
}

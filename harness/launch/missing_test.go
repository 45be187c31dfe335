package launch

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/config"
)

// saying is a docker that says this, in the words of the shell.
func saying(t *testing.T, says string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "docker")
	require.NoError(t, os.WriteFile(path, []byte("#!/bin/sh\n"+says+"\n"), 0o755))
	return path
}

// of are the commands of a kind that is started by this docker.
func of(t *testing.T, kind, docker string, env map[string]string) []Command {
	t.Helper()
	with := map[string]string{"HF_HOME": t.TempDir()}
	maps.Copy(with, env)
	at := place(docker, with)
	at.Kind = kind
	commands, _, err := Commands(kindOf(t, kind).Launch, launched(), at)
	require.NoError(t, err)
	return commands
}

// What a start would lack is told before it, each once and in a line with what to do.
func TestMissing(t *testing.T) {
	const image = "vllm/vllm-openai:v0.31.0"
	here, _ := fakeDocker(t, true, image)
	both := append(of(t, "vllm", here, nil), of(t, "vllm-fs", here, nil)...)
	require.NoError(t, Missing(t.Context(), both))

	none, lines := fakeDocker(t, true)
	both = append(of(t, "vllm", none, nil), of(t, "vllm-fs", none, nil)...)
	require.EqualError(t, Missing(t.Context(), both), "servers/vllm.yaml: the image "+image+" is not here (docker image inspect: Error: No such image: "+image+"): docker pull "+image)
	assert.Len(t, lines(), 1, "asked once")
	err := Missing(t.Context(), append(both, of(t, "dynamo-kvbm", none, nil)...))
	require.ErrorContains(t, err, "\nservers/dynamo-kvbm.yaml: the image nvcr.io/nvidia/ai-dynamo/tensorrtllm-runtime:1.4.2 is not here")
	assert.Equal(t, 1, strings.Count(err.Error(), "\n"), "the frontend's is the same")

	// A daemon that is down, or may not be asked, is no image that is missing.
	for says, want := range map[string]string{
		"echo 'Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?' >&2; exit 1": "Cannot connect to the Docker daemon",
		"echo 'permission denied while trying to connect to the Docker daemon socket' >&2; exit 1":                             "permission denied while trying",
		"exit 5": "exit status 5",
	} {
		docker := saying(t, says)
		err := Missing(t.Context(), append(of(t, "vllm", docker, nil), of(t, "dynamo-kvbm", docker, nil)...))
		require.ErrorContains(t, err, "servers/vllm.yaml: docker cannot be asked for the image "+image+" (docker image inspect: "+want)
		require.ErrorContains(t, err, "): start its daemon (systemctl start docker), or let this user ask it (group docker)")
		assert.NotContains(t, err.Error(), "docker pull")
		assert.NotContains(t, err.Error(), "\n", "told once")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, Missing(ctx, of(t, "vllm", saying(t, "sleep 60"), nil)), context.Canceled)

	err = Missing(t.Context(), of(t, "vllm", saying(t, "echo s390x"), nil))
	require.ErrorContains(t, err, "servers/vllm.yaml: the image "+image+" is of architecture s390x, and this machine is ")
	require.ErrorContains(t, err, ": docker pull --platform linux/")

	// docker is asked as it will be to start: by the same daemon.
	docker := saying(t, `[ "$DOCKER_HOST" = tcp://127.0.0.1:1 ] || { echo "another daemon: $DOCKER_HOST" >&2; exit 1; }`)
	require.NoError(t, Missing(t.Context(), of(t, "vllm", docker, map[string]string{"DOCKER_HOST": "tcp://127.0.0.1:1"})))
}

// A folder that docker would make as root's is asked for before a start, each once.
func TestMissingFolder(t *testing.T) {
	docker := saying(t, "exit 0")
	gone := filepath.Join(t.TempDir(), "hf")
	env := map[string]string{"HF_HOME": gone}
	commands := append(of(t, "vllm", docker, env), of(t, "dynamo-kvbm", docker, env)...)
	require.EqualError(t, Missing(t.Context(), commands), "servers/vllm.yaml: the folder "+gone+" is not here, and docker would make it as root's: mkdir -p "+gone+
		", or set HF_HOME to the one that is meant")
	assert.NoDirExists(t, gone)
	require.NoError(t, os.WriteFile(gone, nil, 0o600))
	require.EqualError(t, Missing(t.Context(), commands), "servers/vllm.yaml: "+gone+" is no folder: set HF_HOME to the one that is meant")
	require.NoError(t, os.Remove(gone))
	require.NoError(t, os.Mkdir(gone, 0o755))
	require.NoError(t, Missing(t.Context(), commands))
}

// A program that is not there is told with the file that names it, and by which variable another one is named.
func TestMissingProgram(t *testing.T) {
	gone := filepath.Join(t.TempDir(), "sparkharness")
	at := Place{Kind: "sim-trtllm", Host: "127.0.0.1", Port: 1, Root: "/repo", Configs: "/c", ModelName: "L8B", Getenv: environment(map[string]string{"SPARKHARNESS_BIN": gone})}
	commands, _, err := Commands(kindOf(t, "sim-trtllm").Launch, &config.Launched{StackFile: "s.yaml"}, at)
	require.NoError(t, err)
	commands = append(commands, commands...)
	require.EqualError(t, Missing(t.Context(), commands), fmt.Sprintf("servers/sim-trtllm.yaml: launch.process.command: exec: %q: stat %s: no such file or directory: "+
		"build or install it, or correct the file, or set SPARKHARNESS_BIN to its path", gone, gone))
	require.NoError(t, os.WriteFile(gone, []byte("#!/bin/sh\n"), 0o644))
	require.ErrorContains(t, Missing(t.Context(), commands), "permission denied")
	require.NoError(t, os.Chmod(gone, 0o755))
	require.NoError(t, Missing(t.Context(), commands))

	l := script("sh", "-c", "exit")
	l.Beside = map[string]config.Part{"frontend": {Process: &config.Process{Command: []string{"no-such-program"}}}}
	commands, _, err = Commands(l, &config.Launched{}, Place{Kind: "two", Getenv: environment(nil)})
	require.NoError(t, err)
	require.EqualError(t, Missing(t.Context(), commands), `servers/two.yaml: launch.beside.frontend.process.command: exec: "no-such-program": executable file not found in $PATH: `+
		"build or install it, or correct the file")
}

package restore

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A container is removed by its label alone; a runtime that does not answer leaves the entry for the next start.
func TestContainers(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	script := "#!/bin/sh\necho \"$@\" >>" + dir + "/said\ncase $1 in ps) cat " + dir + "/there;; esac\n[ ! -e " + dir + "/broken ]\n"
	require.NoError(t, os.WriteFile(dir+"/docker", []byte(script), 0o755))
	e := Entry{Kind: Container, What: "vllm", Runtime: "docker", Token: "abc"}
	put(t, dir+"/there", "")
	told, left := swept(t, "/", deadOwner(), "", e)
	assert.Empty(t, told)
	assert.Empty(t, left)
	said, err := os.ReadFile(dir + "/said")
	require.NoError(t, err)
	asked := "ps --all --quiet --no-trunc --filter label=sparkharness.started=abc\n"
	assert.Equal(t, asked+asked, string(said), "once more a while later: it may have been about to be made")
	require.NoError(t, os.Remove(dir+"/said"))
	put(t, dir+"/there", "0123456789abcdef\n")
	told, left = swept(t, "/", deadOwner(), "", e)
	assert.Contains(t, told, "restored: container 0123456789ab removed (vllm)")
	assert.Empty(t, left)
	said, err = os.ReadFile(dir + "/said")
	require.NoError(t, err)
	assert.Equal(t, asked+"rm --force --volumes 0123456789abcdef\n", string(said))

	// The runtime removes it by itself meanwhile.
	busy := strings.Replace(script, "esac", "rm) rm "+dir+"/there; touch "+dir+"/there; echo 'removal of container x is already in progress' >&2; exit 1;; esac", 1)
	require.NoError(t, os.WriteFile(dir+"/docker", []byte(busy), 0o755))
	told, left = swept(t, "/", deadOwner(), "", e)
	assert.Contains(t, told, "restored: container 0123456789ab removed (vllm)")
	assert.Empty(t, left)
	require.NoError(t, os.WriteFile(dir+"/docker", []byte(script), 0o755))

	put(t, dir+"/broken", "")
	told, left = swept(t, "/", deadOwner(), "", e)
	assert.Contains(t, told, "not restored: vllm, which")
	assert.Equal(t, []string{"7-x.jsonl"}, left)
}

// Where the runtime is gone for good, the line says how to get on.
func TestContainersWithoutARuntime(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	dir := filepath.Join(t.TempDir(), "state")
	j, err := Open(dir, io.Discard)
	require.NoError(t, err)
	e := Entry{Kind: Container, What: "container x", Token: "abc", Runtime: "docker"}
	owner := deadOwner()
	require.NoError(t, j.append(line{Event: eventBegun, Owner: &owner}))
	require.NoError(t, j.append(line{Event: eventDoing, ID: 1, Entry: &e}))
	require.NoError(t, errors.Join(j.f.Close(), j.lock.Release())) // as one that was killed
	again, err := Open(dir, io.Discard)
	require.NoError(t, err)
	require.Len(t, again.Left, 1)
	want := `: look for its container: docker ps: exec: "docker": executable file not found in $PATH: left as it is; ` +
		"mend that and start again, or undo it by hand and remove " + j.path
	assert.True(t, strings.HasSuffix(again.Left[0], want), again.Left[0])
	require.NoError(t, again.Close())
	require.NoError(t, os.Remove(j.path))
	again, err = Open(dir, io.Discard)
	require.NoError(t, err)
	assert.Empty(t, again.Left, "as the line has said")
	require.NoError(t, again.Close())
}

// A container is looked for with the daemon that it was started on, whatever the next start's environment names.
func TestContainersOfAnotherDaemon(t *testing.T) {
	dir := t.TempDir()
	script := "#!/bin/sh\necho \"$1 of $DOCKER_HOST\" >>" + dir + "/said\ncase $1 in ps) [ \"$DOCKER_HOST\" = unix:///there ] && echo 0123456789abcdef;; esac\nexit 0\n"
	require.NoError(t, os.WriteFile(dir+"/docker", []byte(script), 0o755))
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	t.Setenv("DOCKER_HOST", "unix:///there")
	e := Entry{Kind: Container, What: "vllm", Runtime: "docker", Token: "abc", RuntimeEnv: daemonOf(os.Environ())}
	assert.Contains(t, e.RuntimeEnv, "DOCKER_HOST=unix:///there")
	for _, now := range []string{"unix:///elsewhere", ""} {
		t.Setenv("DOCKER_HOST", now)
		told, left := swept(t, "/", deadOwner(), "", e)
		assert.Contains(t, told, "restored: container 0123456789ab removed (vllm)")
		assert.Empty(t, left)
	}
	e.RuntimeEnv = []string{} // it was the usual one
	t.Setenv("DOCKER_HOST", "unix:///there")
	told, _ := swept(t, "/", deadOwner(), "", e)
	assert.Empty(t, told)

	t.Setenv("DOCKER_HOST", "unix:///there")
	j, err := Open(filepath.Join(t.TempDir(), "state"), io.Discard)
	require.NoError(t, err)
	undo, err := j.Do(Entry{Kind: Container, What: "vllm", Runtime: "docker"}, func(*Note) error { return nil }, nil)
	require.NoError(t, err)
	t.Setenv("DOCKER_HOST", "unix:///elsewhere")
	require.NoError(t, os.Remove(dir+"/said"))
	require.NoError(t, undo(t.Context()))
	said, err := os.ReadFile(dir + "/said")
	require.NoError(t, err)
	assert.Equal(t, "ps of unix:///there\nrm of unix:///there\n", string(said))
	require.NoError(t, j.Close())
}

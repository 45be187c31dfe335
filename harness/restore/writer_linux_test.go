package restore

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// nobody is a user who has no more rights than others.
const nobody = 65534

// asNobody does something with the rights that nobody has on files; what is started meanwhile has root's, as a daemon of containers has.
func asNobody(do func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		_, _, _ = syscall.RawSyscall(syscall.SYS_SETFSUID, nobody, 0, 0)
		do()
	}()
	<-done
}

// written is a folder of nobody's, in which a container has written as root, and the journal that knows of it.
func written(t *testing.T, by Writer) (j *Journal, dir string, undo Undo) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("LEFT OUT: files of another user: only root can make some")
	}
	j, below := opened(t)
	require.NoError(t, os.Chmod(filepath.Dir(below), 0o755))
	require.NoError(t, os.Chown(below, nobody, nobody))
	asNobody(func() {
		var err error
		dir, undo, err = j.Folder(below, "tier2-B", by)
		assert.NoError(t, err)
	})
	require.NotEmpty(t, dir)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) }) // nothing, unless it was to stay
	put(t, filepath.Join(dir, "-m", "0"), "stored")
	put(t, filepath.Join(dir, "n", "0"), "stored")
	return j, dir, undo
}

// pretended is a docker on PATH that removes what a container would, and writes down what it was told.
func pretended(t *testing.T, then string) (told string) {
	t.Helper()
	dir := filepath.Dir(t.TempDir())
	require.NoError(t, os.Chmod(dir, 0o755))
	told = filepath.Join(dir, "told")
	script := `#!/bin/sh
echo "$@" >> ` + told + `
while [ "$1" != --volume ]; do shift; done
from=${2%:/x}
while [ "$1" != -- ]; do shift; done
shift
` + then + "\n"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "docker"), []byte(script), 0o755))
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	return told
}

const removes = `for at in "$@"; do rm -rf -- "$from/${at#/x/}"; done`

// What a container has written as root is removed by a container of the same image, at the end of a run and, from the journal alone,
// by the next start of one that was killed.
func TestWhatAContainerWroteIsRemoved(t *testing.T) {
	for _, killed := range []bool{false, true} {
		told := pretended(t, removes)
		j, dir, undo := written(t, Writer{"docker", "vllm/vllm-openai:v1"})
		asNobody(func() {
			assert.ErrorContains(t, os.RemoveAll(filepath.Join(dir, "n")), "permission denied", "this user cannot")
		})
		l, err := readJournal(j.path)
		require.NoError(t, err)
		asNobody(func() {
			if !killed {
				assert.NoError(t, undo(t.Context()))
				return
			}
			did, err := l.entries[0].bounded("/", true)
			assert.NoError(t, err)
			assert.Equal(t, dir+" removed", did)
		})
		assert.NoDirExists(t, dir)
		said, err := os.ReadFile(told)
		require.NoError(t, err)
		token := l.entries[0].Token
		assert.Equal(t, "run --rm --pull never --network none --user 0:0 --label sparkharness.started="+token+" --volume "+dir+
			":/x --entrypoint rm vllm/vllm-openai:v1 -rf -- /x/-m /x/n\n", string(said), "once, and with nothing but the folder to see")
		require.NoError(t, os.Remove(told))
	}
}

// Where no container helps, the line says what removes the folder.
func TestWhatCannotBeRemovedIsTold(t *testing.T) {
	told := pretended(t, "echo no such image >&2; exit 125")
	for _, by := range []Writer{{}, {"docker", "vllm/vllm-openai:v1"}} {
		_, dir, undo := written(t, by)
		asNobody(func() {
			err := undo(t.Context())
			assert.ErrorContains(t, err, "permission denied")
			assert.True(t, err != nil && strings.HasSuffix(err.Error(), ": sudo rm -r "+dir), "%v", err)
			assert.NotContains(t, err.Error(), "\n")
			assert.Equal(t, by.Image != "", err != nil && strings.Contains(err.Error(), "a container of vllm/vllm-openai:v1 did not remove it: docker run: exit status 125: no such image"), "%v", err)
		})
		assert.DirExists(t, dir)
	}
	require.FileExists(t, told)
	assert.Equal(t, `'/nvme/my kv/it'\''s'`, quoted("/nvme/my kv/it's"))
}

// A container, which has root's rights, is given a folder only if that carries the entry's mark, and is the one that was looked at.
func TestContainerRemovesOnlyWhatIsOurs(t *testing.T) {
	for name, change := range map[string]func(t *testing.T, dir string){
		"no mark":      func(t *testing.T, dir string) { require.NoError(t, os.Remove(filepath.Join(dir, mark))) },
		"torn mark":    func(t *testing.T, dir string) { require.NoError(t, os.WriteFile(filepath.Join(dir, mark), nil, 0o644)) },
		"another mark": func(t *testing.T, dir string) { put(t, filepath.Join(dir, mark), "another\n") },
		"a link": func(t *testing.T, dir string) {
			require.NoError(t, os.Rename(dir, dir+"-aside"))
			link(t, dir+"-aside", dir)
		},
	} {
		t.Run(name, func(t *testing.T) {
			told := pretended(t, removes)
			_, dir, undo := written(t, Writer{"docker", "vllm/vllm-openai:v1"})
			change(t, dir)
			asNobody(func() { assert.Error(t, undo(t.Context())) })
			assert.NoFileExists(t, told, "no container")
			assert.FileExists(t, filepath.Join(dir, "n", "0"))
		})
	}
	told := pretended(t, removes)
	j, dir, _ := written(t, Writer{"docker", "vllm/vllm-openai:v1"})
	opened, err := os.OpenRoot(dir)
	require.NoError(t, err)
	defer opened.Close()
	require.NoError(t, os.Rename(dir, dir+"-aside"))
	link(t, dir+"-aside", dir)
	require.ErrorContains(t, j.open[0].entry.emptyByContainer(t.Context(), opened), "is another one by now")
	assert.NoFileExists(t, told)
}

func TestImageIsNoFlag(t *testing.T) {
	j, err := Open(filepath.Join(t.TempDir(), "state"), &bytes.Buffer{})
	require.NoError(t, err)
	below := t.TempDir()
	_, _, err = j.Folder(below, "x", Writer{"docker", "--privileged"})
	require.ErrorContains(t, err, `image "--privileged" would be taken for a flag`)
	_, _, err = j.Folder(below, "x", Writer{"rm", "image"})
	require.ErrorContains(t, err, "must be docker or podman")
	assert.Empty(t, names(t, below))
	require.NoError(t, j.Close())
}

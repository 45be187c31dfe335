package telemetry

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestKernelFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "stat")
	k := kernelFile{path: path}
	_, err := k.read()
	require.ErrorIs(t, err, os.ErrNotExist)

	long := strings.Repeat("0123456789abcdef", 1000)
	for _, text := range []string{"first\n", long, "longer\n", "sh\n"} {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
		got, err := k.read()
		require.NoError(t, err)
		assert.Equal(t, text, string(got), "what stands there now")
	}

	require.NoError(t, k.close())
	require.NoError(t, k.close(), "twice")
	require.NoError(t, os.WriteFile(path, []byte("again\n"), 0o644))
	got, err := k.read()
	require.NoError(t, err)
	assert.Equal(t, "again\n", string(got))
}

// A file that was replaced after it had been emptied is found by its path.
func TestKernelFileReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "stat")
	require.NoError(t, os.WriteFile(path, []byte("old\n"), 0o644))
	k := kernelFile{path: path}
	_, err := k.read()
	require.NoError(t, err)
	require.NoError(t, os.Truncate(path, 0))
	require.NoError(t, os.Remove(path))
	_, err = k.read()
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NoError(t, os.WriteFile(path, []byte("new\n"), 0o644))
	got, err := k.read()
	require.NoError(t, err)
	assert.Equal(t, "new\n", string(got))
	require.NoError(t, k.close())
}

// The kernel's own files give less than was asked for before they end, and read anew from offset 0.
func TestKernelFileOfTheKernel(t *testing.T) {
	k := kernelFile{path: "/proc/self/maps"}
	got, err := k.read()
	if err != nil {
		t.Skip("no /proc:", err)
	}
	assert.Equal(t, byte('\n'), got[len(got)-1])
	first := len(got)
	want, err := os.ReadFile(k.path)
	require.NoError(t, err)
	got, err = k.read()
	require.NoError(t, err)
	assert.InDelta(t, len(want), len(got), float64(first)/2, "the whole text")
	require.NoError(t, k.close())
}

func TestKernelFileTooLong(t *testing.T) {
	path := filepath.Join(t.TempDir(), "stat")
	require.NoError(t, os.WriteFile(path, make([]byte, maxKernelFile+1), 0o644))
	k := kernelFile{path: path}
	_, err := k.read()
	require.ErrorIs(t, err, errKernelFileTooLong)
}

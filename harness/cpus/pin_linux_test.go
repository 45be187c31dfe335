package cpus

import (
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParse(t *testing.T) {
	got, err := Parse("0-2,5,7-7")
	require.NoError(t, err)
	assert.Equal(t, []int{0, 1, 2, 5, 7}, got)
	for _, bad := range []string{"", "a", "3-1", "1,1", "2,1", "-1", "0-", "1024", "0 1", "0,,1"} {
		_, err := Parse(bad)
		require.ErrorContains(t, err, "is no list of CPUs", bad)
	}
}

func TestList(t *testing.T) {
	for _, text := range []string{"0", "0-1", "0-2,5,7-8", "1,3,5"} {
		cpus, err := Parse(text)
		require.NoError(t, err)
		assert.Equal(t, text, list(cpus))
	}
	assert.Empty(t, list(nil))
}

var allowed = regexp.MustCompile(`Cpus_allowed_list:\s*(\S+)`)

// status is where a process may run, by /proc/PATH/status.
func status(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile("/proc/" + path + "/status")
	require.NoError(t, err)
	return allowed.FindStringSubmatch(string(text))[1]
}

// All threads are kept, also those that start later; a child that is started elsewhere has the others.
func TestPin(t *testing.T) {
	before, threads := status(t, "self"), runtime.GOMAXPROCS(0)
	first, _, _ := strings.Cut(strings.ReplaceAll(before, "-", ","), ",")
	undo, err := Pin(first)
	require.NoError(t, err)
	assert.Equal(t, 1, runtime.GOMAXPROCS(0))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			runtime.LockOSThread() // a thread of its own, which ends with the goroutine
			_ = os.Getpid()
		})
	}
	wg.Wait()
	tasks, err := os.ReadDir("/proc/self/task")
	require.NoError(t, err)
	for _, task := range tasks {
		if _, err := os.Stat("/proc/self/task/" + task.Name()); err == nil {
			assert.Equal(t, first, status(t, "self/task/"+task.Name()), task.Name())
		}
	}
	child := func() string {
		out, err := exec.Command("cat", "/proc/self/status").Output()
		require.NoError(t, err)
		return allowed.FindStringSubmatch(string(out))[1]
	}
	assert.Equal(t, first, child())
	var elsewhere string
	require.NoError(t, Elsewhere(func() error { elsewhere = child(); return nil }))
	all, err := Parse(before)
	require.NoError(t, err)
	want := list(all[1:])
	if want == "" {
		want = before // there is no other
	}
	assert.Equal(t, want, elsewhere)
	assert.NotContains(t, strings.Split(Others(), ","), first)
	assert.Equal(t, first, child(), "and the thread is back")
	assert.Panics(t, func() { _ = Elsewhere(func() error { panic("a start") }) })
	runtime.LockOSThread()
	assert.Equal(t, first, child(), "after a panic, too")
	runtime.UnlockOSThread()
	require.NoError(t, undo())
	assert.Empty(t, Others())
	require.NoError(t, Elsewhere(func() error { elsewhere = child(); return nil }))
	assert.Equal(t, before, elsewhere, "not pinned any more")
	assert.Equal(t, before, status(t, "self"))
	assert.Equal(t, threads, runtime.GOMAXPROCS(0))

	_, err = Pin("1023")
	require.ErrorContains(t, err, "CPU 1023 of 1023 is not one that this process may use")
}

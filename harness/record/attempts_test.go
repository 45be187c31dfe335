package record

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// logged is a log of two attempts.
func logged(t *testing.T) (dir, path string) {
	t.Helper()
	dir = t.TempDir()
	for range 2 {
		l, err := OpenLog(dir)
		require.NoError(t, err)
		for _, event := range []string{EventBegin, EventPlan, EventEnd} {
			require.NoError(t, l.Append(Attempt{Event: event}))
		}
		require.NoError(t, l.Close())
	}
	return dir, filepath.Join(dir, FileAttempts)
}

func TestLogGoesOn(t *testing.T) {
	dir, _ := logged(t)
	a, err := readAttempts(dir)
	require.NoError(t, err)
	require.Len(t, a.lines, 6)
	assert.Equal(t, []int{1, 1, 1, 2, 2, 2}, []int{a.lines[0].Attempt, a.lines[1].Attempt, a.lines[2].Attempt, a.lines[3].Attempt, a.lines[4].Attempt, a.lines[5].Attempt})
	none, err := readAttempts(t.TempDir())
	require.NoError(t, err)
	assert.Empty(t, none.lines)
}

// Whatever is done to lines that others follow shows in those.
func TestLogShowsWhatWasDoneToIt(t *testing.T) {
	for name, edit := range map[string]func(lines []string) []string{
		"a line gone":             func(l []string) []string { return append(l[:2:2], l[3:]...) },
		"first line gone":         func(l []string) []string { return l[1:] },
		"two lines exchanged":     func(l []string) []string { l[2], l[3] = l[3], l[2]; return l },
		"a line twice":            func(l []string) []string { return append(l[:2:2], l[1:]...) },
		"a line edited":           func(l []string) []string { l[1] = strings.Replace(l[1], "plan", "clan", 1); return l },
		"a line that is none":     func(l []string) []string { l[1] = "{\n"; return l },
		"an empty line put in":    func(l []string) []string { return append([]string{l[0], "\n"}, l[1:]...) },
		"two lines that are none": func(l []string) []string { l[1], l[2] = "x\n", "y\n"; return l },
	} {
		t.Run(name, func(t *testing.T) {
			dir, path := logged(t)
			b, err := os.ReadFile(path)
			require.NoError(t, err)
			lines := edit(strings.SplitAfter(strings.TrimSuffix(string(b), "\n"), "\n"))
			require.NoError(t, os.WriteFile(path, []byte(strings.Join(lines, "")+"\n"), 0o644))
			_, err = readAttempts(dir)
			var damage *DamageError
			require.ErrorAs(t, err, &damage)
			assert.Equal(t, path, damage.Path)
		})
	}
}

// A crash may cut a line off; the log goes on behind it and says so.
func TestLogAfterACrash(t *testing.T) {
	dir, path := logged(t)
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, b[:len(b)-9], 0o644))
	a, err := readAttempts(dir)
	require.NoError(t, err)
	assert.True(t, a.torn)
	assert.Len(t, a.lines, 5)
	l, err := OpenLog(dir)
	require.NoError(t, err)
	require.NoError(t, l.Append(Attempt{Event: EventBegin}))
	require.NoError(t, l.Append(Attempt{Event: EventEnd}))
	require.NoError(t, l.Close())
	a, err = readAttempts(dir)
	require.NoError(t, err)
	require.Len(t, a.lines, 7)
	assert.Equal(t, []bool{true, false}, []bool{a.lines[5].Torn, a.lines[6].Torn})
	assert.Equal(t, 3, a.lines[6].Attempt)
}

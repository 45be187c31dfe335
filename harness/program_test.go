package harness

import (
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What measures and what judges are told apart, and tests of either are neither.
func TestProgramIsItsSources(t *testing.T) {
	text := func(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }
	root := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(root, "go.sum"), []byte("a v1\n"), 0o644))
	files := func() (rooms, rules fstest.MapFS) {
		return fstest.MapFS{"sim/nvme.go": text("one"), "sim/nvme_test.go": text("one"), "rig/simrig/rig.go": text("one"), "gate/errors.go": text("one"), "rates/kept.go": text("one"),
			"stats/dist.go": text("one"), "doctor/check.go": text("one"), "looks.go": text("one")}, fstest.MapFS{"h0_queue_knee_test.go": text("one")}
	}
	rooms, rules := files()
	before, err := identify(rooms, rules, root)
	require.NoError(t, err)
	assert.Len(t, before.Measures, 64)
	assert.Len(t, before.Judges, 64)
	for _, tc := range []struct {
		file             string
		measures, judges bool
	}{
		{"sim/nvme.go", true, false}, {"rig/simrig/rig.go", true, false}, {"sim/nvme_test.go", false, false}, {"gate/errors.go", false, true}, {"rates/kept.go", false, true},
		{"stats/dist.go", false, true}, {"doctor/check.go", false, false}, {"looks.go", false, true}, {"h0_queue_knee_test.go", false, true},
	} {
		rooms, rules := files()
		if rules[tc.file] != nil {
			rules[tc.file] = text("two")
		} else {
			rooms[tc.file] = text("two")
		}
		after, err := identify(rooms, rules, root)
		require.NoError(t, err)
		assert.Equal(t, []bool{tc.measures, tc.judges}, []bool{after.Measures != before.Measures, after.Judges != before.Judges}, tc.file)
	}
	require.NoError(t, os.WriteFile(filepath.Join(root, "go.sum"), []byte("a v2\n"), 0o644))
	after, err := identify(rooms, rules, root)
	require.NoError(t, err)
	assert.NotEqual(t, before.Measures, after.Measures, "another version of a dependency")
}

// Every room is compiled into the sum: one whose sources are not would change without a trace.
func TestProgramKnowsEveryRoom(t *testing.T) {
	seen := map[string]bool{}
	require.NoError(t, filepath.WalkDir(".", func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".go" {
			return err
		}
		if dir := filepath.ToSlash(filepath.Dir(path)); dir != "cmd/sparkharness" && dir != "cmd/mutants" {
			want, err := os.ReadFile(path)
			require.NoError(t, err)
			got, err := sources.ReadFile(filepath.ToSlash(path))
			require.NoError(t, err)
			assert.Equal(t, string(want), string(got))
			seen[dir] = true
		}
		return nil
	}))
	for _, room := range judging {
		assert.True(t, seen[room], room)
	}
}

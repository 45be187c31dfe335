package fio

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// realFio is the path of fio, or skips the test.
func realFio(t *testing.T) string {
	path, err := exec.LookPath("fio")
	if errors.Is(err, exec.ErrNotFound) {
		t.Skip("fio is not installed here")
	}
	require.NoError(t, err)
	return path
}

// What this package accepts, fio accepts: the committed files and every accepted form of this test.
func TestRealFioParses(t *testing.T) {
	bin := realFio(t)
	files, err := filepath.Glob(configs + "/*.fio")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	dir := t.TempDir()
	for name, tt := range good {
		path := filepath.Join(dir, strings.ReplaceAll(name, " ", "_"))
		require.NoError(t, os.WriteFile(path, []byte(tt.text), 0o644))
		files = append(files, path)
	}
	parses := func(files ...string) ([]byte, error) {
		return exec.Command(bin, append([]string{"--parse-only"}, files...)...).CombinedOutput()
	}
	bad := filepath.Join(dir, "bad.fio")
	require.NoError(t, os.WriteFile(bad, []byte("[a]\nBS=4k\n"), 0o644))
	_, err = parses(append(files[:len(files):len(files)], bad)...)
	require.Error(t, err, "one bad file among many shows")
	if _, err := parses(files...); err == nil {
		return
	}
	for _, f := range files {
		out, err := parses(f)
		assert.NoError(t, err, "%s: %s", f, out)
	}
}

// A refused or accepted option that fio does not know would be a slip of the pen.
func TestRealFioKnowsTheOptions(t *testing.T) {
	bin := realFio(t)
	help, err := exec.Command(bin, "--cmdhelp=all").Output()
	require.NoError(t, err)
	listed := map[string]bool{}
	for line := range strings.Lines(string(help)) {
		name, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		listed[strings.TrimSuffix(name, ":")] = true
	}
	knows := func(name string) bool {
		if listed[name] {
			return true
		}
		for _, engine := range []string{"psync", "libaio", "io_uring"} { // second names and those of an engine are not listed
			path := filepath.Join(t.TempDir(), "j.fio")
			require.NoError(t, os.WriteFile(path, []byte("[a]\nsize=1m\nioengine="+engine+"\n"+name+"\n"), 0o644))
			if out, _ := exec.Command(bin, "--parse-only", path).CombinedOutput(); !strings.Contains(string(out), "Bad option") {
				return true
			}
		}
		return false
	}
	require.False(t, knows("no_such_option"))
	for name := range options {
		assert.True(t, knows(name), name)
	}
	for alias := range aliases {
		assert.True(t, knows(alias), alias)
	}
	for name := range refused {
		if name != "include" { // a directive, not an option
			assert.True(t, knows(name), name)
		}
	}
	version, err := exec.Command(bin, "--version").Output()
	require.NoError(t, err)
	if strings.TrimSpace(string(version)) != "fio-3.33" {
		return // a later one may know more
	}
	for name := range listed {
		_, accepted := options[name]
		assert.True(t, accepted || refused[name] != "" || aliases[name] != "", "fio knows %q, and it would be called unknown", name)
	}
}

package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// tree is a checkout of a small module with one test and a list of faults.
func tree(t *testing.T, test string) string {
	t.Helper()
	if testing.Short() {
		t.Skip("compiles: left out with -short")
	}
	root := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":         "module sparkharness\n\ngo 1.26\n",
		"harness/a/a.go": "package a\n\n// Twice doubles.\nfunc Twice(n int) int { return 2 * n }\n\n// Odd says so.\nfunc Odd(n int) bool { return n%2 == 1 }\n",
		"harness/a/a_test.go": "package a\n\nimport (\n\t\"os\"\n\t\"testing\"\n)\n\nvar _ = os.Remove\n\n" + test +
			"\n\nfunc TestGoldenTwice(t *testing.T) {\n\tif Odd(3) != true {\n\t\tt.Fatal()\n\t}\n}\n",
		"fixtures/mutants/list.yaml": `
- {name: seen, func: Twice, find: "2 * n", replace: "3 * n"}
- {name: unseen, func: Odd, find: "n%2 == 1", replace: "n%2 != 1"}
- {name: no_program, func: Twice, find: "2 * n", replace: "two * n"}
`,
	} {
		path := filepath.Join(root, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
	cmd := exec.Command("git", "init", "-q")
	cmd.Dir = root
	require.NoError(t, cmd.Run())
	return root
}

func resultOf(t *testing.T, results, name string) (r result) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(results, name+".json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(b, &r))
	return r
}

// A fault is noticed by a test that fails; not by a golden, and not where the program does not compile.
func TestFaults(t *testing.T) {
	root := tree(t, "func TestTwice(t *testing.T) {\n\tif Twice(2) != 4 {\n\t\tt.Fatal()\n\t}\n}")
	results := t.TempDir()
	ok, err := try(root, results, "", 2, false)
	require.NoError(t, err)
	assert.False(t, ok, "one is not noticed, and one is none")
	seen, unseen, none := resultOf(t, results, "seen"), resultOf(t, results, "unseen"), resultOf(t, results, "no_program")
	assert.Equal(t, []any{true, "harness/a TestTwice", ""}, []any{seen.Noticed, seen.By, seen.Error})
	assert.Equal(t, []any{false, "", ""}, []any{unseen.Noticed, unseen.By, unseen.Error})
	assert.False(t, none.Noticed)
	assert.Contains(t, none.Error, "does not pass go vet")
	left, err := filepath.Glob(filepath.Join(results, "tree-*"))
	require.NoError(t, err)
	assert.Empty(t, left)

	ok, err = try(root, results, "^seen$", 1, false)
	require.NoError(t, err)
	assert.True(t, ok)
}

// A test that fails now and then has not noticed anything.
func TestFlakyTestNoticesNothing(t *testing.T) {
	mark := filepath.Join(t.TempDir(), "mark")
	require.NoError(t, os.WriteFile(mark, nil, 0o644))
	root := tree(t, "func TestTwice(t *testing.T) {\n\tif Twice(2) != 4 && os.Remove(\""+mark+"\") == nil {\n\t\tt.Fatal()\n\t}\n}")
	results := t.TempDir()
	_, err := try(root, results, "^seen$", 1, false)
	require.NoError(t, err)
	assert.False(t, resultOf(t, results, "seen").Noticed)
	assert.NoFileExists(t, mark)
}

// Where a test fails without a fault, or ends without saying which failed, nothing is known of any.
func TestUnsoundTreeIsRefused(t *testing.T) {
	results := t.TempDir()
	_, err := try(tree(t, "func TestTwice(t *testing.T) { t.Fatal() }"), results, "", 1, false)
	require.ErrorContains(t, err, "without a fault, TestTwice of sparkharness/harness/a fails already")

	_, err = try(tree(t, "func TestTwice(t *testing.T) {\n\tif Twice(2) != 4 {\n\t\tos.Exit(1)\n\t}\n}"), results, "^seen$", 1, false)
	require.NoError(t, err)
	got := resultOf(t, results, "seen")
	assert.False(t, got.Noticed)
	assert.Contains(t, got.Error, "ended without a test that fails")
}

// What is not understood is refused, instead of trying other faults than were meant, or none.
func TestArgumentsAreRefused(t *testing.T) {
	require.NoError(t, noArguments(nil))
	require.EqualError(t, noArguments([]string{"foo", "-only", "x"}),
		`"foo" is no flag, and flags behind it are not read: a switch takes its value with = (-check=false)`)

	_, err := try("../../..", t.TempDir(), "^no such fault$", 2, true)
	require.ErrorContains(t, err, "-only ^no such fault$ matches no name and no area of the ")
	for _, jobs := range []int{-4, 0, maxJobs + 1} {
		_, err = try("../../..", t.TempDir(), "^gates$", jobs, true)
		require.ErrorContains(t, err, "is needed")
	}
	ok, err := try("../../..", t.TempDir(), "^gates$", 1, true)
	require.NoError(t, err)
	require.True(t, ok)
}

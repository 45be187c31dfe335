package harness_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var link = regexp.MustCompile(`\]\(([^)]+)\)`)

// documents are the texts in the tree, as paths from the root.
func documents(t *testing.T) []string {
	t.Helper()
	var out []string
	require.NoError(t, fs.WalkDir(os.DirFS(".."), ".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != "." && (strings.HasPrefix(d.Name(), ".") || path == "results"):
			return fs.SkipDir
		case !d.IsDir() && filepath.Ext(path) == ".md":
			out = append(out, path)
		}
		return nil
	}))
	return out
}

// What a text links to, by a path relative to it, is there.
func TestLinksLeadSomewhere(t *testing.T) {
	links := map[string]int{}
	for _, doc := range documents(t) {
		b, err := os.ReadFile(filepath.Join("..", doc))
		require.NoError(t, err)
		for _, m := range link.FindAllStringSubmatch(string(b), -1) {
			to, _, _ := strings.Cut(m[1], "#")
			if strings.Contains(to, "://") || to == "" {
				continue
			}
			links[doc]++
			_, err := os.Stat(filepath.Join("..", filepath.Dir(doc), to))
			assert.NoError(t, err, doc)
		}
	}
	for _, doc := range []string{"README.md", "hypotheses/README.md"} {
		assert.NotZero(t, links[doc], "%s is not read, or links to nothing", doc)
	}
}

// The front door is read in five minutes.
func TestFrontDoorIsShort(t *testing.T) {
	b, err := os.ReadFile("../README.md")
	require.NoError(t, err)
	assert.LessOrEqual(t, len(b), 12_000)
}

// Each world is told of where worlds are listed.
func TestEveryWorldIsListed(t *testing.T) {
	b, err := os.ReadFile("sim/README.md")
	require.NoError(t, err)
	worlds, err := filepath.Glob("../configs/worlds/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, worlds)
	for _, file := range worlds {
		assert.True(t, strings.Contains(string(b), "`"+strings.TrimSuffix(filepath.Base(file), ".yaml")+"`"), "%s: sim/README.md does not tell of it", file)
	}
}

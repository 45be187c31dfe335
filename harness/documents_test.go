package harness_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// documents are the texts beside the code, in which links to files are kept true.
var documents = []string{"README.md", "hypotheses/README.md", "hypotheses/VALIDATION.md", "harness/sim/README.md", "harness/load/README.md"}

var link = regexp.MustCompile(`\]\(([^)]+)\)`)

// What a text links to is there.
func TestLinksLeadSomewhere(t *testing.T) {
	links := 0
	for _, doc := range documents {
		b, err := os.ReadFile(filepath.Join("..", doc))
		require.NoError(t, err)
		for _, m := range link.FindAllStringSubmatch(string(b), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			links++
			assert.FileExists(t, filepath.Join("..", filepath.Dir(doc), m[1]), doc)
		}
	}
	assert.NotZero(t, links)
}

// The front door is read in five minutes.
func TestFrontDoorIsShort(t *testing.T) {
	b, err := os.ReadFile("../README.md")
	require.NoError(t, err)
	assert.LessOrEqual(t, len(b), 12_000)
}

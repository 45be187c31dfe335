package rates

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// linesIn are the lines of a file of error rates.
func linesIn(t *testing.T, path string) []string {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	return strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")
}

// A process that was killed has left half a line: the run that it was of is run again, and its new line
// stands on a line of its own.
func TestErrorRatesTornLine(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "h2a.default.jsonl")
	p := &played{name: "program"}
	_, _ = ratesOf(t, p, dir, 1, 2)
	whole := linesIn(t, path)
	require.Len(t, whole, 2)
	for _, keep := range []int{1, 20, len(whole[1]) - 1, len(whole[1])} {
		t.Run(fmt.Sprint(keep, " bytes"), func(t *testing.T) {
			require.NoError(t, os.WriteFile(path, []byte(whole[0]+"\n"+whole[1][:keep]), 0o644))
			rates, _ := ratesOf(t, p, dir, 1, 2)
			assert.Len(t, p.ran, 1, "that of the torn line")
			assert.Zero(t, rates.Missing)
			lines := linesIn(t, path)
			require.Len(t, lines, 2)
			assert.Equal(t, whole[0], lines[0])
			_, _ = ratesOf(t, p, dir, 1, 2)
			assert.Empty(t, p.ran, "every line can be read again")
		})
	}
	require.NoError(t, os.WriteFile(path, []byte(whole[0][:9]), 0o644))
	_, _ = ratesOf(t, p, dir, 1, 2)
	assert.Len(t, p.ran, 2, "nothing but a torn line")
	require.Len(t, linesIn(t, path), 2)
}

// The repair cuts the torn line off and leaves all others as they are, byte by byte: a process that is killed
// in the middle of it loses none.
func TestErrorRatesRepairKeepsBytes(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "h2a.default.jsonl")
	const whole = "{\"hypothesis\":\"H2A\", \"world\":\"default\",\"seed\":1,\"outcome\":\"Supported\",\"note\":\"of a later version\"}\n"
	require.NoError(t, os.WriteFile(path, []byte(whole+whole[:30]), 0o644))
	before, err := os.Stat(path)
	require.NoError(t, err)
	_, err = linesOf(path, true)
	require.NoError(t, err)
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, whole, string(b))
	after, err := os.Stat(path)
	require.NoError(t, err)
	assert.True(t, os.SameFile(before, after), "the file is never away")
}

// A line in the middle that cannot be read is not thrown away.
func TestErrorRatesBrokenLine(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "h2a.default.jsonl")
	for _, line := range []string{"{\"hypothesis\":\n{}\n", "{\"hypothesis\":\"H2A\",\"outcome\":\"Bogus\"}\n"} {
		require.NoError(t, os.WriteFile(path, []byte(line), 0o644))
		_, err := linesOf(path, true)
		require.ErrorContains(t, err, "h2a.default.jsonl")
		require.ErrorContains(t, err, "move the file away to start anew")
	}
	none, err := linesOf(filepath.Join(dir, "h2a.swap_to_nvme.jsonl"), true)
	require.NoError(t, err)
	assert.Empty(t, none, "nothing is there yet")
}

package report

import (
	"strings"
	"testing"

	"sparkharness/harness/verdict"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// manyFactors is the sample with factors in its keys that no column knows of, and without some that are usual.
func manyFactors() *verdict.Judgement {
	r := sampleH2B()
	for i := range r.Rows {
		r.Rows[i].Cell = "stack=" + r.Rows[i].Stack + "/ctx=" + []string{"256", "512", "1024", "2048", "4096"}[i%5] + "/phase=cold/tier1=8GiB/policy=LFU/sessions=32"
	}
	return r
}

func TestTableTakesAnyFactors(t *testing.T) {
	s := tableOf(t, manyFactors())
	latency, below, _ := strings.Cut(s, "\nworkload\n")
	// The latency table leaves the key no room, the workload table does.
	assert.Contains(t, latency, "\nstack=B/ctx=4096/phase=cold/      312  3/0/12 ")
	assert.Contains(t, latency, "\ntier1=8GiB/policy=LFU/\nsessions=32\n")
	assert.Regexp(t, `\nstack=B/ctx=4096/phase=cold/tier1=8GiB/policy=LFU/sessions=32 +4,300 `, below)
	for line := range strings.SplitSeq(s, "\n") {
		assert.LessOrEqual(t, len([]rune(line)), 160, line)
	}
}

func TestTableBreaksAKeyOnlyAsFarAsItMust(t *testing.T) {
	r := manyFactors()
	r.Rows = r.Rows[9:]
	r.Rows[0].Cell += "/turns=8/reuse=0.75/workload=sessions/skew=1.1"
	_, below, _ := strings.Cut(tableOf(t, r), "\nworkload\n")
	lines := strings.Split(below, "\n")
	i := 0
	for !strings.HasPrefix(lines[i], "stack=B") {
		i++
	}
	key, _, _ := strings.Cut(lines[i], " ")
	assert.Greater(t, len(key), 2*cellWidth-10, "as much as there is room for")
	assert.Equal(t, r.Rows[0].Cell, key+lines[i+1], "in two lines, nothing lost")
	require.LessOrEqual(t, len(lines[i]), 160)
}

func TestIndexTakesAnyFactors(t *testing.T) {
	page := indexOf(t, map[string]*verdict.Judgement{"a": manyFactors()})
	assert.Contains(t, page, `<td class="left mono">stack=B/ctx=4096/phase=cold/<wbr>tier1=8GiB/policy=LFU/<wbr>sessions=32</td>`)
	assert.NotContains(t, indexOf(t, map[string]*verdict.Judgement{"a": sampleH2B()}), "<wbr>", "a short key has no break")
}

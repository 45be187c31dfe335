package report

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"sparkharness/harness/evidence"
	"sparkharness/harness/verdict"
)

// withStorage is the sample with bytes to and from storage in one of its rows.
func withStorage(server bool) *verdict.Judgement {
	r := sampleH2B()
	c := evidence.StorageColumns{NVMeWriteMBs: ptr(2.5), NVMeIdleReadMBs: ptr(0.03), NVMeIdleWriteMBs: ptr(0.16), NVMeReadBurst: ptr(3210),
		NVMeWriteBurst: ptr(77.7), NVMeIdleReadBurst: ptr(0.11), NVMeIdleWriteBurst: ptr(0.37)}
	if server {
		c.ServerReadMBs, c.ServerWriteMBs, c.ServerReadBurst, c.ServerWriteBurst = ptr(441), ptr(0), ptr(3200), ptr(0)
	}
	r.Rows[0].StorageColumns = c
	return r
}

func TestStorageTable(t *testing.T) {
	of := func(r *verdict.Judgement) string {
		_, s, found := strings.Cut(tableOf(t, r), "\nbytes to and from storage\n")
		if !found {
			return ""
		}
		s, _, _ = strings.Cut(s, "\n\nbytes")
		s, _, _ = strings.Cut(s, "\nverdict")
		return s
	}
	assert.Empty(t, of(sampleH2B()), "a read rate alone makes no table")
	s := of(withStorage(true))
	assert.Regexp(t, `(0\.03\d*)\) +3,210 \(0\.11\d*\) +2\.50 \(0\.16\d*\) +77\.7 \(0\.37\d*\) +441 +3,200 +0 +0\n`, s)
	assert.Contains(t, s, "server")
	assert.NotContains(t, of(withStorage(false)), "server", "not told is no column of zeros")
	for line := range strings.SplitSeq(tableOf(t, withStorage(true)), "\n") {
		assert.LessOrEqual(t, len([]rune(line)), 160, line)
	}
	page := indexOf(t, map[string]*verdict.Judgement{"a": withStorage(true)})
	for _, want := range []string{"Bytes to and from storage by cell", "NVMe write burst (idle), MB/s", "server read burst, MB/s", "3,210 (0.11"} {
		assert.Contains(t, page, want)
	}
	assert.NotContains(t, indexOf(t, map[string]*verdict.Judgement{"a": sampleH2B()}), "Bytes to and from storage")
}

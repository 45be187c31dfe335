package telemetry

import (
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/record"
)

const groupStat = "7:0 rbytes=4096 wbytes=0 rios=1 wios=0 dbytes=0 dios=0\n" +
	"259:0 rbytes=90430464 wbytes=299008000 rios=8950 wios=1252 dbytes=50331648 dios=3021\n"

// Of a server in a cgroup the watched device's line counts.
func TestServerInAGroup(t *testing.T) {
	dir := t.TempDir()
	write := func(text string) {
		t.Helper()
		require.NoError(t, os.WriteFile(filepath.Join(dir, "io.stat"), []byte(text), 0o644))
	}
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, t.TempDir())
		s.WatchGroup(dir, "259:0")
		untold := func(text, want string) {
			t.Helper()
			if text != "" {
				write(text)
			}
			got, err := sampleServer(t, s)
			require.ErrorIs(t, err, ErrUntold)
			assert.ErrorContains(t, err, want)
			assert.Equal(t, record.SysSample{}, got)
		}
		untold("", "has cgroup.subtree_control of its parent io?")
		untold("7:0 rbytes=4096 wbytes=0 rios=1 wios=0 dbytes=0 dios=0\n", `no line for the device "259:0"`)
		untold("1259:0 rbytes=4096 wbytes=0\n259:01 rbytes=1 wbytes=1\n\n", `no line for the device "259:0"`)
		write(groupStat)
		nothing(t, s, "first reading")
		write("7:0 rbytes=9999 wbytes=9999\n259:0 rbytes=90530464 wbytes=299008512 rios=8950 wios=1252 dbytes=0 dios=0\n")
		got, err := sampleServer(t, s)
		require.NoError(t, err)
		assert.Equal(t, &record.ServerIO{RMBs: 1, WMBs: 0.0051, ReadBytes: 100000, WriteBytes: 512}, got.Server, "a group counts no cancelled writes")
		for _, odd := range []string{"259:0 rbytes=90530464\n", "259:0 wbytes=1\n", "259:0\n", "259:0 rbytes=-1 wbytes=1\n", "259:0 rbytes= wbytes=1\n"} {
			write(odd)
			got, err := sampleServer(t, s)
			require.ErrorContains(t, err, "io.stat, device 259:0", odd)
			require.NotErrorIs(t, err, ErrUntold, odd)
			assert.Nil(t, got.Server, odd)
		}
	})
}

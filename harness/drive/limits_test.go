package drive

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/record"
)

// grouped is a drive of one device whose kernel has these files below its root.
func grouped(t *testing.T, files map[string]string) *Drive {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
	return &Drive{Drive: record.Drive{Leaves: []record.DriveLeaf{{Device: record.Device{Name: "vda", Number: "254:0"}}}},
		machine: Machine{Proc: filepath.Join(root, "proc"), Sys: filepath.Join(root, "sys")}}
}

// Of the group of this process and of those that it lies in the least holds, for this device alone.
func TestLimits(t *testing.T) {
	const v1 = "9:name=systemd:/\n7:blkio:/lim/in\n3:cpuset:/\n0::/\n"
	for name, tc := range map[string]struct {
		files map[string]string
		want  Limits
	}{
		"none": {map[string]string{"proc/self/cgroup": v1}, Limits{}},
		"of the first hierarchy": {map[string]string{"proc/self/cgroup": v1,
			"sys/fs/cgroup/blkio/lim/blkio.throttle.read_iops_device":     "8:0 7\n254:0 1800\n",
			"sys/fs/cgroup/blkio/lim/in/blkio.throttle.read_iops_device":  "254:0 2000\n",
			"sys/fs/cgroup/blkio/lim/in/blkio.throttle.write_iops_device": "254:0 900\n",
			"sys/fs/cgroup/blkio/blkio.throttle.read_bps_device":          "254:0 50000000\n254:16 1\n",
			"sys/fs/cgroup/blkio/other/blkio.throttle.write_bps_device":   "254:0 1\n",
			"sys/fs/cgroup/io.max": "254:0 rbps=1 wbps=1 riops=1 wiops=1\n"},
			Limits{ReadIOPS: 1800, WriteIOPS: 900, ReadBytes: 50e6}},
		"of the unified one": {map[string]string{"proc/self/cgroup": "0::/a.slice/b\n",
			"sys/fs/cgroup/a.slice/io.max":   "254:0 rbps=max wbps=60000000 riops=max wiops=120\n8:0 rbps=1 wbps=1 riops=1 wiops=1\n",
			"sys/fs/cgroup/a.slice/b/io.max": "254:0 rbps=70000000 wbps=80000000 riops=3000 wiops=max\n"},
			Limits{ReadIOPS: 3000, WriteIOPS: 120, ReadBytes: 70e6, WriteBytes: 60e6}},
		"no groups": {map[string]string{"proc/self/cgroup": ""}, Limits{}},
	} {
		got, err := grouped(t, tc.files).Limits()
		require.NoError(t, err, name)
		assert.Equal(t, tc.want, got, name)
	}
	_, err := grouped(t, nil).Limits()
	require.ErrorContains(t, err, "limits of the drive: ")
	d := grouped(t, map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/io.max": "254:0 rbps=1 wbps=1 riops=1 wiops=1\n"})
	d.Leaves = append(d.Leaves, record.DriveLeaf{})
	got, err := d.Limits()
	require.NoError(t, err)
	assert.Zero(t, got, "of several devices each has its own")
}

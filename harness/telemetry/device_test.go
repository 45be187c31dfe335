package telemetry

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/record"
)

// sysTree lays out files of sysfs by their path below it.
func sysTree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
	return root
}

func TestDevice(t *testing.T) {
	one := map[string]string{"block/nvme0n1/dev": "259:0\n", "block/nvme0n1/queue/iostats": "1\n", "block/loop0/queue/iostats": "1\n"}
	// A namespace that two controllers lead to, and another of the same subsystem and one of another beside it.
	paths := map[string]string{
		"block/nvme1n1/dev": "259:3\n", "block/nvme1n1/queue/iostats": "1\n", "block/nvme1c3n1/queue/iostats": "1\n", "block/nvme1c1n1/dev": "259:1\n",
		"block/nvme1n2/dev": "259:5\n", "block/nvme1c1n2/dev": "259:4\n", "block/nvme10n1/dev": "259:6\n", "block/nvme11c1n1/dev": "259:7\n",
	}
	linked := map[string]string{"block/nvme1n1/queue/iostats": "1\n", "block/nvme1n1/multipath/nvme1c1n1": "", "block/nvme1n1/multipath/nvme1c3n1": ""}
	yes, no := new(true), new(false)
	for name, tc := range map[string]struct {
		files  map[string]string
		device string
		want   record.Device
	}{
		"a disk":                    {one, "nvme0n1", record.Device{Counted: yes, Number: "259:0"}},
		"not counted":               {map[string]string{"block/sda/queue/iostats": "0\n"}, "sda", record.Device{Counted: no}},
		"not told":                  {map[string]string{"block/vda/dev": "254:0\n"}, "vda", record.Device{Number: "254:0"}},
		"told otherwise":            {map[string]string{"block/vda/queue/iostats": "2\n"}, "vda", record.Device{}},
		"no name of a device":       {one, "nvme0n1/../nvme0n1", record.Device{}},
		"no such device":            {one, "nvme7n1", record.Device{}},
		"head of two paths":         {paths, "nvme1n1", record.Device{Counted: yes, Number: "259:3", Paths: []string{"nvme1c1n1", "nvme1c3n1"}}},
		"one of two paths":          {paths, "nvme1c1n1", record.Device{Number: "259:1", Paths: []string{"nvme1c1n1", "nvme1c3n1"}, Head: "nvme1n1"}},
		"the only path":             {paths, "nvme1c1n2", record.Device{Number: "259:4", Paths: []string{"nvme1c1n2"}, Head: "nvme1n2"}},
		"another subsystem":         {paths, "nvme10n1", record.Device{Number: "259:6"}},
		"paths that the head links": {linked, "nvme1n1", record.Device{Counted: yes, Paths: []string{"nvme1c1n1", "nvme1c3n1"}}},
	} {
		t.Run(name, func(t *testing.T) {
			tc.want.Name = tc.device
			assert.Equal(t, tc.want, Device(sysTree(t, tc.files), tc.device))
		})
	}
}

package drive

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/record"
)

// onLoop is the tree of a directory on a loop device, whose file is in a folder on the device that is given.
func onLoop(t *testing.T, below Number, dio string) *Drive {
	t.Helper()
	tr := recorded(t, "virtual", Number{7, 0})
	files := t.TempDir()
	tr.set("sys/devices/virtual/block/loop0/loop/backing_file", files+"/disk.img\n")
	if dio != "" {
		tr.set("sys/devices/virtual/block/loop0/loop/dio", dio+"\n")
	}
	m := tr.machine()
	m.Place = func(dir string) (Place, error) {
		if dir == files {
			return Place{Magic: ext4Magic, Device: below}, nil
		}
		return tr.place, nil
	}
	d, err := Of(tr.root, m)
	require.NoError(t, err)
	return d
}

// A loop device is a drive, with what its file lies on, and whether memory may answer in place of it.
func TestLoop(t *testing.T) {
	d := onLoop(t, Number{254, 0}, "1")
	assert.Equal(t, []string{"loop0"}, d.names())
	assert.Equal(t, &record.Backing{Devices: []string{"vda"}, Direct: new(true)}, d.Leaves[0].Backing)
	assert.Equal(t, []string{"vda"}, d.Ends())
	assert.Equal(t, []string{"loop0 is a file on vda: a file system and that drive are in its figures"}, d.Notes)

	for _, dio := range []string{"0", ""} {
		d = onLoop(t, Number{254, 0}, dio)
		assert.Equal(t, []string{"loop0 is a file on vda: a file system and that drive are in its figures, and memory may answer in place of the drive, because " +
			"direct I/O is not on (losetup --direct-io=on /dev/loop0)"}, d.Notes, "dio %q", dio)
	}

	// A file on itself, which no kernel has, ends; a file on nothing that is told is on nothing that is known.
	for _, below := range []Number{{7, 0}, {8, 9}} {
		d = onLoop(t, below, "1")
		assert.Empty(t, d.Leaves[0].Backing.Devices)
		assert.Equal(t, []string{"loop0"}, d.Ends())
		assert.Equal(t, []string{"loop0 is a file on nothing that is known: a file system and that drive are in its figures"}, d.Notes)
	}

	d, err := recorded(t, "virtual", Number{254, 0}).of()
	require.NoError(t, err)
	assert.Nil(t, d.Leaves[0].Backing, "another device is none")
	assert.Equal(t, []string{"vda"}, d.Ends())
}

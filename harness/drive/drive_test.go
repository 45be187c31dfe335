package drive

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/record"
)

func TestOf(t *testing.T) {
	for name, tc := range map[string]struct {
		tree   string
		on     Number
		edit   func(*tree)
		fs     string
		layers []string
		leaves []string
		copies bool
		notes  []string
	}{
		"partition of an NVMe drive": {tree: "nvme", on: Number{259, 2}, fs: "ext4",
			layers: []string{"nvme0n1p2 (partition)"}, leaves: []string{"nvme0n1"}},
		"whole NVMe drive": {tree: "nvme", on: Number{259, 0}, fs: "ext4", leaves: []string{"nvme0n1"}},
		"NVMe over TCP": {tree: "nvme", on: Number{259, 0}, fs: "ext4", leaves: []string{"nvme0n1"},
			edit:  func(tr *tree) { tr.set("sys/block/nvme0n1/device/transport", "tcp\n") },
			notes: []string{"nvme0n1 is NVMe over tcp: the network is in its figures"}},
		"LVM on dm-crypt on a partition, whose link is slow": {tree: "lvm-on-crypt", on: Number{253, 1}, fs: "xfs",
			layers: []string{"dm-1 (lvm)", "dm-0 (crypt)", "nvme0n1p3 (partition)"}, leaves: []string{"nvme0n1"},
			notes: []string{"the PCIe link of nvme0n1 runs at 8.0 GT/s PCIe with 2 lanes, and could at 16.0 GT/s PCIe with 4"}},
		"md over two drives": {tree: "md", on: Number{9, 0}, fs: "ext4",
			layers: []string{"md0 (raid0)", "nvme1n1p1 (partition)"}, leaves: []string{"nvme0n1", "nvme1n1"},
			notes: []string{"nvme0n1, nvme1n1 hold it together: their counters are summed"}},
		"md mirror": {tree: "md", on: Number{9, 0}, fs: "ext4", edit: func(tr *tree) { tr.set("sys/block/md0/md/level", "raid1\n") },
			layers: []string{"md0 (raid1)", "nvme1n1p1 (partition)"}, leaves: []string{"nvme0n1", "nvme1n1"}, copies: true,
			notes: []string{"nvme0n1, nvme1n1 hold it together: their counters are summed"}},
		"btrfs over two devices, below a mount whose point has a blank": {tree: "md", on: Number{0, 40}, fs: "btrfs", edit: func(tr *tree) {
			tr.nodes["/dev/nvme0n1"] = Number{259, 0}
			point := strings.ReplaceAll(tr.root, " ", `\040`)
			tr.set("proc/self/mountinfo", "22 1 9:0 / / rw - ext4 /dev/md0 rw\n"+
				"30 22 0:39 /sub "+point+" rw - xfs /dev/hidden rw\n"+
				"31 22 0:39 /sub "+point+" rw shared:5 - btrfs /dev/nvme0n1 rw\n"+
				"32 31 8:1 / "+point+"x rw - xfs /dev/sda1 rw\n"+
				"33 22 8:1 / /elsewhere/longer/than/all"+point+" rw - xfs /dev/sda1 rw\n")
		}, layers: []string{"nvme1n1p1 (partition)"}, leaves: []string{"nvme0n1", "nvme1n1"}, copies: true,
			notes: []string{"nvme0n1, nvme1n1 hold it together: their counters are summed"}},
		"btrfs on one device": {tree: "nvme", on: Number{0, 40}, fs: "btrfs", edit: func(tr *tree) {
			tr.nodes["/dev/nvme0n1p2"] = Number{259, 2}
			tr.set("proc/self/mountinfo", "22 1 0:39 / / rw - btrfs /dev/nvme0n1p2 rw\n")
		}, layers: []string{"nvme0n1p2 (partition)"}, leaves: []string{"nvme0n1"}},
		"two ways to one drive": {tree: "md", on: Number{9, 0}, fs: "ext4", edit: func(tr *tree) {
			slave := filepath.Join(tr.root, "sys/block/md0/slaves/nvme0n1")
			require.NoError(tr.t, os.Remove(slave))
			require.NoError(tr.t, os.Symlink(filepath.Join(tr.root, "sys/block/nvme1n1"), slave))
		}, layers: []string{"md0 (raid0)", "nvme1n1p1 (partition)"}, leaves: []string{"nvme1n1"}},
		"NVMe multipath": {tree: "multipath", on: Number{259, 1}, fs: "xfs", leaves: []string{"nvme0n1"},
			notes: []string{"nvme0n1 is reached by nvme0c0n1, nvme0c1n1: where its own counters stand still, theirs are summed"}},
		"virtio": {tree: "virtual", on: Number{254, 0}, fs: "ext4", leaves: []string{"vda"},
			notes: []string{"vda is virtual: its figures are the hypervisor's"}},
	} {
		t.Run(name, func(t *testing.T) {
			tr := recorded(t, tc.tree, tc.on)
			if tc.edit != nil {
				tc.edit(tr)
			}
			d, err := tr.of()
			require.NoError(t, err)
			assert.Equal(t, tc.fs, d.FileSystem)
			assert.Equal(t, tc.layers, d.Layers)
			assert.Equal(t, tc.leaves, d.names())
			assert.Equal(t, tc.copies, d.copies)
			assert.Equal(t, tc.notes, d.Notes)
		})
	}
}

func TestOfRefuses(t *testing.T) {
	const remedy = "; choose a directory on a local drive"
	for name, tc := range map[string]struct {
		tree  string
		on    Number
		magic uint32
		edit  func(*tree)
		want  string
		has   bool // a drive, which cannot be used
	}{
		"tmpfs":          {magic: 0x01021994, want: "on no local drive: its file system is tmpfs, which is memory" + remedy},
		"ramfs":          {magic: 0x858458f6, want: "is ramfs, which is memory" + remedy},
		"overlay":        {magic: 0x794c7630, want: "is overlay, as in a container, whose files are on another file system" + remedy + ", such as one"},
		"NFS":            {magic: 0x6969, want: "is NFS, which is another machine's drive" + remedy},
		"FUSE":           {magic: 0x65735546, want: "is FUSE, whose files a program serves" + remedy},
		"9p":             {magic: 0x01021997, want: "is 9p, whose files the host serves" + remedy},
		"zfs":            {magic: 0x2fc12fc1, want: "is zfs, which counts past the kernel's block devices"},
		"dm on nothing":  {tree: "virtual", on: Number{253, 1}, want: "nothing lies beneath dm-1 (device mapper)" + remedy},
		"unknown number": {tree: "nvme", on: Number{8, 3}, want: "device 8:3 is not told in sysfs", has: true},
		"anonymous, no mount": {tree: "nvme", on: Number{0, 40},
			edit: func(tr *tree) { tr.set("proc/self/mountinfo", "\n- x\nshort - btrfs /dev/x rw\n") },
			want: "its device 0:40 is anonymous and no mount tells another: on no local drive" + remedy},
		"anonymous, no source": {tree: "nvme", on: Number{0, 40},
			edit: func(tr *tree) { tr.set("proc/self/mountinfo", "22 1 0:39 / / rw - btrfs /dev/gone rw\n") },
			want: `the source of its mount, "/dev/gone", is none`},
		"anonymous, no list": {tree: "nvme", on: Number{0, 40},
			edit: func(tr *tree) { require.NoError(tr.t, os.RemoveAll(filepath.Join(tr.root, "proc/self"))) },
			want: "list mounts: ", has: true},
		"iostats off": {tree: "nvme", on: Number{259, 2},
			edit: func(tr *tree) { tr.set("sys/block/nvme0n1/queue/iostats", "0\n") }, has: true,
			want: "the kernel counts no I/O of nvme0n1 (queue/iostats is 0): as root, echo 1 > /sys/block/nvme0n1/queue/iostats"},
		"a circle": {tree: "virtual", on: Number{253, 1}, edit: func(tr *tree) {
			require.NoError(tr.t, os.MkdirAll(filepath.Join(tr.root, "sys/block/dm-1/slaves"), 0o755))
			require.NoError(tr.t, os.Symlink("../../dm-1", filepath.Join(tr.root, "sys/block/dm-1/slaves/dm-1")))
		}, want: "more than 16 devices lie on one another at dm-1", has: true},
	} {
		t.Run(name, func(t *testing.T) {
			if tc.tree == "" {
				tc.tree, tc.on = "nvme", Number{0, 30}
			}
			tr := recorded(t, tc.tree, tc.on)
			if tc.magic != 0 {
				tr.place.Magic = tc.magic
			}
			if tc.edit != nil {
				tc.edit(tr)
			}
			_, err := tr.of()
			require.ErrorContains(t, err, tc.want)
			require.ErrorContains(t, err, tr.root, "which directory")
			assert.Equal(t, !tc.has, errors.Is(err, ErrNoDrive), "whether there is none")
		})
	}
	for _, name := range []string{"zram0", "ram3", "nbd12", "rbd0"} {
		require.ErrorIs(t, refuseDevice("/x", name), ErrNoDrive, name)
	}
	for _, name := range []string{"loop0", "sda", "nvme0n1", "md0", "mmcblk0", "pmem0", "xvda"} {
		require.NoError(t, refuseDevice("/x", name), name)
	}
}

func TestIdentity(t *testing.T) {
	d, err := recorded(t, "nvme", Number{259, 2}).of()
	require.NoError(t, err)
	whole := record.DriveLeaf{
		Device: record.Device{Name: "nvme0n1", Counted: new(true), Number: "259:0"},
		Model:  "Samsung SSD 990 PRO 2TB", Firmware: "4B2QJXD7", Transport: "pcie", SerialHash: d.Leaves[0].SerialHash,
		PCIe:      &record.PCIeLink{Speed: "16.0 GT/s PCIe", Width: "4", MaxSpeed: "16.0 GT/s PCIe", MaxWidth: "4"},
		SizeBytes: new(int64(3907029168 * 512)), Scheduler: "none", WriteCache: "write back", Rotational: new(false),
		LogicalBlockBytes: new(int64(512)), PhysicalBlockBytes: new(int64(4096)), NrRequests: new(int64(1023)), MaxSectorsKB: new(int64(128)),
		DiscardMaxBytes: new(int64(2199023255040)), WBTLatencyUS: new(int64(2000)), DMAAlignment: new(int64(3)),
	}
	assert.Equal(t, whole, d.Leaves[0])

	// printf 'Samsung SSD 990 PRO 2TB\0S7DNNJ0X400001A' | sha256sum
	assert.Equal(t, "f0270b307d70abec", d.Leaves[0].SerialHash)
	shown, err := json.Marshal(d.Drive)
	require.NoError(t, err)
	assert.NotContains(t, string(shown), "S7DNNJ0X400001A", "a serial number is shown to nobody")

	two, err := recorded(t, "md", Number{9, 0}).of()
	require.NoError(t, err)
	assert.Equal(t, d.Leaves[0].SerialHash, two.Leaves[0].SerialHash)
	assert.NotEqual(t, two.Leaves[0].SerialHash, two.Leaves[1].SerialHash, "two drives of a model")

	// The head of a multipath namespace is on no bus: its model is the subsystem's, its link that of the first path.
	d, err = recorded(t, "multipath", Number{259, 1}).of()
	require.NoError(t, err)
	l := d.Leaves[0]
	assert.Equal(t, []string{"KIOXIA KCM7DRJE3T84", "1UET7104", "pcie"}, []string{l.Model, l.Firmware, l.Transport})
	assert.NotEmpty(t, l.SerialHash)
	assert.Equal(t, "32.0 GT/s PCIe", l.PCIe.Speed)

	d, err = recorded(t, "virtual", Number{254, 0}).of()
	require.NoError(t, err)
	l = d.Leaves[0]
	assert.True(t, l.Virtual)
	assert.Nil(t, l.PCIe)
	assert.Equal(t, "virtio", l.Transport)
	assert.NotEmpty(t, l.SerialHash)

	// What is not told is unknown.
	tr := recorded(t, "nvme", Number{259, 2})
	require.NoError(t, os.RemoveAll(filepath.Join(tr.root, "sys/block/nvme0n1/queue")))
	require.NoError(t, os.Remove(filepath.Join(tr.root, "sys/block/nvme0n1/device")))
	tr.set("sys/block/nvme0n1/size", "many\n")
	d, err = tr.of()
	require.NoError(t, err)
	assert.Equal(t, record.DriveLeaf{Device: record.Device{Name: "nvme0n1", Number: "259:0"}}, d.Leaves[0])
}

func TestBelow(t *testing.T) {
	for _, in := range [][2]string{{"/a", "/"}, {"/a", "/a"}, {"/a/b", "/a"}} {
		assert.True(t, below(in[0], in[1]), in)
	}
	for _, out := range [][2]string{{"/ab", "/a"}, {"/a", "/a/b"}} {
		assert.False(t, below(out[0], out[1]), out)
	}
}

func TestVirtual(t *testing.T) {
	for _, of := range [][3]string{
		{"vda", "", ""}, {"xvdb", "", ""}, {"sda", "virtio", "x"},
		{"nvme0n1", "pcie", "Amazon EC2 NVMe Instance Storage"}, {"nvme0n1", "pcie", "QEMU NVMe Ctrl"},
	} {
		assert.True(t, isVirtual(of[0], of[1], of[2]), of)
	}
	assert.False(t, isVirtual("nvme0n1", "pcie", "Samsung SSD 990 PRO 2TB"))
}

// What the mount says and how much room there is is told with the drive; a file system of no size tells neither.
func TestOfMount(t *testing.T) {
	tr := recorded(t, "nvme", Number{259, 2})
	tr.set("proc/self/mountinfo", "22 1 259:2 / / rw,noatime shared:1 - ext4 /dev/nvme0n1p2 rw,noatime,discard,errors=remount-ro\n")
	d, err := tr.of()
	require.NoError(t, err)
	assert.Equal(t, "rw,noatime,discard,errors=remount-ro", d.MountOptions)
	assert.Nil(t, d.FSBytes)
	assert.Nil(t, d.FreeBytes)

	tr.place.Bytes, tr.place.Free = 1000, 0
	d, err = tr.of()
	require.NoError(t, err)
	assert.EqualValues(t, 1000, *d.FSBytes)
	assert.Zero(t, *d.FreeBytes, "full, which is known")

	tr.set("proc/self/mountinfo", "22 1 259:2 / / ro - ext4 /dev/nvme0n1p2\n")
	d, err = tr.of()
	require.NoError(t, err)
	assert.Equal(t, "ro", d.MountOptions, "a line cut short is read as far as it goes")
}

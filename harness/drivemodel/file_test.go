package drivemodel

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/config"
)

const configs = "../../configs"

// saved is a drive as it is read from the folder that it was saved to.
func saved(t *testing.T, d *config.Drive) *config.Drive {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "mine")
	f, err := NewFolder(dir, configs, d.Drive)
	require.NoError(t, err)
	require.NoError(t, f.Save(d))
	folder, err := config.OpenFolder(dir)
	require.NoError(t, err)
	back, err := config.LoadDriveFile(folder, d.Drive)
	require.NoError(t, err)
	return back
}

// What is written is what is read, limits and a drive's odd name included, and nothing names this machine's folders or the drive's number.
func TestWrite(t *testing.T) {
	f := held()
	f.Leaf.Model, f.Leaf.SerialHash = "Odd \"drive\": {1TB}\n# \\ \u00e9", "a40cb00b49d50b20"
	d, err := f.Model("odd-1")
	require.NoError(t, err)
	back := saved(t, d)
	back.Note, d.Note = strings.ReplaceAll(back.Note, "?", ""), strings.NewReplacer("\n", "", "\u00e9", "").Replace(d.Note)
	assert.Equal(t, d, back)
	var b bytes.Buffer
	require.NoError(t, Write(&b, d))
	assert.NotContains(t, b.String(), "a40cb00b49d50b20")
	assert.NotRegexp(t, `[ "(]/`, b.String())
	assert.Contains(t, b.String(), "  read_iops: {value: 1800, basis: measured, source: \"vda, Linux 6.18.44, 2026-11-28, fio-3.33: "+
		"this process's control group lets so many reads a second through\"}\n")
}

// The world of the name has the drive, all else is that of the folder below; a second drive goes beside the first.
func TestFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "of", "mine")
	for _, name := range []string{"first", "second"} {
		d, err := free().Model(name)
		require.NoError(t, err)
		f, err := NewFolder(dir, configs, name)
		require.NoError(t, err)
		require.NoError(t, f.Save(d))
	}
	folder, err := config.OpenFolder(dir)
	require.NoError(t, err)
	for _, name := range []string{"first", "second"} {
		w, err := config.LoadWorld(folder.Path("worlds/" + name + ".yaml"))
		require.NoError(t, err)
		twin, err := config.LoadTwin(folder, w, nil)
		require.NoError(t, err)
		assert.Equal(t, name, twin.Drive.Drive)
		assert.Equal(t, "dgx-spark", twin.Machine.Machine)
	}
	base, err := os.ReadFile(filepath.Join(dir, "configs.yaml"))
	require.NoError(t, err)
	assert.Contains(t, string(base), "base: \"../")

	// Nothing is replaced, hidden or written into what is something else.
	full := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(full, "letter.txt"), nil, 0o644))
	for want, tc := range map[string][3]string{
		"drives/first.yaml already: choose another name with --name":   {dir, configs, "first"},
		"drives/sata.yaml already: choose another name with --name":    {filepath.Join(t.TempDir(), "x"), configs, "sata"},
		"worlds/default.yaml already: choose another name with --name": {dir, configs, "default"},
		"is not empty, and no folder that is laid over another one":    {full, configs, "mine"},
		"there is no folder of configurations":                         {filepath.Join(t.TempDir(), "x"), full + "/none", "mine"},
		"not a directory":                                              {filepath.Join(full, "letter.txt"), configs, "mine"},
	} {
		_, err := NewFolder(tc[0], tc[1], tc[2])
		require.ErrorContains(t, err, want)
		assert.NotContains(t, err.Error(), "\n")
	}
	left, err := os.ReadDir(full)
	require.NoError(t, err)
	assert.Len(t, left, 1)
}

func TestName(t *testing.T) {
	for _, tc := range []struct{ given, model, device, want string }{
		{"mine", "Drive 1TB", "nvme0n1", "mine"}, {"", "Samsung SSD 990 PRO 2TB", "nvme0n1", "samsung-ssd-990-pro-2tb"},
		{"", "", "vda", "vda"}, {"", " -- ", "md0", "md0"},
	} {
		got, err := Name(tc.given, tc.model, tc.device)
		require.NoError(t, err)
		assert.Equal(t, tc.want, got)
	}
	for _, bad := range []string{"../x", "a b", ".hidden", "a/b", strings.Repeat("x", 64), "\u00e9"} {
		_, err := Name(bad, "", "")
		require.ErrorContains(t, err, "is no name of a file of drives/", bad)
	}
}

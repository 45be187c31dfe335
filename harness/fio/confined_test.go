package fio

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What the real fio is given stays in its folder: neither a device nor another path, by whatever option.
func TestConfined(t *testing.T) {
	const head = "[global]\ndirect=1\nsize=1m\n"
	for text, want := range map[string]string{
		head + "filename=/dev/nvme0n1\n[a]\n":                  `"/dev/nvme0n1" is an absolute name`,
		head + "filename=../x\n[a]\n":                          "leaves the folder",
		head + "filename=sub/x\n[a]\n":                         `job "a" names "sub/x", which may be a device or lie in another folder`,
		head + "filename=a:b\n[a]\n":                           "is a list of files",
		head + `filename=a\:b` + "\n[a]\n":                     "is a list of files",
		head + "filename=..\n[a]\n":                            "leaves the folder",
		head + "filename=.x\n[a]\n":                            `names ".x"`,
		head + "filename=-\n[a]\n":                             "standard input and output are no file",
		head + "filename=-x\n[a]\n":                            `names "-x"`,
		head + "[a]\n":                                         "names no file",
		head + "filename=x\n[a]\n[b]\nfilename=/dev/sda\n":     `"/dev/sda" is an absolute name`,
		head + "filename=x\n[a]\ndirectory=/etc\n":             "j.fio:6: directory: the harness gives the folder: remove it",
		head + "filename=x\n[a]\n filename_format = q ; x\n":   "j.fio:6: filename_format: the file is the one",
		head + "filename=x\n[a]\nwrite_bw_log=/etc/cron.d/x\n": "j.fio:6: write_bw_log",
		head + "filename=x\n[a]\nunlink=1\n":                   "j.fio:6: unlink",
		"[a]\ndirect=1\nfilename=x\n":                          `size: job "a" does not say how much of its file`,
		"[a]\ndirect=1\nexec_prerun=x\n":                       "it runs other programs",
	} {
		jobs, files, err := Confined("j.fio", []byte(text))
		require.ErrorContains(t, err, want, text)
		assert.Nil(t, jobs)
		assert.Nil(t, files)
	}
	jobs, files, err := Confined("j.fio", []byte(head+"filename=x\n[a]\n[b]\nsize=3m\n[c]\nfilename=a.b\n"))
	require.NoError(t, err)
	assert.Len(t, jobs, 3)
	assert.Equal(t, []File{{"a.b", 1 << 20}, {"x", 3 << 20}}, files)
}

// All committed profiles are for the real fio, too.
func TestCommittedProfilesAreConfined(t *testing.T) {
	paths, err := filepath.Glob(configs + "/*.fio")
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	for _, path := range paths {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		jobs, files, err := Confined(path, text)
		require.NoError(t, err)
		require.NoError(t, Lasting(jobs))
		if len(jobs) > 0 {
			size := int64(8 << 30)
			if strings.HasSuffix(path, "_1g.fio") {
				size = 1 << 30
			}
			assert.Equal(t, []File{{"sparkharness-fio.dat", size}}, files)
		}
	}
}

func TestLasting(t *testing.T) {
	ok := Job{Name: "a", TimeBased: true, Runtime: 1, Thread: true}
	require.NoError(t, Lasting([]Job{ok}))
	ends, forks := ok, ok
	ends.TimeBased, forks.Thread = false, false
	err := Lasting([]Job{ok, ends, forks})
	require.ErrorContains(t, err, `"a" would end after one pass`)
	require.ErrorContains(t, err, `"a" would be a process of its own`)
}

package fio

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A job that would overwrite a raw device, or a file elsewhere, is refused, whatever it would do there.
func TestFilesElsewhereAreRefused(t *testing.T) {
	for text, want := range map[string]string{
		"[a]\ndirect=1\nfilename=/dev/nvme0n1\n":             `j.fio:3: filename: "/dev/nvme0n1" is an absolute name: of a device, fio would overwrite what is on it; give a name below the folder of directory, for example filename=load.dat`,
		"[global]\nfilename=/dev/sda\n[a]\ndirect=1\n":       `j.fio:2: filename: "/dev/sda" is an absolute name`,
		"[a]\ndirect=1\nfilename=/mnt/nvme/x\n":              "is an absolute name",
		"[a]\ndirect=1\nrw=read\nfilename=/dev/sda\n":        "is an absolute name",
		"[a]\ndirect=1\nfilename=../x\n":                     `j.fio:3: filename: "../x" leaves the folder: give a name below it`,
		"[a]\ndirect=1\nfilename=a/../../dev/sda\n":          "leaves the folder",
		"[a]\ndirect=1\nfilename=a:/dev/sda\n":               `j.fio:3: filename: "a:/dev/sda" is a list of files: give one name`,
		"[a]\ndirect=1\nfilename=a\\:b\n":                    "is a list of files",
		"[a]\ndirect=1\nfilename=-\n":                        "standard input and output are no file",
		"[a]\ndirect=1\nfilename_format=/dev/nvme0n1\n":      "j.fio:3: filename_format: \"/dev/nvme0n1\" is an absolute name",
		"[a]\ndirect=1\nfilename_format=../$jobname\n":       "leaves the folder",
		"[a]\ndirect=1\nwrite_bw_log=/etc/x\n":               "write_bw_log: \"/etc/x\" is an absolute name",
		"[a]\ndirect=1\ndirectory=/mnt/../dev\n":             `j.fio:3: directory: "/mnt/../dev" leads upwards: write the folder out`,
		"[a]\ndirect=1\ndirectory=/mnt/a:/mnt/b\n":           "is a list of folders: give one",
		"[a]\ndirect=1\ndirectory=/dev\nfilename=sda\n":      `j.fio:1: directory: job "a" uses "/dev/sda", which is the kernel's and no file: name a folder on the drive`,
		"[global]\ndirectory=//dev/\n[a]\ndirect=1\n":        `uses "/dev"`,
		"[a]\ndirect=1\ndirectory=/\nfilename=dev/nvme0n1\n": `uses "/dev/nvme0n1"`,
		"[a]\ndirect=1\ndirectory=/sys/block\n":              `uses "/sys/block"`,
		"[/dev/nvme0n1]\ndirect=1\n":                         `j.fio:1: "/dev/nvme0n1" as the name of a job would name its file, too: leave the / out`,
		"[a]\ndirect=1\nname=/dev/nvme0n1\n":                 "would name its file, too",
	} {
		t.Run(strings.ReplaceAll(text, "\n", "|"), func(t *testing.T) {
			jobs, err := Parse("j.fio", []byte(text))
			require.ErrorContains(t, err, want)
			assert.Nil(t, jobs)
			var faults Faults
			require.ErrorAs(t, err, &faults)
			assert.Len(t, faults, 1, "one fault, no consequences of it")
		})
	}
}

// Options that fio knows are never called unknown: each is refused for what it would change.
func TestOptionsOfOtherLoadsAreRefused(t *testing.T) {
	_, err := Parse("j.fio", []byte("[global]\nioengine=io_uring\ndirect=1\nbs=4k\nrw=randread\niodepth=128\nhipri=1\nregisterfiles=1\nfixedbufs=1\nsqthread_poll=1\n"+
		"gtod_reduce=1\nnorandommap=1\ntime_based=1\nruntime=60\n[j]\nfilename=f\nfilesize=8g\n"))
	var faults Faults
	require.ErrorAs(t, err, &faults)
	var got []string
	for _, f := range faults {
		assert.NotContains(t, f.Problem, "unknown")
		assert.Contains(t, f.Problem, ": remove it")
		got = append(got, f.Option)
	}
	assert.Equal(t, []string{"hipri", "registerfiles", "fixedbufs", "sqthread_poll", "gtod_reduce", "filesize"}, got)
}

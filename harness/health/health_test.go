package health

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/record"
)

// Answers in the form of nvme-cli 2.3 and smartmontools 7.3; the numbers are made up.
const (
	nvmeAnswer = `{"critical_warning":0,"temperature":314,"avail_spare":100,"spare_thresh":10,"percent_used":3,"data_units_read":"1,000",
"data_units_written":2000,"media_errors":0,"num_err_log_entries":17,"warning_temp_time":4,"critical_comp_time":0,"temperature_sensor_1":320,
"thm_temp1_trans_count":5,"thm_temp2_trans_count":0,"thm_temp1_total_time":60,"thm_temp2_total_time":0}`
	smartctlAnswer = `{"smartctl":{"exit_status":4},"nvme_smart_health_information_log":{"critical_warning":1,"temperature":42,"available_spare":99,
"percentage_used":4,"data_units_read":3000,"data_units_written":4000,"media_errors":2,"num_err_log_entries":18,"warning_temp_time":0,"critical_comp_time":0}}`
	refused = `{"smartctl":{"messages":[{"string":"Smartctl open device: /dev/nvme0n1 failed: Permission denied"}],"exit_status":2}}`
)

// answering answers for programs by name; one that is not named is not installed.
func answering(answers map[string]string) Run {
	return func(_ context.Context, name string, args ...string) ([]byte, error) {
		text, there := answers[name]
		if !there {
			return nil, &exec.Error{Name: name, Err: exec.ErrNotFound}
		}
		if why, failed := strings.CutPrefix(text, "!"); failed {
			return nil, errors.New(why)
		}
		if name == "smartctl" {
			return []byte(text), errors.New("exit status 4")
		}
		return []byte(text), nil
	}
}

func TestDrive(t *testing.T) {
	both, err := Drive(t.Context(), "nvme0n1", answering(map[string]string{"nvme": nvmeAnswer, "smartctl": smartctlAnswer}))
	require.NoError(t, err)
	assert.Equal(t, record.DriveHealth{Device: "nvme0n1", CriticalWarning: new(0.0), TemperatureC: new(41.0), AvailableSparePct: new(100.0),
		PercentageUsed: new(3.0), ReadBytes: new(512e6), WriteBytes: new(1024e6), MediaErrors: new(0.0), ErrorLogEntries: new(17.0),
		WarningMinutes: new(4.0), CriticalMinutes: new(0.0), Throttled1: new(5.0), Throttled2: new(0.0), Throttled1Seconds: new(60.0), Throttled2Seconds: new(0.0)}, both)
	one, err := Drive(t.Context(), "nvme0n1", answering(map[string]string{"smartctl": smartctlAnswer}))
	require.NoError(t, err)
	assert.Equal(t, record.DriveHealth{Device: "nvme0n1", CriticalWarning: new(1.0), TemperatureC: new(42.0), AvailableSparePct: new(99.0),
		PercentageUsed: new(4.0), ReadBytes: new(1536e6), WriteBytes: new(2048e6), MediaErrors: new(2.0), ErrorLogEntries: new(18.0),
		WarningMinutes: new(0.0), CriticalMinutes: new(0.0)}, one, "what smartctl does not tell is null")
	for want, answers := range map[string]map[string]string{
		"nvme is not installed":                           {"smartctl": refused},
		"has no nvme_smart_health_information_log":        {"smartctl": refused},
		"nvme: exit status 1: Permission denied\nno JSON": {"nvme": "!exit status 1: Permission denied"},
		"install nvme-cli, and run as root":               {},
	} {
		h, err := Drive(t.Context(), "nvme0n1", answering(answers))
		require.ErrorContains(t, err, want)
		assert.Equal(t, record.DriveHealth{Device: "nvme0n1"}, h)
	}
	_, err = Drive(t.Context(), "vda", answering(nil))
	require.EqualError(t, err, "vda is no NVMe drive: its wear is not read")
}

// tree writes files below a root; a content that begins with -> is a link.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for path, text := range files {
		path = filepath.Join(root, path)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		if to, link := strings.CutPrefix(text, "->"); link {
			require.NoError(t, os.MkdirAll(filepath.Join(root, to), 0o755))
			require.NoError(t, os.Symlink(filepath.Join(root, to), path))
			continue
		}
		require.NoError(t, os.WriteFile(path, []byte(text+"\n"), 0o644))
	}
	return root
}

// sensors are those of a machine with two NVMe drives and a processor.
func sensors(t *testing.T) string {
	return tree(t, map[string]string{
		"class/hwmon/hwmon0/name": "nvme", "class/hwmon/hwmon0/device": "->devices/pci/nvme/nvme0",
		"class/hwmon/hwmon0/temp1_input": "69850", "class/hwmon/hwmon0/temp1_max": "71850", "class/hwmon/hwmon0/temp1_crit": "84850",
		"class/hwmon/hwmon0/temp1_label": "Composite", "class/hwmon/hwmon0/temp2_input": "80850", "class/hwmon/hwmon0/temp2_max": "65261850",
		"class/hwmon/hwmon1/name": "nvme", "class/hwmon/hwmon1/device": "->devices/pci/nvme/nvme1",
		"class/hwmon/hwmon1/temp1_input": "30850", "class/hwmon/hwmon1/temp1_crit": "80850",
		"class/hwmon/hwmon2/name": "cpu", "class/hwmon/hwmon2/temp1_input": "asleep", "class/hwmon/hwmon2/temp3_input": "55000",
		"class/hwmon/hwmon2/fan1_input": "1200",
		"class/hwmon/hwmon3/name":       "nvme", "class/hwmon/hwmon3/device": "->devices/pci/nvme/nvme2",
		"class/hwmon/hwmon3/temp1_input": "40850", "class/hwmon/hwmon3/temp1_max": "65261850", "block/nvme2n1": "->devices/pci/nvme/nvme2/nvme2n1",
		"block/nvme0n1": "->devices/pci/nvme/nvme0/nvme0n1", "block/nvme1n1": "->devices/pci/nvme/nvme1/nvme1n1",
		"block/nvme10n1": "->devices/pci/nvme/nvme10/nvme10n1", "block/sda": "->devices/ata/sda",
	})
}

func TestTemperatures(t *testing.T) {
	all := Temperatures(sensors(t))
	require.Len(t, all, 5)
	assert.Equal(t, record.Temperature{Chip: "nvme", Device: "nvme0", Label: "Composite", C: 69.85, MaxC: new(71.85), CritC: new(84.85)}, all[0])
	assert.Equal(t, record.Temperature{Chip: "nvme", Device: "nvme1", C: 30.85, CritC: new(80.85)}, all[2])
	assert.Equal(t, record.Temperature{Chip: "cpu", C: 55}, all[3])
	assert.Empty(t, Temperatures(t.TempDir()))
}

// How far a drive is from its own limit: not another drive's, and not one that is none.
func TestThermometer(t *testing.T) {
	root := sensors(t)
	margin := func(devices ...string) *float64 { return NewThermometer(root, devices...).MarginC() }
	require.NotNil(t, margin("nvme0n1"))
	assert.InDelta(t, 2, *margin("nvme0n1"), 1e-9)
	assert.InDelta(t, 50, *margin("nvme1n1"), 1e-9)
	assert.InDelta(t, 2, *margin("nvme1n1", "nvme0n1"), 1e-9)
	for _, none := range []string{"nvme2n1", "nvme10n1", "sda", "gone"} {
		assert.Nil(t, margin(none), none)
	}
	assert.Nil(t, NewThermometer(t.TempDir(), "nvme0n1").MarginC())
}

const dmesg = `Linux version 6.17.0-1014-nvidia
NVRM: nvAssertOkFailedNoLog: Out of memory [NV_ERR_NO_MEMORY] (0x00000051) returned from _memdescAllocInternal(pMemDesc)
NVRM: Xid (PCI:000f:01:00): 31, pid=77, name=python, Ch 00000008
nvme nvme0: I/O tag 12 (100c) opcode 0x2 (I/O Cmd) QID 3 timeout, aborting
nvme nvme0: resetting controller
nvme nvme0: 20/0/0 default/read/poll queues
nvme0n1: p1 p2
blk_update_request: I/O error, dev nvme0n1, sector 12345 op 0x0:(READ)
critical medium error, dev sda, sector 1
EXT4-fs (vda): mounted filesystem
EXT4-fs error (device vda): ext4_lookup:1
Out of memory: Killed process 123 (python)
`

func TestKernelLog(t *testing.T) {
	k, err := KernelLog(t.Context(), answering(map[string]string{"dmesg": dmesg}), nil)
	require.NoError(t, err)
	assert.Equal(t, &record.KernelLog{Lines: 12, NVErrMemory: 1, Xid: 1, NVMe: 2, IOErrors: 3, OOMKills: 1}, k)
	wrapped, err := KernelLog(t.Context(), answering(map[string]string{"dmesg": "nvme nvme0: resetting controller\n"}), nil)
	require.NoError(t, err)
	assert.True(t, wrapped.Wrapped)
	_, err = KernelLog(t.Context(), answering(map[string]string{"dmesg": "!exit status 1: dmesg: read kernel buffer failed: Operation not permitted"}), nil)
	require.ErrorContains(t, err, "Operation not permitted (run as root, or sysctl kernel.dmesg_restrict=0)")
	_, err = KernelLog(t.Context(), answering(map[string]string{"dmesg": ""}), nil)
	require.ErrorContains(t, err, "is empty")
}

// What came since an earlier reading is known as long as that reading's last line is still there, also in a ring that has
// overwritten its beginning and is as long as before.
func TestKernelLogSince(t *testing.T) {
	const (
		old   = "[ 5668.448920] NVRM: Out of memory [NV_ERR_NO_MEMORY] (0x00000051)\n"
		last  = "[49297.754153] serverrig.test (17382): drop_caches: 3\n"
		later = "[49297.754151] NVRM: Xid (PCI:000f:01:00): 31, pid=77\n" // of another processor
		new1  = "[49300.000001] NVRM: Out of memory [NV_ERR_NO_MEMORY] (0x00000051)\n"
	)
	at := func(before *record.KernelLog, text string) *record.KernelLog {
		k, err := KernelLog(t.Context(), answering(map[string]string{"dmesg": text}), before)
		require.NoError(t, err)
		return k
	}
	before := at(nil, old+old+last)
	assert.Equal(t, &record.KernelLog{Lines: 3, Wrapped: true, NVErrMemory: 2, NewestS: new(49297.754153)}, before)
	assert.Equal(t, &record.KernelLog{Lines: 2, NVErrMemory: 1, Xid: 1}, at(before, last+later+new1).Since)
	assert.Equal(t, &record.KernelLog{}, at(before, old+last).Since, "nothing new")
	assert.Nil(t, at(before, new1+new1+new1).Since, "what came first may be overwritten")
	assert.Nil(t, at(at(nil, "a line without a time\n"), "a line without a time\n").Since)

	for text, why := range map[string]string{last + new1: "", new1 + new1: "has overwritten what stood there before"} {
		run := answering(map[string]string{"dmesg": text})
		h := read(t.Context(), t.TempDir(), run, &record.Health{Kernel: before}, nil)
		assert.Equal(t, why != "", len(h.Untold) == 1, "%q", h.Untold)
		if why != "" {
			assert.Contains(t, h.Untold[0], why)
		}
	}
}

func TestCPU(t *testing.T) {
	files := map[string]string{}
	for i, of := range []string{"performance 3900000 3900000 3900000", "performance 1500000 2800000 3000000", "powersave 600000 2800000 2800000"} {
		f := strings.Fields(of)
		dir := fmt.Sprintf("devices/system/cpu/cpufreq/policy%d/", i)
		files[dir+"scaling_governor"], files[dir+"scaling_cur_freq"], files[dir+"scaling_max_freq"], files[dir+"cpuinfo_max_freq"] = f[0], f[1], f[2], f[3]
	}
	assert.Equal(t, &record.CPUClock{Governors: []string{"performance", "powersave"}, LeastMHz: new(600.0), MostMHz: new(3900.0),
		LimitMHz: new(2800.0), RatedMHz: new(3900.0)}, CPU(tree(t, files)))
	assert.Nil(t, CPU(t.TempDir()))
}

// Of this machine nothing is claimed that is not told: each null has a line.
func TestReadHere(t *testing.T) {
	h := Read(t.Context(), nil, "nvme99n1")
	require.Len(t, h.Drives, 1)
	assert.Nil(t, h.Drives[0].WriteBytes)
	require.NotEmpty(t, h.Untold)
	assert.Contains(t, h.Untold[0], "nvme99n1")
	assert.Equal(t, h.Kernel == nil, len(h.Untold) == 2, "%q", h.Untold)
	assert.Positive(t, h.At)
}

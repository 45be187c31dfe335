package health

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"sparkharness/harness/record"
)

// Run runs a program and returns what it printed on its standard output, also when it failed.
type Run func(ctx context.Context, name string, args ...string) ([]byte, error)

// asking bounds one question to a program.
const asking = 20 * time.Second

// run is Run on this machine. The error of a program that is not installed is an exec.ErrNotFound; others have what it said.
func run(ctx context.Context, name string, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, asking)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.WaitDelay = time.Second
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil && said.Len() > 0 {
		line, _, _ := strings.Cut(strings.TrimSpace(said.String()), "\n")
		err = fmt.Errorf("%w: %.200s", err, line)
	}
	return out, err
}

// dataUnit is the unit of the counters of data, bytes: a thousand sectors of 512.
const dataUnit = 512_000

// Drive asks nvme-cli for the health log of an NVMe device such as nvme0n1, which alone tells of throttling, and smartctl for
// what that does not tell. Both want root, and neither changes anything. Why nothing is told comes as an error.
func Drive(ctx context.Context, device string, run Run) (record.DriveHealth, error) {
	out := record.DriveHealth{Device: device}
	if !strings.HasPrefix(device, "nvme") {
		return out, fmt.Errorf("%s is no NVMe drive: its wear is not read", device)
	}
	var errs []error
	for _, from := range []struct {
		name string
		args []string
		log  func([]byte) (map[string]json.RawMessage, error)
		read func(map[string]json.RawMessage, *record.DriveHealth)
	}{
		{"nvme", []string{"smart-log", "/dev/" + device, "-o", "json"}, fields(""), fromNVMe},
		{"smartctl", []string{"-j", "-A", "/dev/" + device}, fields("nvme_smart_health_information_log"), fromSmartctl},
	} {
		text, err := run(ctx, from.name, from.args...)
		if errors.Is(err, exec.ErrNotFound) {
			errs = append(errs, fmt.Errorf("%s is not installed", from.name))
			continue
		}
		log, perr := from.log(text) // smartctl's exit status has bits of the drive's own faults
		if perr != nil {
			errs = append(errs, fmt.Errorf("%s: %w", from.name, errors.Join(err, perr)))
			continue
		}
		from.read(log, &out)
	}
	if len(errs) == 2 {
		return out, fmt.Errorf("wear of %s is not told: %w (install nvme-cli, and run as root)", device, errors.Join(errs...))
	}
	return out, nil
}

// fields reads an object, or the one under a name in it.
func fields(under string) func([]byte) (map[string]json.RawMessage, error) {
	return func(text []byte) (log map[string]json.RawMessage, err error) {
		if err := json.Unmarshal(text, &log); err != nil {
			return nil, fmt.Errorf("no JSON: %w", err)
		}
		if under != "" {
			inner, there := log[under]
			if !there {
				return nil, fmt.Errorf("its answer has no %s", under)
			}
			log = nil
			if err := json.Unmarshal(inner, &log); err != nil {
				return nil, fmt.Errorf("%s: %w", under, err)
			}
		}
		return log, nil
	}
}

// value is a number of the log; newer versions write large ones as text. Nil if it is not told.
func value(log map[string]json.RawMessage, name string, scale float64) *float64 {
	v, err := strconv.ParseFloat(strings.ReplaceAll(strings.Trim(string(log[name]), `"`), ",", ""), 64)
	if err != nil {
		return nil
	}
	return new(v * scale)
}

// fill takes a value that is not known yet.
func fill(into **float64, v *float64) {
	if *into == nil {
		*into = v
	}
}

// fromNVMe reads nvme-cli's names (Documentation/nvme-smart-log.txt); its temperature is in Kelvin.
func fromNVMe(log map[string]json.RawMessage, h *record.DriveHealth) {
	if k := value(log, "temperature", 1); k != nil {
		fill(&h.TemperatureC, new(*k-273))
	}
	fill(&h.AvailableSparePct, value(log, "avail_spare", 1))
	fill(&h.PercentageUsed, value(log, "percent_used", 1))
	fill(&h.Throttled1, value(log, "thm_temp1_trans_count", 1))
	fill(&h.Throttled2, value(log, "thm_temp2_trans_count", 1))
	fill(&h.Throttled1Seconds, value(log, "thm_temp1_total_time", 1))
	fill(&h.Throttled2Seconds, value(log, "thm_temp2_total_time", 1))
	fromBoth(log, h)
}

// fromSmartctl reads smartmontools' names.
func fromSmartctl(log map[string]json.RawMessage, h *record.DriveHealth) {
	fill(&h.TemperatureC, value(log, "temperature", 1))
	fill(&h.AvailableSparePct, value(log, "available_spare", 1))
	fill(&h.PercentageUsed, value(log, "percentage_used", 1))
	fromBoth(log, h)
}

func fromBoth(log map[string]json.RawMessage, h *record.DriveHealth) {
	fill(&h.CriticalWarning, value(log, "critical_warning", 1))
	fill(&h.ReadBytes, value(log, "data_units_read", dataUnit))
	fill(&h.WriteBytes, value(log, "data_units_written", dataUnit))
	fill(&h.MediaErrors, value(log, "media_errors", 1))
	fill(&h.ErrorLogEntries, value(log, "num_err_log_entries", 1))
	fill(&h.WarningMinutes, value(log, "warning_temp_time", 1))
	fill(&h.CriticalMinutes, value(log, "critical_comp_time", 1))
}

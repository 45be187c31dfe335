package doctor

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"sparkharness/harness/record"
)

// smart is what of smartctl's JSON is read (smartmontools; data units and counts beyond 2^53 are not).
type smart struct {
	Smartctl struct {
		Messages []struct{ String, Severity string }
	}
	Log *struct {
		CriticalWarning *float64 `json:"critical_warning"`
		Spare           *float64 `json:"available_spare"`
		Used            *float64 `json:"percentage_used"`
		MediaErrors     *float64 `json:"media_errors"`
		WarningMinutes  *float64 `json:"warning_temp_time"`
		CriticalMinutes *float64 `json:"critical_comp_time"`
	} `json:"nvme_smart_health_information_log"`
}

func lookHealth(v *visit) seen {
	d := v.drive()
	if d.err != nil {
		return d.why()
	}
	out := ok("")
	var said []string
	for _, l := range d.Leaves {
		one := v.health(l)
		said = append(said, one.text)
		if rank(one.status) > rank(out.status) {
			out.status = one.status
		}
	}
	out.text = strings.Join(said, "; ")
	return out
}

// rank orders what several devices come to together.
func rank(s Status) int { return map[Status]int{OK: 0, Warning: 1, Unknown: 2, Missing: 3}[s] }

func (v *visit) health(l record.DriveLeaf) seen {
	text, err := v.m.Run(v.ctx, "smartctl", "-j", "-A", "-H", "/dev/"+l.Name)
	if absent(err) {
		return unknown("no smartctl on this machine")
	}
	var s smart // it has bits for each complaint in its exit status, and prints all the same
	if jerr := json.Unmarshal([]byte(text), &s); jerr != nil {
		return unknown("%s: smartctl prints no JSON: %v", l.Name, errors.Join(err, jerr))
	}
	if s.Log == nil || s.Log.CriticalWarning == nil || s.Log.Used == nil || s.Log.MediaErrors == nil {
		said := "no NVMe health log"
		if len(s.Smartctl.Messages) > 0 {
			said = short(s.Smartctl.Messages[0].String)
		}
		return unknown("%s: %s", l.Name, said)
	}
	said := fmt.Sprintf("%s: %.0f %% of its rated writes used, %.0f media errors", l.Name, *s.Log.Used, *s.Log.MediaErrors)
	hot := 0.0
	for _, minutes := range []*float64{s.Log.WarningMinutes, s.Log.CriticalMinutes} {
		if minutes != nil {
			hot += *minutes
		}
	}
	switch {
	case *s.Log.CriticalWarning != 0:
		return missing("%s, critical warning 0x%s", said, strconv.FormatInt(int64(*s.Log.CriticalWarning), 16))
	case *s.Log.MediaErrors > 0, *s.Log.Used >= mostWorn:
		return warning("%s", said)
	case hot > 0:
		return warning("%s, %.0f minutes too hot in its life", said, hot)
	}
	return ok("%s", said)
}

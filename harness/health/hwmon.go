package health

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"sparkharness/harness/record"
	"sparkharness/harness/regular"
)

// mostKernelText bounds a file of sysfs that is read, bytes.
const mostKernelText = 1 << 16

// Temperatures are all sensors of hwmon, in the order of their chips and numbers. Everybody may read them.
func Temperatures(sys string) (all []record.Temperature) {
	for _, chip := range names(sys, "class", "hwmon") {
		all = append(all, chipTemperatures(sys, chip)...)
	}
	return all
}

func chipTemperatures(sys, chip string) (all []record.Temperature) {
	dir := filepath.Join(sys, "class", "hwmon", chip)
	device := ""
	if to, err := filepath.EvalSymlinks(filepath.Join(dir, "device")); err == nil {
		device = filepath.Base(to)
	}
	for _, file := range names(dir) {
		sensor, ok := strings.CutSuffix(file, "_input")
		if !ok || !strings.HasPrefix(sensor, "temp") {
			continue
		}
		c := milli(dir, file)
		if c == nil {
			continue // a sensor that is asleep
		}
		all = append(all, record.Temperature{Chip: text(dir, "name"), Device: device, Label: text(dir, sensor+"_label"), C: *c,
			MaxC: milli(dir, sensor+"_max"), CritC: milli(dir, sensor+"_crit")})
	}
	return all
}

// milli is a file of thousandths; nil if it cannot be read.
func milli(elem ...string) *float64 {
	v, err := strconv.ParseFloat(text(elem...), 64)
	if err != nil {
		return nil
	}
	return new(v / 1e3)
}

func text(elem ...string) string {
	b, err := regular.Read(filepath.Join(elem...), mostKernelText)
	if err != nil {
		return ""
	}
	return strings.Trim(string(b), " \t\r\n\x00")
}

// names are those in a folder, sorted; none if it is not there.
func names(elem ...string) (all []string) {
	entries, _ := os.ReadDir(filepath.Join(elem...))
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

// Thermometer reads how hot drives are, as often as is wanted and without root.
type Thermometer struct {
	sys   string
	chips []string // of hwmon
}

// NewThermometer finds the sensors of block devices, such as nvme0n1, or nvme0c0n1 where that is a path to one: those of the
// controller in whose folder the device stands.
func NewThermometer(sys string, devices ...string) *Thermometer {
	t := &Thermometer{sys: sys}
	for _, chip := range names(sys, "class", "hwmon") {
		at, err := filepath.EvalSymlinks(filepath.Join(sys, "class", "hwmon", chip, "device"))
		if err != nil {
			continue
		}
		for _, device := range devices {
			to, err := filepath.EvalSymlinks(filepath.Join(sys, "block", device))
			if err == nil && strings.HasPrefix(to, at+"/") {
				t.chips = append(t.chips, chip)
				break
			}
		}
	}
	return t
}

// MarginC is the least distance of a drive to its limit, degrees Celsius; nil if no sensor tells both. The limit is the
// warning level (temp*_max), and where there is none the critical one.
func (t *Thermometer) MarginC() (least *float64) {
	for _, chip := range t.chips {
		for _, s := range chipTemperatures(t.sys, chip) {
			limit := s.MaxC
			if limit == nil {
				limit = s.CritC
			}
			if limit == nil || *limit <= 0 || *limit > mostLimit {
				continue
			}
			if margin := *limit - s.C; least == nil || margin < *least {
				least = &margin
			}
		}
	}
	return least
}

// mostLimit is above any limit that a drive has, degrees Celsius: kernels show a limit that the drive does not tell as the
// largest number there is.
const mostLimit = 150

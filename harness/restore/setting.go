package restore

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"sparkharness/harness/regular"
)

// settings are the kernel's files that may be changed, as patterns of path/filepath: each holds one value, and takes back
// the one that it had.
var settings = []string{
	"proc/sys/vm/swappiness",
	"proc/sys/vm/min_free_kbytes",
	"sys/block/*/queue/iostats",
	"sys/block/*/queue/nr_requests",
	"sys/block/*/queue/read_ahead_kb",
	"sys/block/*/queue/scheduler",
	"sys/block/*/queue/wbt_lat_usec",
	"sys/devices/system/cpu/cpufreq/policy*/scaling_governor",
	"sys/kernel/mm/transparent_hugepage/enabled",
	"sys/kernel/mm/transparent_hugepage/defrag",
}

// allowed says whether a path is one of them.
func allowed(root, path string) bool {
	rel, err := filepath.Rel(root, path)
	if err != nil || filepath.Clean(path) != path {
		return false
	}
	for _, pattern := range settings {
		if ok, _ := filepath.Match(pattern, rel); ok {
			return true
		}
	}
	return false
}

// Set gives one of the kernel's settings a value; Undo gives it the one that it had, unless somebody else has changed it
// meanwhile.
func (j *Journal) Set(path, value string) (Undo, error) {
	old, err := current(path)
	if err != nil {
		return nil, fmt.Errorf("setting: %w", err)
	}
	e := Entry{Kind: Setting, What: "setting " + path, Path: path, Old: old, New: value}
	return j.Do(e, func(*Note) error { return give(path, value) }, nil)
}

// reset writes the old value, if the new one is still there.
func (e *Entry) reset(root string) (did string, err error) {
	if !allowed(root, e.Path) {
		return "", fmt.Errorf("%s is not among the settings that may be changed: %w", e.Path, errLeft)
	}
	now, err := current(e.Path)
	switch {
	case err != nil:
		return "", fmt.Errorf("%w: %w", err, errLeft)
	case now == e.Old:
		return "", nil
	case now != e.New:
		return "", fmt.Errorf("it is %s, and neither the %s that it was nor the %s that it was given, so somebody else has changed it: %w",
			now, e.Old, e.New, errLeft)
	}
	if err := give(e.Path, e.Old); err != nil {
		return "", fmt.Errorf("%w: %w", err, errLeft)
	}
	return fmt.Sprintf("%s is %s again", e.Path, e.Old), nil
}

// current is the value of a setting; of a choice such as "none [mq-deadline]" the one in brackets.
func current(path string) (string, error) {
	b, err := regular.Read(path, 1<<16)
	if err != nil {
		return "", err
	}
	text := strings.TrimSpace(string(b))
	if _, after, ok := strings.Cut(text, "["); ok {
		chosen, _, _ := strings.Cut(after, "]")
		return chosen, nil
	}
	return text, nil
}

// give writes a value and sees that it was taken.
func give(path, value string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0) // a file of the kernel's is never made
	if err != nil {
		return err
	}
	_, err = f.WriteString(value + "\n")
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("write %q to %s: %w", value, path, err)
	}
	if now, err := current(path); err != nil || now != value {
		return fmt.Errorf("%s did not take %q and is %q: choose a value that it has", path, value, now)
	}
	return nil
}

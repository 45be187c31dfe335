package drive

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"sparkharness/harness/regular"
)

// mount is a line of /proc/self/mountinfo, as far as it is used.
type mount struct {
	point, fs, source string
	options           string // of the mount, then those of the file system that it does not repeat
}

// mountOf is the mount that a directory is below: that with the longest mount point, of several at one point the latest,
// which hides the others. It is nil if none is told.
func (m Machine) mountOf(dir string) (*mount, error) {
	path := filepath.Join(m.Proc, "self", "mountinfo")
	b, err := regular.Read(path, maxKernelText)
	if err != nil {
		return nil, fmt.Errorf("list mounts: %w", err)
	}
	var best *mount
	for line := range strings.Lines(string(b)) {
		if mt, ok := parseMount(line); ok && below(dir, mt.point) && (best == nil || len(mt.point) >= len(best.point)) {
			best = &mt
		}
	}
	return best, nil
}

// parseMount reads a line of the form (proc_pid_mountinfo(5))
//
//	36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue
func parseMount(line string) (mt mount, ok bool) {
	before, after, ok := strings.Cut(line, " - ")
	fields, more := strings.Fields(before), strings.Fields(after)
	if !ok || len(fields) < 6 || len(more) < 2 {
		return mt, false
	}
	mt = mount{point: unescaped(fields[4]), fs: more[0], source: unescaped(more[1]), options: unescaped(fields[5])}
	if len(more) > 2 {
		mt.options = joined(mt.options, unescaped(more[2]))
	}
	return mt, true
}

// joined are two lists of options, of the second those that are not in the first. Whether it is read-only is said by the first.
func joined(first, second string) string {
	all := strings.Split(first, ",")
	for _, o := range strings.Split(second, ",") {
		if o != "rw" && o != "ro" && !slices.Contains(all, o) {
			all = append(all, o)
		}
	}
	return strings.Join(all, ",")
}

// unescaped puts back the blanks, line ends and backslashes that the kernel writes as three octal digits.
func unescaped(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if v, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(v))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// below says whether a clean path is a folder or lies in it.
func below(path, folder string) bool {
	return path == folder || folder == "/" || strings.HasPrefix(path, folder+"/")
}

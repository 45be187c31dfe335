package cpus

import (
	"fmt"
	"strconv"
	"strings"
)

// most is how many CPUs a set of the kernel's has (CPU_SETSIZE).
const most = 1024

// Parse reads a list as the kernel writes it, such as 0-3,8.
func Parse(list string) ([]int, error) {
	var out []int
	for part := range strings.SplitSeq(list, ",") {
		first, last, ranged := strings.Cut(part, "-")
		a, err := strconv.Atoi(first)
		b := a
		if err == nil && ranged {
			b, err = strconv.Atoi(last)
		}
		if err != nil || a < 0 || b < a || b >= most || len(out) > 0 && a <= out[len(out)-1] {
			return nil, fmt.Errorf("%q is no list of CPUs: give it as the kernel writes it, rising, such as 0-3,8 (/proc/self/status tells which there are)", list)
		}
		for ; a <= b; a++ {
			out = append(out, a)
		}
	}
	return out, nil
}

// list writes rising CPUs as the kernel does.
func list(cpus []int) string {
	var parts []string
	for i := 0; i < len(cpus); {
		last := i
		for last+1 < len(cpus) && cpus[last+1] == cpus[last]+1 {
			last++
		}
		part := strconv.Itoa(cpus[i])
		if last > i {
			part += "-" + strconv.Itoa(cpus[last])
		}
		parts, i = append(parts, part), last+1
	}
	return strings.Join(parts, ",")
}

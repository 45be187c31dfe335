package doctor

import (
	"fmt"
	"io/fs"
	"strings"
)

func lookShm(v *visit) seen {
	s, err := v.m.Space("/dev/shm")
	if err != nil {
		return unknown("/dev/shm: %v", err)
	}
	if v.n.CPUTierBytes == nil {
		return unnamed("a tier in shared memory", "--cpu-tier GiB").with(s.Free, "B")
	}
	said := fmt.Sprintf("%s free in /dev/shm for a tier of %s", size(s.Free), size(*v.n.CPUTierBytes))
	if s.Free < *v.n.CPUTierBytes+shmBeyond {
		return missing("%s and 1 GiB", said).with(s.Free, "B")
	}
	return ok("%s", said).with(s.Free, "B")
}

// staleBytes is from where on a file in shared memory is worth a line.
const staleBytes = 256 * mib

func lookStale(v *visit) seen {
	entries, err := fs.ReadDir(v.m.Files, "dev/shm")
	if err != nil {
		return unknown("/dev/shm: %v", err)
	}
	var names []string
	sum := 0.0
	for _, e := range entries {
		info, err := e.Info()
		if err == nil && info.Mode().IsRegular() && (info.Size() >= staleBytes || strings.Contains(e.Name(),
			"vllm") || strings.Contains(e.Name(), "offload")) {
			names = append(names, e.Name())
			sum += float64(info.Size())
		}
	}
	if len(names) > 0 {
		return warning("%s in %s: is a server running that has them?", size(sum), short(strings.Join(names, ", "))).with(sum, "B")
	}
	return ok("no files of servers in /dev/shm").with(0, "B")
}

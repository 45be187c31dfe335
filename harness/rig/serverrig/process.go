package serverrig

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"sparkharness/harness/telemetry"

	"github.com/prometheus/procfs"
)

// processesAt are the processes of this machine that listen on the port of a URL, with all that they have started; none where
// that cannot be seen, as of processes of another user.
func processesAt(root, rawURL string) ([]int, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, err
	}
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	if err != nil {
		return nil, fmt.Errorf("no port in the URL: %w", err)
	}
	fs, err := procfs.NewFS(root)
	if err != nil {
		return nil, err
	}
	inodes := map[string]bool{}
	for _, file := range []string{"net/tcp", "net/tcp6"} {
		text, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			continue // a kernel without IPv6 has no such file
		}
		for line := range strings.Lines(string(text)) {
			if inode := telemetry.ListenerInode(line, port); inode != "" {
				inodes["socket:["+inode+"]"] = true
			}
		}
	}
	procs, err := fs.AllProcs()
	if err != nil {
		return nil, err
	}
	children := map[int][]int{}
	var found []int
	for _, p := range procs {
		if stat, err := p.Stat(); err == nil { // one that ended meanwhile is nobody's
			children[stat.PPID] = append(children[stat.PPID], p.PID)
		}
		targets, err := p.FileDescriptorTargets()
		if err == nil && slices.ContainsFunc(targets, func(t string) bool { return inodes[strings.TrimSpace(t)] }) {
			found = append(found, p.PID)
		}
	}
	for i := 0; i < len(found); i++ {
		for _, child := range children[found[i]] {
			if !slices.Contains(found, child) {
				found = append(found, child)
			}
		}
	}
	slices.Sort(found)
	return found, nil
}

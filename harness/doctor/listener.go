package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"net/url"
	"path"
	"strconv"
	"strings"

	"sparkharness/harness/telemetry"
)

var errNoListener = errors.New("no process is seen that listens there")

// listener is the process of this machine that listens on the port of a URL of loopback. It is not seen where it is another
// user's, or in a network namespace of its own.
func (m *Machine) listener(rawURL string) (pid int, err error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return 0, errNoListener
	}
	if at, err := netip.ParseAddr(u.Hostname()); u.Hostname() != "localhost" && (err != nil || !at.IsLoopback()) {
		return 0, errNoListener
	}
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	if err != nil {
		return 0, errNoListener
	}
	sockets := map[string]bool{}
	for _, file := range []string{"proc/net/tcp", "proc/net/tcp6"} {
		text, err := m.text(file)
		if err != nil {
			continue // a kernel without IPv6 has no such file
		}
		for line := range strings.Lines(text) {
			if inode := telemetry.ListenerInode(line, port); inode != "" {
				sockets["socket:["+inode+"]"] = true
			}
		}
	}
	links, linked := m.Files.(fs.ReadLinkFS)
	if len(sockets) == 0 || !linked {
		return 0, errNoListener
	}
	fds, _ := fs.Glob(m.Files, "proc/[0-9]*/fd") // the pattern is well formed
	for _, dir := range fds {
		entries, err := fs.ReadDir(m.Files, dir)
		if err != nil {
			continue // another user's
		}
		for _, e := range entries {
			target, err := links.ReadLink(path.Join(dir, e.Name()))
			if err != nil || !sockets[target] {
				continue
			}
			if pid, err = strconv.Atoi(strings.Split(dir, "/")[1]); err != nil {
				return 0, err
			}
			if comm, err := m.text(fmt.Sprintf("proc/%d/comm", pid)); err == nil && comm == "docker-proxy" {
				return 0, errors.New("docker forwards the port: name the container (--container)")
			}
			return pid, nil
		}
	}
	return 0, errNoListener
}

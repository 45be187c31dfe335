package telemetry

import (
	"strconv"
	"strings"
)

// ListenerInode is the inode of a line of /proc/net/tcp (kernel Documentation/networking/proc_net_tcp.rst) if that is of a socket
// that listens on the port, else "".
func ListenerInode(line string, port uint64) string {
	const local, state, inode, listen = 1, 3, 9, "0A" // TCP_LISTEN of include/net/tcp_states.h
	fields := strings.Fields(line)
	if len(fields) <= inode || fields[state] != listen {
		return ""
	}
	_, hex, ok := strings.Cut(fields[local], ":")
	if n, err := strconv.ParseUint(hex, 16, 16); !ok || err != nil || n != port {
		return ""
	}
	return fields[inode]
}

package load

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"slices"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// arrivals notes for the stamped frames on its connections how long after its stamp the kernel had each.
type arrivals struct {
	mu    sync.Mutex
	conns []*arrivalConn
}

// dial fits outgoing.Options.
func (a *arrivals) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	raw, err := c.(*net.TCPConn).SyscallConn()
	if err != nil {
		return nil, err
	}
	var serr error
	err = raw.Control(func(fd uintptr) {
		serr = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_TIMESTAMPNS, 1)
	})
	if err = errors.Join(err, serr); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	conn := &arrivalConn{Conn: c, raw: raw}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.conns = append(a.conns, conn)
	return conn, nil
}

// delays are the times from stamp to socket, us, sorted; the run has ended.
func (a *arrivals) delays(b *testing.B) []float64 {
	var us []float64
	for _, c := range a.conns {
		c.mu.Lock()
		for _, ns := range c.ns {
			us = append(us, float64(ns)/1e3)
		}
		c.mu.Unlock()
	}
	require.NotEmpty(b, us)
	slices.Sort(us)
	return us
}

// arrivalConn asks the kernel for the time at which it received what is read (socket(7), SO_TIMESTAMPNS;
// for TCP that of the last segment, Unix ns).
type arrivalConn struct {
	net.Conn
	raw syscall.RawConn
	mu  sync.Mutex
	ns  []int64 // stamp to socket
}

func (c *arrivalConn) Read(p []byte) (n int, err error) {
	var control [64]byte
	var got int
	rerr := c.raw.Read(func(fd uintptr) bool {
		n, got, _, _, err = syscall.Recvmsg(int(fd), p, control[:], syscall.MSG_DONTWAIT)
		return err != syscall.EAGAIN
	})
	switch {
	case rerr != nil:
		return 0, rerr
	case err != nil:
		return 0, err
	case n == 0:
		return 0, io.EOF
	}
	_, frame, stamped := bytes.Cut(p[:n], []byte(": "))
	if head := syscall.CmsgLen(0); stamped && got >= head+16 {
		line, _, _ := bytes.Cut(frame, []byte("\n"))
		if sent, err := stamp(line); err == nil {
			at := int64(binary.NativeEndian.Uint64(control[head:]))*1e9 + int64(binary.NativeEndian.Uint64(control[head+8:]))
			c.mu.Lock()
			c.ns = append(c.ns, at-sent)
			c.mu.Unlock()
		}
	}
	return n, nil
}

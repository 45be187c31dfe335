package mixedrig

import (
	"context"
	"fmt"
	"net"
	"sync"
)

// loopback connects clients over TCP with servers that have the stack file's addresses by name alone: each listens on a free
// port of 127.0.0.1, so that no other program is in the way of one or is taken for it.
type loopback struct {
	mu sync.Mutex
	at map[string]string // the stack file's address -> where its server listens
}

func newLoopback() *loopback { return &loopback{at: map[string]string{}} }

// Listen opens a port for an address of the stack file.
func (l *loopback) Listen(addr string) (net.Listener, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.at[addr] != "" {
		return nil, fmt.Errorf("two servers have the address %s", addr)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	l.at[addr] = listener.Addr().String()
	return listener, nil
}

// DialContext connects with the server of an address of the stack file.
func (l *loopback) DialContext(ctx context.Context, _, addr string) (net.Conn, error) {
	l.mu.Lock()
	at := l.at[addr]
	l.mu.Unlock()
	if at == "" {
		return nil, fmt.Errorf("no server has the address %s", addr)
	}
	var d net.Dialer
	return d.DialContext(ctx, "tcp", at)
}

// Package memnet is an in-memory network: listeners and connections with addresses but without sockets.
// Reads and writes that wait do so on condition variables, which a testing/synctest bubble recognises as
// durable blocking, so net/http client and server run over it in virtual time.
package memnet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// Network is a set of listeners by address. The zero value is ready to use.
type Network struct {
	mu        sync.Mutex
	listeners map[string]*Listener
}

// Listen opens an address such as "127.0.0.1:8355".
func (n *Network) Listen(addr string) (*Listener, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.listeners[addr] != nil {
		return nil, &net.OpError{Op: "listen", Net: "mem", Addr: Addr(addr), Err: errors.New("address already in use")}
	}
	l := &Listener{net: n, addr: Addr(addr), accept: make(chan *conn), done: make(chan struct{})}
	if n.listeners == nil {
		n.listeners = map[string]*Listener{}
	}
	n.listeners[addr] = l
	return l, nil
}

// ErrRefused is returned by Dial when nobody listens.
var ErrRefused = errors.New("connection refused")

// DialContext connects to a listener; it fits http.Transport.
func (n *Network) DialContext(ctx context.Context, _, addr string) (net.Conn, error) {
	n.mu.Lock()
	l := n.listeners[addr]
	n.mu.Unlock()
	refused := &net.OpError{Op: "dial", Net: "mem", Addr: Addr(addr), Err: ErrRefused}
	if l == nil {
		return nil, refused
	}
	up, down := newHalf(), newHalf()
	client := &conn{r: down, w: up, local: "client", remote: l.addr}
	server := &conn{r: up, w: down, local: l.addr, remote: "client"}
	select {
	case l.accept <- server:
		return client, nil
	case <-l.done:
		return nil, refused
	case <-ctx.Done():
		return nil, fmt.Errorf("dial %s: %w", addr, ctx.Err())
	}
}

// Addr is an address of the in-memory network.
type Addr string

// Network returns "mem".
func (Addr) Network() string  { return "mem" }
func (a Addr) String() string { return string(a) }

// Listener accepts connections to one address.
type Listener struct {
	net    *Network
	addr   Addr
	accept chan *conn
	once   sync.Once
	done   chan struct{}
}

// Accept waits for the next connection.
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.accept:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// Close frees the address.
func (l *Listener) Close() error {
	l.once.Do(func() {
		l.net.mu.Lock()
		delete(l.net.listeners, string(l.addr))
		l.net.mu.Unlock()
		close(l.done)
	})
	return nil
}

// Addr returns the address listened on.
func (l *Listener) Addr() net.Addr { return l.addr }

// window bounds the bytes under way in one direction, as a socket buffer does.
const window = 1 << 20

// half is one direction of a connection.
type half struct {
	mu       sync.Mutex
	cond     *sync.Cond
	buf      []byte
	off      int // read position in buf
	wclosed  bool
	rclosed  bool
	rdl, wdl deadline
}

func newHalf() *half {
	h := &half{}
	h.cond = sync.NewCond(&h.mu)
	return h
}

// deadline is an instant after which waiting operations give up.
type deadline struct {
	at    time.Time
	timer *time.Timer
}

func (d *deadline) passed() bool { return !d.at.IsZero() && !time.Now().Before(d.at) }

// set arms the deadline; the caller holds h.mu.
func (h *half) set(d *deadline, at time.Time) {
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	d.at = at
	if !at.IsZero() {
		if wait := time.Until(at); wait > 0 {
			d.timer = time.AfterFunc(wait, func() {
				h.mu.Lock()
				defer h.mu.Unlock()
				h.cond.Broadcast()
			})
		}
	}
	h.cond.Broadcast()
}

func (h *half) read(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for {
		switch {
		case h.rclosed:
			return 0, net.ErrClosed
		case h.rdl.passed():
			return 0, os.ErrDeadlineExceeded
		case h.off < len(h.buf):
			n := copy(p, h.buf[h.off:])
			h.off += n
			if h.off == len(h.buf) {
				h.buf, h.off = h.buf[:0], 0
			}
			h.cond.Broadcast()
			return n, nil
		case h.wclosed:
			return 0, io.EOF
		case len(p) == 0:
			return 0, nil
		}
		h.cond.Wait()
	}
}

func (h *half) write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	written := 0
	for {
		switch {
		case h.wclosed:
			return written, net.ErrClosed
		case h.rclosed:
			return written, &net.OpError{Op: "write", Net: "mem", Err: errors.New("connection reset by peer")}
		case h.wdl.passed():
			return written, os.ErrDeadlineExceeded
		}
		if room := window - (len(h.buf) - h.off); room > 0 {
			n := min(room, len(p))
			h.buf = append(h.buf, p[:n]...)
			p = p[n:]
			written += n
			h.cond.Broadcast()
			if len(p) == 0 {
				return written, nil
			}
			continue
		}
		h.cond.Wait()
	}
}

// conn is one end of a connection.
type conn struct {
	r, w          *half
	local, remote Addr
}

func (c *conn) Read(p []byte) (int, error)  { return c.r.read(p) }
func (c *conn) Write(p []byte) (int, error) { return c.w.write(p) }
func (c *conn) LocalAddr() net.Addr         { return c.local }
func (c *conn) RemoteAddr() net.Addr        { return c.remote }

func (c *conn) Close() error {
	c.w.mu.Lock()
	c.w.wclosed = true
	c.w.set(&c.w.wdl, time.Time{})
	c.w.mu.Unlock()
	c.r.mu.Lock()
	c.r.rclosed = true
	c.r.set(&c.r.rdl, time.Time{})
	c.r.mu.Unlock()
	return nil
}

func (c *conn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

func (c *conn) SetReadDeadline(t time.Time) error {
	c.r.mu.Lock()
	defer c.r.mu.Unlock()
	c.r.set(&c.r.rdl, t)
	return nil
}

func (c *conn) SetWriteDeadline(t time.Time) error {
	c.w.mu.Lock()
	defer c.w.mu.Unlock()
	c.w.set(&c.w.wdl, t)
	return nil
}

package mixedrig

import (
	"io"
	"net"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Each server is reached by its address in the stack file, on a port of its own, over TCP.
func TestLoopback(t *testing.T) {
	n := newLoopback()
	for _, addr := range []string{"127.0.0.1:9000", "127.0.0.1:8081"} {
		l, err := n.Listen(addr)
		require.NoError(t, err)
		t.Cleanup(func() { assert.NoError(t, l.Close()) })
		assert.NotEqual(t, addr, l.Addr().String())
		accepted := make(chan error, 1)
		go func() {
			c, err := l.Accept()
			if err == nil {
				_, err = io.WriteString(c, addr)
				_ = c.Close() // the client has all or sees that it has not
			}
			accepted <- err
		}()
		c, err := n.DialContext(t.Context(), "tcp", addr)
		require.NoError(t, err)
		assert.IsType(t, &net.TCPConn{}, c)
		said, err := io.ReadAll(c)
		require.NoError(t, err)
		assert.Equal(t, addr, string(said))
		require.NoError(t, c.Close())
		require.NoError(t, <-accepted)
	}
	_, err := n.Listen("127.0.0.1:9000")
	require.EqualError(t, err, "two servers have the address 127.0.0.1:9000")
	_, err = n.DialContext(t.Context(), "tcp", "127.0.0.1:1")
	require.EqualError(t, err, "no server has the address 127.0.0.1:1")
}

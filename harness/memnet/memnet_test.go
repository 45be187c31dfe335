package memnet_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/nettest"

	"sparkharness/harness/memnet"
)

// The standard conformance suite for net.Conn: deadlines, half-closes, concurrent use.
func TestConformance(t *testing.T) {
	nettest.TestConn(t, func() (c1, c2 net.Conn, stop func(), err error) {
		var n memnet.Network
		l, err := n.Listen("a:1")
		if err != nil {
			return nil, nil, nil, err
		}
		got := make(chan net.Conn)
		go func() {
			c, _ := l.Accept()
			got <- c
		}()
		if c1, err = n.DialContext(context.Background(), "tcp", "a:1"); err != nil {
			return nil, nil, nil, err
		}
		c2 = <-got
		return c1, c2, func() { _, _, _ = c1.Close(), c2.Close(), l.Close() }, nil
	})
}

func TestDialWithoutListenerIsRefused(t *testing.T) {
	var n memnet.Network
	_, err := n.DialContext(context.Background(), "tcp", "a:1")
	require.ErrorIs(t, err, memnet.ErrRefused)

	l, err := n.Listen("a:1")
	require.NoError(t, err)
	_, err = n.Listen("a:1")
	require.ErrorContains(t, err, "in use")
	require.NoError(t, l.Close())
	_, err = n.DialContext(context.Background(), "tcp", "a:1")
	require.ErrorIs(t, err, memnet.ErrRefused)
}

// An hour of streaming over net/http takes no wall time inside a bubble, and each flush arrives at its
// own instant.
func TestHTTPStreamInVirtualTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n memnet.Network
		l, err := n.Listen("a:1")
		require.NoError(t, err)
		srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			for range 4 {
				time.Sleep(15 * time.Minute)
				_, _ = w.Write([]byte("x"))
				_ = http.NewResponseController(w).Flush()
			}
		})}
		served := make(chan error)
		go func() { served <- srv.Serve(l) }()

		tr := &http.Transport{DialContext: n.DialContext}
		start := time.Now()
		resp, err := (&http.Client{Transport: tr}).Get("http://a:1/")
		require.NoError(t, err)
		b := make([]byte, 1)
		for i := 1; i <= 4; i++ {
			_, err := io.ReadFull(resp.Body, b)
			require.NoError(t, err)
			assert.Equal(t, time.Duration(i)*15*time.Minute, time.Since(start))
		}
		require.NoError(t, resp.Body.Close())
		tr.CloseIdleConnections()
		require.NoError(t, srv.Close())
		require.ErrorIs(t, <-served, http.ErrServerClosed)
	})
}

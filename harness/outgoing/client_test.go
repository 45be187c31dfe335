package outgoing

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const secret = "sk-very-secret"

// seen is a server with the requests that it got.
type seen struct {
	*httptest.Server
	keys []string // Authorization of each
}

func serve(t *testing.T, h http.HandlerFunc) *seen {
	t.Helper()
	s := &seen{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.keys = append(s.keys, r.Header.Get("Authorization"))
		h(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

// tcp is a client over TCP to loopback.
func tcp(t *testing.T) *Client {
	t.Helper()
	c := New(Options{})
	t.Cleanup(c.CloseIdleConnections)
	return c
}

// keyed is that client with the key of the server at url.
func keyed(t *testing.T, url string) *Client {
	t.Helper()
	c, err := tcp(t).For(url, secret)
	require.NoError(t, err)
	return c
}

// send posts a prompt.
func send(t *testing.T, c *Client, url string) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	req, err := c.Request(ctx, http.MethodPost, url, strings.NewReader("a prompt"))
	require.NoError(t, err)
	resp, err := c.Do(req)
	if err == nil {
		assert.NoError(t, resp.Body.Close())
	}
	return err
}

// refusal requires that err is one.
func refusal(t *testing.T, err error) *Refusal {
	t.Helper()
	var r *Refusal
	require.ErrorAs(t, err, &r)
	return r
}

func TestRedirectIsNotFollowed(t *testing.T) {
	other := serve(t, func(http.ResponseWriter, *http.Request) {})
	for _, status := range []int{301, 302, 303, 307, 308} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			from := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", strings.Replace(other.URL, "//", "//user:pw@", 1)+"/v1?k=sekret&"+secret+"=x")
				w.WriteHeader(status)
			})
			err := send(t, keyed(t, from.URL), from.URL)
			assert.Equal(t, status, refusal(t, err).Status)
			assert.ErrorContains(t, err, fmt.Sprintf("HTTP %d, a redirect to ", status))
			assert.ErrorContains(t, err, "which is not followed: name the final URL")
			for _, leak := range []string{"pw", "sekret", secret} {
				assert.NotContains(t, err.Error(), leak)
			}
			assert.Len(t, from.keys, 1)
		})
	}
	assert.Empty(t, other.keys)
}

func TestRedirectSaysWhereItPoints(t *testing.T) {
	for location, want := range map[string]string{
		"":                               "nowhere",
		"/v2/completions?key=a":          "/v2/completions?key=[redacted]",
		"http://u:p@10.0.0.1:80/x#y":     "http://[redacted]@10.0.0.1:80/x,",
		"http://u:p#w@10.0.0.1/":         "[not a URL]",
		"mailto:someone":                 "mailto:[redacted]",
		"http://h/" + longText("a", 900): "http://h/aaa",
	} {
		from := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", location)
			w.WriteHeader(http.StatusTemporaryRedirect)
		})
		err := send(t, tcp(t), from.URL)
		assert.ErrorContains(t, err, want)
		assert.Less(t, len(err.Error()), 2*MaxQuote)
	}
}

func longText(s string, n int) string { return strings.Repeat(s, n) }

func TestKeyGoesToItsOriginAlone(t *testing.T) {
	ok := func(http.ResponseWriter, *http.Request) {}
	server, other := serve(t, ok), serve(t, ok)
	c := keyed(t, server.URL+"/v1")
	for _, url := range []string{server.URL + "/v1/models", server.URL + "/metrics", other.URL + "/metrics"} {
		err := send(t, c, url)
		require.NoError(t, err)
	}
	assert.Equal(t, []string{"Bearer " + secret, "Bearer " + secret}, server.keys)
	assert.Equal(t, []string{""}, other.keys)

	none, err := c.For(server.URL, "")
	require.NoError(t, err)
	err = send(t, none, server.URL)
	require.NoError(t, err)
	assert.Empty(t, server.keys[2], "a client for a server without a key has none")
}

// The caller's request is not changed: it may go elsewhere next.
func TestKeyStaysOutOfTheRequest(t *testing.T) {
	server := serve(t, func(http.ResponseWriter, *http.Request) {})
	c := keyed(t, server.URL)
	req, err := c.Request(t.Context(), http.MethodGet, server.URL, nil)
	require.NoError(t, err)
	resp, err := c.Do(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	assert.Empty(t, req.Header)
}

// counted is a transport that carries nothing.
type counted struct{ requests int }

func (c *counted) RoundTrip(*http.Request) (*http.Response, error) {
	c.requests++
	return nil, errors.New("no network")
}

func TestLoopbackAlone(t *testing.T) {
	for url, local := range map[string]bool{
		"http://127.0.0.1:80/": true, "http://127.8.8.8/": true, "http://[::1]:80/": true, "http://LocalHost:80/": true, "http://[::ffff:127.0.0.1]/": true,
		"http://10.0.0.1:80/": false, "https://example.com/": false, "http://localhost.example.com/": false, "http://0.0.0.0/": false, "http://[fe80::1]/": false,
		"http://127.0.0.1.example.com/": false,
	} {
		way := &counted{}
		c := New(Options{Through: way})
		err := send(t, c, url)
		require.Error(t, err)
		assert.Equal(t, !local, IsRemote(err), url)
		assert.Equal(t, local, c.Permits(url) == nil, url)
		_, err = c.For(url, secret)
		assert.Equal(t, !local, IsRemote(err), url)
		if local {
			assert.Equal(t, 1, way.requests, url)
			continue
		}
		assert.Zero(t, refusal(t, err).Status)
		assert.Zero(t, way.requests, url)
		err = send(t, New(Options{Through: way, Remote: true}), url)
		assert.EqualError(t, err, "no network")
	}
}

// A name that resolves to another machine is not loopback, whatever it is called.
func TestDialerIsOfLoopback(t *testing.T) {
	server := serve(t, func(http.ResponseWriter, *http.Request) {})
	_, err := dialer(false).DialContext(t.Context(), "tcp", "192.0.2.1:80")
	require.ErrorIs(t, err, errRemote)
	conn, err := dialer(false).DialContext(t.Context(), "tcp", server.Listener.Addr().String())
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	assert.Nil(t, dialer(true).Control)

	transport := New(Options{}).through.(*http.Transport)
	_, err = transport.DialContext(t.Context(), "tcp", "192.0.2.1:80")
	require.ErrorIs(t, err, errRemote, "the client uses it")
	assert.Nil(t, transport.Proxy, "and nothing in between")
}

func TestUserInfoIsRefused(t *testing.T) {
	way := &counted{}
	c := New(Options{Through: way})
	err := send(t, c, "http://user:pw@127.0.0.1/")
	assert.Zero(t, refusal(t, err).Status)
	assert.ErrorContains(t, err, "environment variable")
	assert.NotContains(t, err.Error(), "pw")
	assert.Zero(t, way.requests)
}

func TestBadURLIsNotQuoted(t *testing.T) {
	c := New(Options{})
	for _, url := range []string{"http://u:sec#ret@127.0.0.1", "127.0.0.1:8355/sec", "ftp://sec", "http://", "http://h:sec", "http://sec ret/", "sec"} {
		_, err := c.Request(t.Context(), http.MethodGet, url, nil)
		require.EqualError(t, err, "not a URL, such as http://127.0.0.1:8355", url)
		assert.EqualError(t, c.Permits(url), err.Error())
		_, ferr := c.For(url, "")
		assert.EqualError(t, ferr, err.Error())
	}
}

// hijacked answers with the given bytes and keeps the connection open until the test ends.
func hijacked(t *testing.T, text string) *seen {
	t.Helper()
	return serve(t, func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if !assert.NoError(t, err) {
			return
		}
		t.Cleanup(func() { _ = conn.Close() }) // the client may have closed it
		_, _ = io.WriteString(conn, text)
	})
}

// The body of a 101 is the connection itself: who reads it waits for as long as the server likes.
func TestSwitchOfProtocolsIsRefused(t *testing.T) {
	from := hijacked(t, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n")
	err := send(t, tcp(t), from.URL)
	assert.Equal(t, http.StatusSwitchingProtocols, refusal(t, err).Status)
	assert.ErrorContains(t, err, "correct the server's URL")
}

func TestHeaderSetIsBounded(t *testing.T) {
	for lines, fits := range map[int]bool{60: true, 70: false} {
		from := hijacked(t, "HTTP/1.1 200 OK\r\n"+longText("X-A: "+longText("a", 1017)+"\r\n", lines)+"Content-Length: 0\r\n\r\n")
		err := send(t, tcp(t), from.URL)
		assert.Equal(t, fits, err == nil, "%d KiB: %v", lines, err)
	}
}

func TestTransportErrorsAreFit(t *testing.T) {
	cause := errors.New("malformed header \x1b[2J Bearer " + secret + longText(" x", 300))
	c, err := New(Options{Through: failing{cause}}).For("http://127.0.0.1", secret)
	require.NoError(t, err)
	err = send(t, c, "http://127.0.0.1/?k=sekret")
	require.ErrorIs(t, err, cause)
	assert.Contains(t, err.Error(), `malformed header \x1b[2J Bearer [redacted] x x`)
	assert.LessOrEqual(t, len(err.Error()), MaxQuote+4)

	plain := &net.OpError{Op: "dial", Err: errors.New("connection refused")}
	err = send(t, New(Options{Through: failing{plain}}), "http://127.0.0.1/?k=sekret")
	assert.Equal(t, plain, err, "an error that is fit stays itself, and no URL is put before it")
}

type failing struct{ err error }

func (f failing) RoundTrip(*http.Request) (*http.Response, error) { return nil, f.err }

func TestClientDoesNotPrintItsKey(t *testing.T) {
	c, err := New(Options{}).For("http://127.0.0.1", secret)
	require.NoError(t, err)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		text := fmt.Sprintf(verb+" "+verb, c, *c)
		assert.NotContains(t, text, "secret", verb)
		assert.NotContains(t, text, fmt.Sprintf("%x", "secret"), verb)
	}
	page := []byte("x{auth=\"Bearer " + secret + "\"} 1\n")
	assert.Equal(t, "x{auth=\"Bearer [redacted]\"} 1\n", string(c.Redact(page)))
	assert.Contains(t, string(page), secret, "a copy")
	none := New(Options{})
	assert.Equal(t, page, none.Redact(page))
	assert.NotSame(t, &page[0], &none.Redact(page)[0])
	assert.Nil(t, none.Redact(nil))
}

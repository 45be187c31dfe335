package outgoing

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"syscall"
)

// maxHeader bounds one header set, bytes: a real one has some hundred.
const maxHeader = 64 << 10

// Options are what a Client can be made with. The zero value sends over TCP, to loopback alone.
type Options struct {
	// Remote lets requests go to other hosts than loopback.
	Remote bool
	// Dial opens connections instead of TCP.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// Through carries the requests instead of a transport of the client's own; its bounds are its own, too.
	Through http.RoundTripper
}

// Client sends requests. Safe for concurrent use.
type Client struct {
	through http.RoundTripper
	fresh   http.RoundTripper // like through, with a connection for each request
	remote  bool
	key     *Secret // a pointer, because package fmt prints what an unexported field holds; nil for none
	origin  string  // the key's
}

// New makes a client without a key.
func New(o Options) *Client {
	c := &Client{through: o.Through, fresh: o.Through, remote: o.Remote}
	if c.through != nil {
		return c
	}
	t := &http.Transport{
		DialContext: o.Dial, DisableCompression: true, MaxResponseHeaderBytes: maxHeader,
		// As many idle connections as requests may be outstanding, so that none is dropped and dialled anew.
		MaxIdleConnsPerHost: 1 << 16,
	}
	if o.Dial == nil {
		// A dialer of its own would cost it HTTP/2, which servers behind TLS may speak.
		t.DialContext, t.ForceAttemptHTTP2 = dialer(o.Remote).DialContext, true
	}
	c.through = t
	fresh := t.Clone()
	fresh.DisableKeepAlives = true
	c.fresh = fresh
	return c
}

// dialer connects to loopback alone unless remote is set, whatever a name resolves to.
func dialer(remote bool) *net.Dialer {
	if remote {
		return &net.Dialer{}
	}
	return &net.Dialer{Control: func(_, address string, _ syscall.RawConn) error {
		host, _, err := net.SplitHostPort(address)
		if err == nil && !loopback(host) {
			return errRemote
		}
		return err
	}}
}

// For is the client with a key for the server at rawURL: requests to that origin carry it, others do not. An empty
// key takes a key away. It refuses a URL that the client would send nothing to.
func (c *Client) For(rawURL string, key Secret) (*Client, error) {
	u, err := c.target(rawURL)
	if err == nil {
		err = key.check()
	}
	if err != nil {
		return nil, err
	}
	out := *c
	out.key, out.origin = nil, ""
	if key != "" {
		out.key, out.origin = &key, origin(u)
	}
	return &out, nil
}

// Permits says why the client would send nothing to rawURL, nil if it would.
func (c *Client) Permits(rawURL string) error {
	_, err := c.target(rawURL)
	return err
}

func (c *Client) target(rawURL string) (*url.URL, error) {
	u, err := parse(rawURL)
	if err != nil {
		return nil, err
	}
	return u, c.permit(u)
}

// Request is http.NewRequestWithContext, for HTTP servers and with an error that does not quote the URL.
func (c *Client) Request(ctx context.Context, method, rawURL string, body io.Reader) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, method, rawURL, body)
	if err != nil || !ofServer(req.URL) {
		return nil, errNoURL
	}
	return req, nil
}

// Do sends a request and returns the answer's head; the caller closes the body. A request that may not be sent, a
// redirect and a switch of protocols are errors of type Refusal. Other errors are the transport's, with a text that
// is fit to be shown.
func (c *Client) Do(req *http.Request) (*http.Response, error) { return c.do(c.through, req) }

// DoFresh is Do on a connection that has carried no other request and will carry none, for one that came as the server
// was closing an older connection. Options.Through sees to its connections itself.
func (c *Client) DoFresh(req *http.Request) (*http.Response, error) { return c.do(c.fresh, req) }

func (c *Client) do(through http.RoundTripper, req *http.Request) (*http.Response, error) {
	if err := c.permit(req.URL); err != nil {
		if req.Body != nil {
			_ = req.Body.Close() // as a transport does
		}
		return nil, err
	}
	if c.key != nil && origin(req.URL) == c.origin {
		req = req.Clone(req.Context())
		req.Header.Set("Authorization", "Bearer "+string(*c.key))
	}
	resp, err := through.RoundTrip(req)
	if err != nil {
		return nil, c.Fit(err)
	}
	if err := c.refuse(req.URL, resp); err != nil {
		_ = resp.Body.Close() // it says nothing that is needed
		return nil, err
	}
	return resp, nil
}

// permit says why nothing may be sent to u, nil if it may.
func (c *Client) permit(u *url.URL) error {
	switch {
	case u.User != nil:
		return errUserInfo
	case !c.remote && !loopback(u.Hostname()):
		return errRemote
	}
	return nil
}

// CloseIdleConnections closes the connections that carry no request.
func (c *Client) CloseIdleConnections() {
	if t, ok := c.through.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}

package outgoing

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
)

// Refusal is what a Client does not do, whatever a network would allow.
type Refusal struct {
	Status int // of the answer that is refused; 0 if nothing was sent
	reason string
}

func (r *Refusal) Error() string { return r.reason }

var (
	errUserInfo = &Refusal{reason: "the URL holds user info: take it out, and put a key into an environment variable"}
	errRemote   = &Refusal{reason: "the host is not loopback, and nothing is sent beyond this machine unless that is allowed"}
	errNoURL    = &Refusal{reason: "not a URL, such as http://127.0.0.1:8355"}
)

// IsRemote reports whether err refuses a host that is not loopback.
func IsRemote(err error) bool { return errors.Is(err, errRemote) }

// refuse says why an answer to a request for u is not taken, nil if it is.
func (c *Client) refuse(u *url.URL, resp *http.Response) error {
	switch resp.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return &Refusal{resp.StatusCode, fmt.Sprintf("HTTP %d, a redirect to %s, which is not followed: name the final URL",
			resp.StatusCode, c.Quote(pointed(u, resp.Header.Get("Location"))))}
	case http.StatusSwitchingProtocols:
		// Its body is the bare connection: no time limit would end reading from it.
		return &Refusal{resp.StatusCode, "HTTP 101, a switch to another protocol, which was not asked for: correct the server's URL"}
	}
	return nil
}

// pointed is where a redirect of u points, fit to be shown.
func pointed(u *url.URL, location string) string {
	if location == "" {
		return "nowhere"
	}
	to, err := u.Parse(location)
	if err != nil {
		return notURL
	}
	return show(to)
}

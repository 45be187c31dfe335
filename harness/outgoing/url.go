package outgoing

import (
	"net"
	"net/netip"
	"net/url"
	"strings"
)

// Placeholders for what is not shown.
const (
	redacted = "[redacted]"
	notURL   = "[not a URL]"
)

// Shown is a URL as it may be printed and recorded: without user info, fragment, and the values of its query.
func Shown(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil {
		return notURL
	}
	return show(u)
}

func show(u *url.URL) string {
	if u.Opaque != "" {
		return u.Scheme + ":" + redacted
	}
	out := *u
	out.Fragment, out.RawFragment, out.RawQuery, out.ForceQuery = "", "", "", false
	if u.User != nil {
		out.User = url.User(redacted)
	}
	text := out.String()
	if _, err := url.Parse(text); err != nil {
		return notURL // of some IPv6 zones net/url reads what it does not write
	}
	// The brackets come out escaped.
	text = strings.Replace(text, url.User(redacted).String()+"@", redacted+"@", 1)
	if u.RawQuery == "" {
		return text
	}
	return text + "?" + query(u.RawQuery)
}

// query keeps the names of a query's parameters.
func query(raw string) string {
	parts := strings.Split(raw, "&")
	for i, part := range parts {
		// A parameter without a name may be all value.
		name, _, named := strings.Cut(part, "=")
		if !named || name == "" {
			parts[i] = redacted
			continue
		}
		if plain, err := url.QueryUnescape(name); err == nil {
			name = plain
		}
		parts[i] = url.QueryEscape(name) + "=" + redacted
	}
	return strings.Join(parts, "&")
}

// parse reads the URL of an HTTP server. Its error quotes nothing of it: where the host was meant to end is unclear in
// a URL that does not parse, so any part of it may be a password.
func parse(rawURL string) (*url.URL, error) {
	u, err := url.Parse(rawURL)
	if err != nil || !ofServer(u) {
		return nil, errNoURL
	}
	return u, nil
}

func ofServer(u *url.URL) bool {
	return (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != ""
}

// origin is scheme, host and port, as RFC 6454 compares them.
func origin(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return u.Scheme + "://" + net.JoinHostPort(strings.ToLower(u.Hostname()), port)
}

// loopback reports whether a host is this machine and no other.
func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}

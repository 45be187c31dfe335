package config

import (
	"net"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
)

var (
	// ipv4Everywhere is 0.0.0.0 wherever it stands.
	ipv4Everywhere = regexp.MustCompile(`(?m)(^|[^0-9.])(0\.0\.0\.0)($|[^0-9.]|\.$)`)
	// listening is a word after which an address comes: --host, bind:, ROUTER_LISTEN_ADDR.
	listening = regexp.MustCompile(`(?i)(host|bind|listen|addr|address|interface)[a-z]*:?$`)
	// zeros is 0 as inet_aton(3) reads it, in up to four parts.
	zeros = regexp.MustCompile(`^(0+|0[xX]0+)(\.(0+|0[xX]0+)){0,3}$`)
)

// everywhere is how a text, an argument that may follow another one, tells a server to listen on every interface: "" if it does not.
func everywhere(before, text string) string {
	if found := ipv4Everywhere.FindStringSubmatch(text); found != nil {
		return found[2]
	}
	after, text := listening.MatchString(strings.TrimSpace(before)), strings.TrimSpace(text)
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" \t\r\n,='\"", r) }) {
		if isEverywhere(word, after, word == text) {
			return word
		}
		after = listening.MatchString(word)
	}
	return ""
}

// isEverywhere says so of one word that may be an address; of a number or a port alone only what stands beside it tells.
func isEverywhere(word string, address, alone bool) bool {
	if scheme, rest, ok := strings.Cut(word, "://"); ok && scheme != "" {
		word, address = strings.TrimSuffix(rest, "/"), true
	}
	host := word
	if h, port, err := net.SplitHostPort(word); err == nil {
		if _, err := strconv.ParseUint(port, 10, 16); err == nil {
			if h == "" {
				return address || alone // :8000; in JSON a number after a name
			}
			host = h
			address = address || h == "*"
		}
	}
	host = strings.Trim(host, "[]")
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.Unmap().WithZone("").IsUnspecified()
	}
	return address && (host == "*" || zeros.MatchString(host))
}

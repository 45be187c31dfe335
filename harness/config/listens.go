package config

import (
	"net"
	"net/netip"
	"regexp"
	"strings"
)

var (
	// ipv4Everywhere is 0.0.0.0 wherever it stands.
	ipv4Everywhere = regexp.MustCompile(`(?m)(^|[^0-9.])(0\.0\.0\.0)($|[^0-9.]|\.$)`)
	// listening is a word after which an address comes: --host, bind:, ROUTER_LISTEN_ADDR, --ServerApp.ip, httpaddr, -H.
	listening = regexp.MustCompile(`(?i)(^|[-_.])(bind|listen|https?|grpc|api|server)?(host(name)?|bind|listen[a-z]*|addr(s|ess(es)?)?|` +
		`interfaces?|ip)([-_](addr|address|ip))?:?$|^(?-i:-H)$`)
	// listeningNot are words like those after which something else comes: processors and memory that a program is bound to, and whom
	// it believes or calls.
	listeningNot = regexp.MustCompile(`(?i)(^|[-_.])((mem|cpu|gpu|core|proc|node|thread)[-_]bind|` +
		`(allow|allowed|trust|trusted)[-_][a-z_-]+|server[-_]hostname):?$`)
	// hump is where a word begins in listenAddress.
	hump = regexp.MustCompile(`([a-z])([A-Z])`)
	// zeros is 0 as inet_aton(3) reads it, in up to four parts.
	zeros = regexp.MustCompile(`^(0+|0[xX]0+)(\.(0+|0[xX]0+)){0,3}$`)

	// unknown is what has a value only later, as {port} and $PORT, and a version, which may be written as an address is.
	unknown = regexp.MustCompile(placeholder.String() + `|\$\{\w+\}|\$\w+|[=<>!~]=[0-9.]+`)
	// afterName is the colon of JSON: behind the quote that ends a name, while that of ":8000" is behind one that begins a value.
	afterName = regexp.MustCompile(`\w\\?["']\s*:`)
	port      = regexp.MustCompile(`^([0-9]+|\$+|\*)$`)
	words     = regexp.MustCompile(`[^ \t\r\n,='"{}\\]+`)
)

// everywhere is how a text, an argument that may follow another one, tells a server to listen on every interface: "" if it does not.
func everywhere(before, text string) string {
	text = strings.TrimSpace(text)
	// Of the same length, so that a word can be shown as it stands in the file.
	plain := unknown.ReplaceAllStringFunc(text, func(s string) string { return strings.Repeat("$", len(s)) })
	plain = afterName.ReplaceAllStringFunc(plain, func(s string) string { return s[:len(s)-1] + " " })
	if found := ipv4Everywhere.FindStringSubmatch(plain); found != nil {
		return found[2]
	}
	after := isListening(strings.TrimSpace(before))
	for _, at := range words.FindAllStringIndex(plain, -1) {
		word := plain[at[0]:at[1]]
		if isEverywhere(word, after, word == plain) {
			return text[at[0]:at[1]]
		}
		after = isListening(word) || after && word == "[" // a list of addresses
	}
	return ""
}

func isListening(word string) bool {
	word = hump.ReplaceAllString(word, "$1-$2")
	return listening.MatchString(word) && !listeningNot.MatchString(word)
}

// isEverywhere says so of one word that may be an address; of a number or a port alone only what stands beside it tells.
func isEverywhere(word string, address, alone bool) bool {
	if scheme, rest, ok := strings.Cut(word, "://"); ok && scheme != "" {
		word, address = strings.TrimSuffix(rest, "/"), true
	}
	host := word
	if h, p, err := net.SplitHostPort(word); err == nil && port.MatchString(p) {
		if h == "" {
			return address || alone // :8000; in JSON a number after a name
		}
		host = h
		address = address || h == "*"
	}
	host = strings.Trim(host, "[]")
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.Unmap().WithZone("").IsUnspecified()
	}
	return address && (host == "*" || zeros.MatchString(host))
}

package archive

import (
	"bytes"
	"regexp"
)

// Texts lie in files of JSON and pages as often as in logs, and what stands around a secret is written otherwise there.
const (
	// begins is what may stand before a secret: whatever is part of no word, and the escapes that end in letters or digits, of
	// JSON, of URLs and of terminals' colours. A looker puts a line break before the beginning of a file.
	begins = `(?:[^A-Za-z0-9]|\\[bfnrt]|\\u[0-9A-Fa-f]{4}|%[0-9A-Fa-f]{2}|\[[0-9;]*m)`
	blank  = `(?:[ \t+]|\\t|\\u0020|%20|&#32;)+`
	quoted = `(?:\\?["']|\\u0027|&#3[49];|&quot;|&apos;)`
	quote  = quoted + `?`
	is     = quote + `\s*[:=]\s*\[?` + quote // between the name of a header and its value
	and    = `(?:[?&]|\\u0026|&amp;|&#38;|%26|%3[Ff])`

	// orNext is what may stand between an option and its value, too, in a command line and in JSON's list of one.
	orNext = `(?:` + is + `|` + blank + quote + `|` + quote + `\s*,\s*` + quote + `)`
	// named is between a name and its value that both stand in quotes, so that no sentence of a log looks like them.
	named    = quoted + `\s*[:=]\s*\[?` + quoted
	unquoted = `[^\s"'\\&<>\[\]{}$*]`
	// user and word are of a URL. Quotes and commas end it in a list of URLs, and a name with a dollar is a variable's.
	user = `[^/\s:@"',$]*`
	word = `[^/\s:@"'\[,$]`

	mostBefore = 40 // bytes of a text that may stand before a secret
)

// shape is that of keys that somebody hands out, by who does: a secret that this environment does not know. It begins with one of
// has, which are looked for first, because that is a hundred times faster.
type shape struct {
	of     string
	before *regexp.Regexp // what has to stand there
	are    *regexp.Regexp
	has    []string
	random bool // its group has a digit in it, which words that only begin like a secret have not
}

func shaped(of, before, secret string, has ...string) shape {
	return shape{of: of, before: regexp.MustCompile(before + "$"), are: regexp.MustCompile("^" + secret), has: has}
}

// randomly is of secrets that look like words but for their digits, after what is written before them.
func randomly(of, before, name, secret string, has ...string) shape {
	s := shaped(of, before, name+"("+secret+")", has...)
	s.random = true
	return s
}

// find is where a text holds one, -1 if nowhere.
func (s shape) find(text []byte) int {
	for _, has := range s.has {
		for at := 0; ; at += len(has) {
			i := bytes.Index(text[at:], []byte(has))
			if i < 0 {
				break
			}
			at += i
			if s.is(text[at:min(len(text), at+longest)]) && s.before.Match(text[max(0, at-mostBefore):at]) {
				return at
			}
		}
	}
	return -1
}

func (s shape) is(text []byte) bool {
	if !s.random {
		return s.are.Match(text)
	}
	found := s.are.FindSubmatch(text)
	return found != nil && bytes.ContainsAny(found[1], "0123456789")
}

var shapes = []shape{
	shaped("a Hugging Face token", begins, `hf_[A-Za-z0-9]{30,}`, "hf_"),
	randomly("an OpenAI or Anthropic key", begins, `sk-`, `[A-Za-z0-9_-]{20,}`, "sk-"),
	shaped("an NVIDIA key", begins, `nvapi-[A-Za-z0-9_-]{20,}`, "nvapi-"),
	shaped("a GitHub token", begins, `gh[pousr]_[A-Za-z0-9]{30,}`, "ghp_", "gho_", "ghu_", "ghs_", "ghr_"),
	shaped("a GitHub token", begins, `github_pat_[A-Za-z0-9_]{20,}`, "github_pat_"),
	shaped("a GitLab token", begins, `glpat-[A-Za-z0-9_.-]{20,}`, "glpat-"),
	shaped("a Slack token", begins, `xox[a-z]-[A-Za-z0-9-]{16,}`, "xox"),
	shaped("a Google key", begins, `AIza[A-Za-z0-9_-]{35}`, "AIza"),
	shaped("an AWS key id", begins, `A[KS]IA[A-Z0-9]{16}\b`, "AKIA", "ASIA"),
	randomly("an AWS key", "", `(?i:access_?key)`+is, `[A-Za-z0-9/+]{16,}`, "ACCESS_KEY", "access_key", "AccessKey", "accessKey"),
	shaped("a private key", "", `-----BEGIN [A-Z ]*PRIVATE KEY-----`, "-----BEGIN "),
	shaped("a web token", begins, `eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{16,}`, "eyJ"),
	randomly("a bearer token", begins, `(?i:bearer)`+blank, `[A-Za-z0-9._~+/-]{16,}`, "bearer", "Bearer", "BEARER"),
	shaped("a key of HTTP", begins, `(?i:api[-_]?key)`+is+`[A-Za-z0-9._~+/-]{16,}`, apiKeys...),
	shaped("a key in a command", "", `--api[-_]key`+orNext+`[A-Za-z0-9._~+/-]{16,}`, "--api-key", "--api_key"),
	shaped("a password of HTTP", begins, `(?i:authorization`+is+`basic)`+blank+`[A-Za-z0-9+/=]{8,}`, authorizations...),
	randomly("a token of HTTP", begins, `(?i:authorization`+is+`(?:token|apikey))`+blank+`(?:token=)?`+quote, `[A-Za-z0-9._~+/-]{16,}`,
		authorizations...),
	shaped("a password", "", `(?i:passw(?:or)?d)`+named+unquoted+`{12,}`+quoted, passwords...),
	randomly("a password", "", `(?i:passw(?:or)?d)`+named, unquoted+`{8,}`, passwords...),
	// What looks like host:port@ is no name and password: docker://registry.org:443@sha256.
	shaped("a password in a URL", "[A-Za-z]", `://(?:[^./\s:@"',$]*:`+word+`+|`+user+`:(?:`+word+`{6,}|[0-9]*[^0-9/\s:@"'\[,$]`+word+`*))@`, "://"),
	shaped("a secret in a URL", and, `[a-z_-]+=[A-Za-z0-9._~+/%-]{8,}`, "api_key=", "api-key=", "apikey=", "key=", "access_token="),
	shaped("a secret in a URL", and+`(?:[A-Za-z_-]{0,24}[_-])?`, `[a-z]+=[A-Za-z0-9._~+/%-]{8,}`, "token=", "secret=", "password="),
}

// How what stands before a secret is written in headers, in options, in variables and in the languages of programs.
var (
	apiKeys = []string{"api-key", "Api-Key", "API-Key", "Api-key", "API-KEY", "api_key", "API_KEY", "Api_Key", "apikey", "apiKey", "ApiKey",
		"APIKey", "APIKEY"}
	authorizations = []string{"authorization", "Authorization", "AUTHORIZATION"}
	passwords      = []string{"password", "Password", "PASSWORD", "passwd", "PASSWD"}
)

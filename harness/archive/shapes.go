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
	quote  = `(?:\\?["']|\\u0027|&#3[49];|&quot;|&apos;)?`
	is     = quote + `\s*[:=]\s*\[?` + quote // between the name of a header and its value
	and    = `(?:[?&]|\\u0026|&amp;|&#38;|%26|%3[Ff])`

	mostBefore = 16 // bytes of a text that may stand before a secret
)

// shape is that of keys that somebody hands out, by who does: a secret that this environment does not know. It begins with one of
// has, which are looked for first, because that is a hundred times faster.
type shape struct {
	of     string
	before *regexp.Regexp // what has to stand there
	are    *regexp.Regexp
	has    []string
}

func shaped(of, before, secret string, has ...string) shape {
	return shape{of, regexp.MustCompile(before + "$"), regexp.MustCompile("^" + secret), has}
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
			if s.are.Match(text[at:min(len(text), at+longest)]) && s.before.Match(text[max(0, at-mostBefore):at]) {
				return at
			}
		}
	}
	return -1
}

var shapes = []shape{
	shaped("a Hugging Face token", begins, `hf_[A-Za-z0-9]{30,}`, "hf_"),
	shaped("an OpenAI or Anthropic key", begins, `sk-[A-Za-z0-9_-]{20,}`, "sk-"),
	shaped("an NVIDIA key", begins, `nvapi-[A-Za-z0-9_-]{20,}`, "nvapi-"),
	shaped("a GitHub token", begins, `gh[pousr]_[A-Za-z0-9]{30,}`, "ghp_", "gho_", "ghu_", "ghs_", "ghr_"),
	shaped("a GitHub token", begins, `github_pat_[A-Za-z0-9_]{20,}`, "github_pat_"),
	shaped("a GitLab token", begins, `glpat-[A-Za-z0-9_.-]{20,}`, "glpat-"),
	shaped("a Google key", begins, `AIza[A-Za-z0-9_-]{35}`, "AIza"),
	shaped("an AWS key id", begins, `A[KS]IA[A-Z0-9]{16}\b`, "AKIA", "ASIA"),
	shaped("a private key", "", `-----BEGIN [A-Z ]*PRIVATE KEY-----`, "-----BEGIN "),
	shaped("a web token", begins, `eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{16,}`, "eyJ"),
	shaped("a bearer token", begins, `(?i:bearer)`+blank+`[A-Za-z0-9._~+/-]{16,}`, "bearer", "Bearer", "BEARER"),
	shaped("a key of HTTP", begins, `(?i:api-key)`+is+`[A-Za-z0-9._~+/-]{16,}`, "api-key", "Api-Key", "API-Key", "Api-key", "API-KEY"),
	shaped("a password of HTTP", begins, `(?i:authorization`+is+`basic)`+blank+`[A-Za-z0-9+/=]{8,}`, "authorization", "Authorization", "AUTHORIZATION"),
	shaped("a password in a URL", "[a-z]", `://[^/\s:@"]*:[^/\s:@"\[]+@`, "://"),
	shaped("a secret in a URL", and, `[a-z_-]+=[A-Za-z0-9._~+/%-]{8,}`,
		"api_key=", "api-key=", "apikey=", "key=", "access_token=", "token=", "secret=", "password="),
}

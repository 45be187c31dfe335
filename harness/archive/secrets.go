package archive

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Secrets are what no archive carries.
type Secrets struct{ values []secret }

type secret struct{ variable, value string }

// secretName is how variables are called whose value nobody is told. Words that stand in others, as in KEYBOARD and COMPASS, have to
// stand alone.
var secretName = regexp.MustCompile(`(?i)TOKEN|API_?KEY|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIAL|(^|_)(KEY|PASS)(_|$)`)

// leastSecret is the length from which on a value is looked for, bytes: a shorter one is found in any text.
const leastSecret = 8

// SecretsOf are the values of the variables in an environment, as os.Environ gives it, whose names say that they are secrets.
func SecretsOf(environ []string) Secrets {
	var s Secrets
	for _, v := range environ {
		name, value, _ := strings.Cut(v, "=")
		if !secretName.MatchString(name) || len(value) < leastSecret {
			continue
		}
		s.values = append(s.values, secret{name, value})
		// A file of JSON holds some characters otherwise.
		if text, err := json.Marshal(value); err == nil && string(text[1:len(text)-1]) != value {
			s.values = append(s.values, secret{name, string(text[1 : len(text)-1])})
		}
	}
	return s
}

// shapes are those of keys that somebody hands out, by who does: a secret that this environment does not know. Each holds one of
// the texts of has, which are looked for first, because that is a hundred times faster.
var shapes = []struct {
	of  string
	has []string
	are *regexp.Regexp
}{
	{"a Hugging Face token", []string{"hf_"}, regexp.MustCompile(`\bhf_[A-Za-z0-9]{30,}`)},
	{"an OpenAI or Anthropic key", []string{"sk-"}, regexp.MustCompile(`\bsk-[A-Za-z0-9_-]{20,}`)},
	{"an NVIDIA key", []string{"nvapi-"}, regexp.MustCompile(`\bnvapi-[A-Za-z0-9_-]{20,}`)},
	{"a GitHub token", []string{"ghp_", "gho_", "ghu_", "ghs_", "ghr_"}, regexp.MustCompile(`\bgh[pousr]_[A-Za-z0-9]{30,}`)},
	{"an AWS key id", []string{"AKIA"}, regexp.MustCompile(`\bAKIA[A-Z0-9]{16}\b`)},
	{"a private key", []string{"PRIVATE KEY-----"}, regexp.MustCompile(`-----BEGIN [A-Z ]*PRIVATE KEY-----`)},
	{"a bearer token", []string{"earer ", "EARER "}, regexp.MustCompile(`\b(?:[Bb]earer|BEARER) +[A-Za-z0-9._~+/-]{16,}`)},
	{"a password of HTTP", []string{"asic ", "ASIC "}, regexp.MustCompile(`(?i)authorization["']?[:=]\s*["']?basic +[a-z0-9+/=]{8,}`)},
	{"a password in a URL", []string{"://"}, regexp.MustCompile(`[a-z]://[^/\s:@"]*:[^/\s:@"\[]+@`)},
	{"a secret in a URL", []string{"key=", "token=", "secret=", "password="}, regexp.MustCompile(`[?&](?:api_?key|key|access_token|token|secret|password)=[A-Za-z0-9._~+/%-]{8,}`)},
}

// longest is how much of what came before is looked at again with what follows, bytes: no secret is longer.
const longest = 4 << 10

// looker looks for secrets in what is written to it.
type looker struct {
	secrets Secrets
	file    string
	window  []byte // the end of what came, and what has not been looked at
	lines   int    // line breaks before the window
	found   error
}

// look begins with the file's own name.
func (s Secrets) look(file string) *looker {
	l := &looker{secrets: s, file: "a file's name", window: []byte(file)}
	l.scan()
	l.file, l.window = file, nil
	return l
}

// Write never fails: what is found is told at the end.
func (l *looker) Write(p []byte) (int, error) {
	l.window = append(l.window, p...)
	if len(l.window) >= 16*longest {
		l.scan()
		drop := len(l.window) - longest
		l.lines += bytes.Count(l.window[:drop], []byte("\n"))
		l.window = slices.Delete(l.window, 0, drop)
	}
	return len(p), nil
}

func (l *looker) scan() {
	if l.found != nil {
		return
	}
	for _, s := range l.secrets.values {
		if at := bytes.Index(l.window, []byte(s.value)); at >= 0 {
			l.refuse("the value of "+s.variable, at)
		}
	}
	for _, s := range shapes {
		if !slices.ContainsFunc(s.has, func(text string) bool { return bytes.Contains(l.window, []byte(text)) }) {
			continue
		}
		if at := s.are.FindIndex(l.window); at != nil {
			l.refuse(s.of, at[0])
		}
	}
}

func (l *looker) refuse(what string, at int) {
	line := l.lines + bytes.Count(l.window[:at], []byte("\n")) + 1
	l.found = fmt.Errorf("%s, line %d: holds %s: nothing was packed. Take it out, and revoke it if others have seen the file", l.file, line, what)
}

func (l *looker) end() error {
	l.scan()
	return l.found
}

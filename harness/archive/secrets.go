package archive

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Secrets are what no archive carries.
type Secrets struct{ values []secret }

type secret struct{ variable, value string }

// secretName is how variables are called whose value nobody is told. Words that stand in others, as in KEYBOARD and COMPASS, have to
// stand alone, as has TOKEN, which begins TOKENIZER; PWD alone is the working folder, and SSH_AUTH_SOCK a place.
var secretName = regexp.MustCompile(`(?i)TOKEN$|(^|_)TOKENS?[0-9]*(_|$)|API_?KEY|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIAL|` +
	`(^|_)(KEY|PASS|JWT)(_|$)|_PWD(_|$)|(^|_)(AUTH(_CONFIG)?|PAT)$`)

// leastSecret is the length from which on a value is looked for, bytes: a shorter one is found in any text.
const leastSecret = 8

// SecretsOf are the values of the variables in an environment, as os.Environ gives it, whose names say that they are secrets.
func SecretsOf(environ []string) Secrets {
	var s Secrets
	for _, v := range environ {
		name, value, _ := strings.Cut(v, "=")
		if !secretName.MatchString(name) || len(value) < leastSecret || isPlace(value) {
			continue
		}
		for _, form := range forms(value) {
			s.values = append(s.values, secret{name, form})
		}
	}
	return s
}

// isPlace says that a value, as of HF_TOKEN_PATH, is where a secret lies: runs tell of paths.
func isPlace(value string) bool {
	if !filepath.IsAbs(value) {
		return false
	}
	_, err := os.Stat(value)
	return err == nil
}

// forms are a text as it is, and as files of JSON, pages and URLs hold it, where that is otherwise.
func forms(text string) []string {
	page := html.EscapeString(text)
	out := []string{text, page, strings.NewReplacer("&#34;", "&quot;", "&#39;", "&apos;").Replace(page), strings.ReplaceAll(page, "+", "&#43;"),
		url.QueryEscape(text), url.PathEscape(text)}
	for _, likeHTML := range []bool{true, false} {
		var b strings.Builder
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(likeHTML)
		if err := e.Encode(text); err == nil {
			out = append(out, b.String()[1:b.Len()-2]) // without quotes and the line break
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// longest is how much of what came before is looked at again with what follows, bytes: no secret is longer.
const longest = 4 << 10

// looker looks for secrets in what is written to it.
type looker struct {
	secrets Secrets
	file    string
	window  []byte // the end of what came, and what has not been looked at
	lines   int    // before the window, without the line break that is put before the file
	found   error
}

// look begins with the file's own name.
func (s Secrets) look(file string) *looker {
	l := &looker{secrets: s, file: "a file's name", window: []byte("\n" + file), lines: -1}
	l.scan()
	l.file, l.window = file, []byte("\n")
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
		if at := s.find(l.window); at >= 0 {
			l.refuse(s.of, at)
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

package outgoing

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
)

// Secret is a string that formats and marshals as a placeholder.
type Secret string

func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return redacted
}

// GoString keeps %#v from printing the value.
func (s Secret) GoString() string { return fmt.Sprintf("%q", s.String()) }

// MarshalText keeps encoders from writing the value.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// environmentName is what a shell takes as the name of a variable (POSIX.1-2017, 3.235).
var environmentName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// SecretFrom reads an API key from an environment variable. A name that is none is not quoted: it may be the key itself.
func SecretFrom(variable string) (Secret, error) {
	if !environmentName.MatchString(variable) {
		return "", errors.New("must be the name of an environment variable, not the key itself")
	}
	key := Secret(os.Getenv(variable))
	if key == "" {
		return "", fmt.Errorf("the environment variable %s is empty: put the key there", variable)
	}
	if err := key.check(); err != nil {
		return "", fmt.Errorf("the environment variable %s: %w", variable, err)
	}
	return key, nil
}

// check refuses what a header cannot carry as a token.
func (s Secret) check() error {
	if strings.ContainsFunc(string(s), func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return errors.New("the key has a blank, a line break or another character that no key has: look for one at its end")
	}
	return nil
}

// Redact is a copy of b without the client's key, nil for nil.
func (c *Client) Redact(b []byte) []byte {
	if c.key == nil {
		return bytes.Clone(b)
	}
	return bytes.ReplaceAll(b, []byte(*c.key), []byte(redacted))
}

package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// placeholder is a name in braces. Braces of JSON and YAML hold quotes, blanks or colons, so that they are none.
var placeholder = regexp.MustCompile(`\{[A-Za-z_][A-Za-z0-9_]*\}`)

// placeholders are the names that a text of a launch holds.
func placeholders(text string) (names []string) {
	for _, p := range placeholder.FindAllString(text, -1) {
		names = append(names, p[1:len(p)-1])
	}
	return names
}

// Expand puts values in place of the names of a text. What a value holds is not looked at again.
func Expand(text string, values map[string]string) (string, error) {
	var missing []string
	out := placeholder.ReplaceAllStringFunc(text, func(p string) string {
		v, ok := values[p[1:len(p)-1]]
		if !ok {
			missing = append(missing, p)
		}
		return v
	})
	if len(missing) > 0 {
		slices.Sort(missing)
		return "", fmt.Errorf("%s has no value", strings.Join(slices.Compact(missing), ", "))
	}
	return out, nil
}

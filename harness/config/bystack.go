package config

import (
	"fmt"
	"strings"
)

// ByStack reads what a flag says of stacks: A=x,B=y, or x alone, which is said of the stack all.
func ByStack(text, all string) (map[string]string, error) {
	out := map[string]string{}
	if text == "" {
		return out, nil
	}
	for part := range strings.SplitSeq(text, ",") {
		part = strings.TrimSpace(part)
		name, value, named := strings.Cut(part, "=")
		if !named || name != "A" && name != "B" { // a URL may hold an =
			name, value = all, part
		}
		switch _, twice := out[name]; {
		case twice:
			return nil, fmt.Errorf("stack %s stands twice: name the stack of each, as in A=x,B=y", name)
		case value == "":
			return nil, fmt.Errorf("stack %s has an empty value", name)
		}
		out[name] = value
	}
	return out, nil
}

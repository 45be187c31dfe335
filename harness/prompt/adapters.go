package prompt

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"sparkharness/harness/regular"
)

// An adapter name goes into request bodies, folder names and JSON lines, and has to read the same in all.
var adapterName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// maxAdapters is the most bytes of a list of adapters: ten thousand names of a hundred each.
const maxAdapters = 1 << 20

// ReadAdapters reads a list of LoRA adapters (inputs/lora_lists/): one name a line, in the order of use.
// Blank lines and lines that start with '#' are skipped. A bad name, a name that comes twice and a list
// without names are faults; all faults are reported at once, each with its file and line.
func ReadAdapters(path string) ([]string, error) {
	data, err := regular.Read(path, maxAdapters)
	if err != nil {
		return nil, fmt.Errorf("read the adapter list: %w", err)
	}
	return parseAdapters(path, string(data))
}

func parseAdapters(path, text string) ([]string, error) {
	var names []string
	var faults []error
	lineOf := map[string]int{}
	n := 0
	for line := range strings.Lines(text) {
		n++
		name := strings.TrimSpace(line)
		switch {
		case name == "" || name[0] == '#':
		case !adapterName.MatchString(name):
			faults = append(faults, fmt.Errorf("%s:%d: adapter name %q: use up to 64 letters, digits, '.', '_' and '-', the first a letter or digit", path, n, name))
		case lineOf[name] > 0:
			faults = append(faults, fmt.Errorf("%s:%d: adapter %q is already on line %d", path, n, name, lineOf[name]))
		default:
			lineOf[name] = n
			names = append(names, name)
		}
	}
	if len(names) == 0 && len(faults) == 0 {
		faults = append(faults, fmt.Errorf("%s:%d: no adapter is listed: write one name a line", path, max(n, 1)))
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	return names, nil
}

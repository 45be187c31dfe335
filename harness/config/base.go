package config

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"gopkg.in/yaml.v3"
)

// baseField is the field by which a file names the one that it is laid over, relative to itself.
const baseField = "base"

// chain are the layers of a file: the file, its base, the base of that. It is nil after a fault; the error is
// of the file itself, if it cannot be read.
func (r *reader) chain(path string) ([]layer, error) {
	path = filepath.Clean(path)
	data, err := r.open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no configuration %s: correct the path, which starts in the folder of the tests or of the command: %w",
			absolute(path), err)
	}
	if err != nil {
		return nil, fmt.Errorf("read a configuration: %w", err)
	}
	var out []layer
	var read []string
	for {
		read = append(read, path)
		root := r.document(path, data)
		if root == nil {
			return nil, nil
		}
		base, at, ok := r.base(path, root)
		if !ok {
			return nil, nil
		}
		out = append(out, layer{place{path, root.Line}, withoutBase(root)})
		if base == "" {
			return out, nil
		}
		path = beside(path, base)
		if slices.Contains(read, path) {
			r.fault(at, baseField, "leads back to %s; no file can be its own base", path)
			return nil, nil
		}
		if data, err = r.open(path); errors.Is(err, fs.ErrNotExist) {
			r.fault(at, baseField, "there is no file %s; a base is named relative to the file that names it", path)
			return nil, nil
		} else if err != nil {
			r.fault(at, baseField, "cannot be read: %v", err)
			return nil, nil
		}
	}
}

// beside is a path that a file names relative to itself.
func beside(file, path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(filepath.Dir(file), path)
}

// A path that is not printable would break the one line that a fault is.
const notPrintable = "%.40q is no path: it has characters that do not print"

func printable(path string) bool {
	return !strings.ContainsFunc(path, func(c rune) bool { return !unicode.IsPrint(c) })
}

// base is the path that a file gives as its base, empty if it gives none; ok is false after a fault.
func (r *reader) base(file string, root *yaml.Node) (path string, at place, ok bool) {
	for i := 0; i+1 < len(root.Content); i += 2 {
		key, value := root.Content[i], target(root.Content[i+1])
		if key.Value != baseField {
			continue
		}
		switch first := at.line; {
		case first > 0:
			r.fault(place{file, key.Line}, baseField, "stands twice, first on line %d", first)
			return "", at, false
		case isNull(value), isText(value) && value.Value == "":
			r.fault(place{file, key.Line}, baseField, "has no value; leave it out of a file that stands alone")
			return "", at, false
		case !isText(value):
			r.fault(place{file, key.Line}, baseField, "must be the path of a file, not %s", describe(value))
			return "", at, false
		case !printable(value.Value):
			r.fault(place{file, key.Line}, baseField, notPrintable, value.Value)
			return "", at, false
		}
		path, at = value.Value, place{file, key.Line}
	}
	return path, at, true
}

// withoutBase is the mapping less its field base, which is no field of a configuration.
func withoutBase(root *yaml.Node) *yaml.Node {
	rest := *root
	rest.Content = nil
	for i := 0; i+1 < len(root.Content); i += 2 {
		if root.Content[i].Value != baseField {
			rest.Content = append(rest.Content, root.Content[i], root.Content[i+1])
		}
	}
	return &rest
}

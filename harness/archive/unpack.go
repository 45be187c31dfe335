package archive

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Limits bound what an archive may make of a disk.
type Limits struct {
	Bytes int64 // of all files together
	Files int
}

// Unpack lays an archive out in a folder, which must be empty, and compares every file with its sum. The folders that it holds are
// returned in order. A name that leads out of the folder, anything but regular files, a file without a sum, a sum without its
// file and anything behind the sums are errors.
func Unpack(r io.Reader, dir string, most Limits) ([]string, error) {
	zipped, err := gzip.NewReader(bufio.NewReader(r))
	if err != nil {
		return nil, fmt.Errorf("no archive of runs: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer func() { _ = root.Close() }()
	t := tar.NewReader(zipped)
	var folders []string
	got := map[string]string{}
	for left := most.Bytes; ; {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil, errors.New("its list of sums is missing: the archive was cut off, or is none of runs")
		}
		if err != nil {
			return nil, fmt.Errorf("no archive of runs, or one that is damaged: %w", err)
		}
		switch {
		case h.Typeflag != tar.TypeReg:
			return nil, fmt.Errorf("%q is no regular file: an archive of runs holds nothing else", h.Name)
		case !ofRun(h.Name):
			return nil, fmt.Errorf("%q is no name of a file in a run", h.Name)
		case len(got) >= most.Files:
			return nil, fmt.Errorf("it holds more than %d files", most.Files)
		case h.Size > left:
			return nil, fmt.Errorf("it holds more than %d GiB", most.Bytes>>30)
		}
		if h.Name == SumsFile {
			if err := compare(t, got); err != nil {
				return nil, err
			}
			return folders, ended(t, zipped)
		}
		left -= h.Size
		folder, _, below := strings.Cut(h.Name, "/")
		if !below && !slices.Contains(Pages, h.Name) || got[h.Name] != "" {
			return nil, fmt.Errorf("%q lies in no run, or twice in one: ask for the archive again", h.Name)
		}
		if below && !slices.Contains(folders, folder) {
			folders = append(folders, folder)
		}
		if got[h.Name], err = lay(root, h.Name, t); err != nil {
			return nil, err
		}
	}
}

// ofRun tells whether Pack gives a file such a name: below the folder, and not beginning with a dot anywhere.
func ofRun(name string) bool {
	hidden := strings.HasPrefix(name, ".") || strings.Contains(name, "/.")
	return !hidden && filepath.IsLocal(filepath.FromSlash(name)) && path.Clean(name) == name && !strings.ContainsAny(name, "\\\x00\n")
}

// mostPadding is how many zero bytes may follow the end of an archive: other programs fill up to a record of 10 KiB or some more.
const mostPadding = 1 << 20

// ended wants nothing but padding behind the list of sums: what else is there has no sum.
func ended(t *tar.Reader, zipped io.Reader) error {
	_, err := t.Next()
	if errors.Is(err, io.EOF) {
		var rest []byte
		rest, err = io.ReadAll(io.LimitReader(zipped, mostPadding+1))
		if err == nil && len(rest) <= mostPadding && len(bytes.Trim(rest, "\x00")) == 0 {
			return nil
		}
	}
	return errors.Join(fmt.Errorf("it goes on behind %s, and nothing vouches for that: ask for the archive again", SumsFile), err)
}

// lay writes an entry, and returns its sum.
func lay(root *os.Root, name string, r io.Reader) (sum string, err error) {
	if err := root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return "", err
	}
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	digest := sha256.New()
	if _, err := io.Copy(io.MultiWriter(f, digest), r); err != nil {
		return "", fmt.Errorf("unpack %s: %w", name, err)
	}
	return hex.EncodeToString(digest.Sum(nil)), nil
}

// maxSums bounds the list of sums, bytes.
const maxSums = 256 << 20

// compare reads the list of sums to its end.
func compare(r io.Reader, got map[string]string) error {
	text, err := io.ReadAll(io.LimitReader(r, maxSums))
	if err != nil {
		return fmt.Errorf("%s: %w", SumsFile, err)
	}
	left := maps.Clone(got)
	for line := range bytes.Lines(text) {
		sum, name, ok := strings.Cut(strings.TrimSuffix(string(line), "\n"), "  ")
		if !ok || left[name] != sum || sum == "" {
			return fmt.Errorf("%q is not as it was packed: ask for the archive again", name)
		}
		delete(left, name)
	}
	if len(left) > 0 {
		return fmt.Errorf("%q has no sum in %s: it was not packed with the others", slices.Sorted(maps.Keys(left))[0], SumsFile)
	}
	return nil
}

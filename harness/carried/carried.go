// Package carried lays out the files that a compiled program carries, so that it runs on a machine without a checkout.
package carried

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sparkharness/configs"
	"sparkharness/harness/disk"
	"sparkharness/harness/regular"
	"sparkharness/inputs"
)

// rooms are the folders that a program carries, by the names that they have in a checkout.
var rooms = map[string]fs.FS{"configs": configs.Files, "inputs": inputs.Files}

// Root returns a folder below parent that holds configs/ and inputs/ as the program was compiled with, named after what
// they hold. They are laid out once; each later start compares them, and puts right what somebody has changed: a changed copy
// would be measured by, and nobody would look for it there. What is to be changed is a copy of one's own, given with -configs.
func Root(parent string) (string, error) { return lay(rooms, parent) }

// maxFile bounds a file that is compared, bytes: the largest has half a million.
const maxFile = 16 << 20

func lay(rooms map[string]fs.FS, parent string) (string, error) {
	files := map[string][]byte{}
	for name, room := range rooms {
		err := fs.WalkDir(room, ".", func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			files[filepath.Join(name, filepath.FromSlash(path))], err = fs.ReadFile(room, path)
			return err
		})
		if err != nil {
			return "", fmt.Errorf("files that the program carries: %w", err)
		}
	}
	sum := sha256.New()
	names := slices.Sorted(maps.Keys(files))
	for _, name := range names {
		fmt.Fprintf(sum, "%s %d\n", filepath.ToSlash(name), len(files[name]))
		sum.Write(files[name])
	}
	root := filepath.Join(parent, hex.EncodeToString(sum.Sum(nil))[:16])
	for _, name := range names {
		path := filepath.Join(root, name)
		switch there, err := regular.Read(path, maxFile); {
		case err == nil && bytes.Equal(there, files[name]):
			continue
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			return "", fmt.Errorf("lay out the files that the program carries: %w: remove %s", err, root)
		}
		if err := disk.Replace(path, files[name]); err != nil {
			return "", fmt.Errorf("lay out the files that the program carries (or start it within a checkout): %w", err)
		}
	}
	return root, strangers(root, files)
}

// strangers refuses files that the program does not carry: one more world, or stack, would be found by its name.
func strangers(root string, files map[string][]byte) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(root, path)
		if _, ok := files[name]; err != nil || !ok && !strings.HasPrefix(d.Name(), ".") { // what another start is writing
			return errors.Join(err, fmt.Errorf("%s is none of the files that the program carries: move it into a folder of your own, and give that with -configs", path))
		}
		return nil
	})
}

// Parent is where programs of this user lay out what they carry.
func Parent() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("where may the files lie that the program carries? Start it within a checkout, or set HOME: %w", err)
	}
	return filepath.Join(cache, "sparkharness", "files"), nil
}

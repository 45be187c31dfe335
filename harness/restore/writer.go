package restore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
)

// Writer is a container that writes into a folder, as root or as whichever user its image has; the zero value is none.
type Writer struct{ Runtime, Image string }

// atOnce is how many names one container is told to remove: a line of a command is bounded.
const atOnce = 1000

// emptyByContainer removes what is left in a folder but its mark, which has been found to be the entry's, by containers of the image
// that has written there. Its root has the rights that the user lacks. Each sees the folder and nothing beside it, so that no name nor
// link leads it elsewhere.
func (e *Entry) emptyByContainer(ctx context.Context, dir *os.Root) error {
	entries, err := fs.ReadDir(dir.FS(), ".")
	if err != nil {
		return err
	}
	var names []string
	for _, in := range entries {
		if in.Name() != mark {
			names = append(names, "/x/"+in.Name())
		}
	}
	// The daemon takes the folder by its path, as root: it has to be this very one, and no link.
	opened, err := dir.Stat(".")
	if err != nil {
		return err
	}
	if at, err := os.Lstat(e.Path); err != nil || !os.SameFile(opened, at) {
		return errors.Join(fmt.Errorf("%s is another one by now", e.Path), err)
	}
	for some := range slices.Chunk(names, atOnce) {
		args := []string{"run", "--rm", "--pull", "never", "--network", "none", "--user", "0:0", "--label", labelName + "=" + e.Token,
			"--volume", e.Path + ":/x", "--entrypoint", "rm", e.Image, "-rf", "--"}
		if _, err := e.runtimeWithin(ctx, longest, append(args, some...)...); err != nil {
			return err
		}
	}
	return nil
}

// quoted is a path as a shell takes it.
func quoted(path string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-+@:", r)
	}
	if strings.IndexFunc(path, func(r rune) bool { return !plain(r) }) < 0 {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}

package fio

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
)

// Where a job's file lies. A job that writes to the name of a raw device destroys what is on it, and fio asks nobody: so a
// file is one name below the folder that the job is given, and no list of them, which fio separates with colons (fio(1),
// filename).

// below refuses a value that names anything but one file below a folder.
func below(v string) error {
	switch {
	case path.IsAbs(v):
		return fmt.Errorf("%.40q is an absolute name: of a device, fio would overwrite what is on it; give a name below the folder of directory", v)
	case slices.Contains(strings.Split(v, "/"), ".."):
		return fmt.Errorf("%.40q leaves the folder: give a name below it", v)
	case strings.ContainsAny(v, `:\`):
		return fmt.Errorf("%.40q is a list of files: give one name", v)
	case v == "-":
		return errors.New("standard input and output are no file on a drive: give a name")
	}
	return nil
}

func setFilename(d *draft, v string) error {
	d.Filename = v
	return below(v)
}

func setDirectory(d *draft, v string) error {
	d.Directory = v
	switch {
	case slices.Contains(strings.Split(v, "/"), ".."):
		return fmt.Errorf("%.40q leads upwards: write the folder out", v)
	case strings.ContainsAny(v, `:\`):
		return fmt.Errorf("%.40q is a list of folders: give one", v)
	}
	return nil
}

// setName takes a job's name, which is part of its file's where that has none of its own.
func setName(d *draft, v string) error {
	d.Name = v
	if strings.Contains(v, "/") {
		return fmt.Errorf("%.40q as the name of a job would name its file, too: leave the / out", v)
	}
	return nil
}

// kernels is where the job's file would lie in a tree that is no drive's, "" if it does not.
func (j *draft) kernels() string {
	at := path.Join(j.Directory, j.Filename)
	for _, tree := range []string{"/dev", "/proc", "/sys"} {
		if at == tree || strings.HasPrefix(at, tree+"/") {
			return at
		}
	}
	return ""
}

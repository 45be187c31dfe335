package drivemodel

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"sparkharness/harness/config"
	"sparkharness/harness/disk"
	"sparkharness/harness/drive"
)

// Write writes a drive as a file of drives/, a figure a line.
func Write(w io.Writer, d *config.Drive) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "drive: %s\nnote: %q\ninterface: %s\n", d.Drive, plainText(d.Note), d.Interface)
	line(&b, "controller_iops", d.ControllerIOPS)
	line(&b, "planes", d.Planes)
	line(&b, "page_bytes", d.PageBytes)
	line(&b, "page_read", d.PageRead)
	fmt.Fprintf(&b, "page_read_jitter: %v\n", d.PageReadJitter)
	line(&b, "page_program", d.PageProgram)
	line(&b, "link", d.Link)
	line(&b, "flash_write", d.FlashWrite)
	line(&b, "write_cache", d.WriteCache)
	line(&b, "fixed", d.Fixed)
	line(&b, "max_command", d.MaxCommand)
	if l := d.Limits; l != nil {
		b.WriteString("limits:\n")
		some(&b, "  read_iops", l.ReadIOPS)
		some(&b, "  write_iops", l.WriteIOPS)
		some(&b, "  read", l.Read)
		some(&b, "  write", l.Write)
	}
	_, err := b.WriteTo(w)
	return err
}

func line[T any](b *bytes.Buffer, name string, f config.Figure[T]) {
	value := strings.Replace(fmt.Sprint(f.Value), "µs", "us", 1)
	if v, ok := any(f.Value).(float64); ok {
		value = fmt.Sprintf("%.0f", v)
	}
	fmt.Fprintf(b, "%s: {value: %s, basis: %s, source: %q}\n", name, value, f.Basis, plainText(f.Source))
}

func some[T any](b *bytes.Buffer, name string, f *config.Figure[T]) {
	if f != nil {
		line(b, name, *f)
	}
}

// plainText is a text without what a drive's own name may hold and a line of YAML may not.
func plainText(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
}

// goodName is what a file of configuration may be called.
var goodName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)

// Name is the name of a drive's file: the given one, or else one made of the drive's model, or of its device's name.
func Name(given, model, device string) (string, error) {
	if given == "" {
		words := strings.FieldsFunc(strings.ToLower(model), func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') })
		given = strings.Join(words, "-")
		if given == "" {
			given = device
		}
	}
	if !goodName.MatchString(given) {
		return "", fmt.Errorf("%.70q is no name of a file of drives/: letters, digits, '.', '_' and '-', such as my-drive", given)
	}
	return given, nil
}

// NameFor is Name of the drive that holds a folder.
func NameFor(given, dir string) (string, error) {
	d, err := drive.Of(dir, drive.Here())
	if err != nil {
		return "", err
	}
	l := named(d)
	return Name(given, l.Model, l.Name)
}

// Folder is a folder of configurations that is laid over another one and holds a drive with the world of its name.
type Folder struct {
	dir, base, name string
	over            bool // dir has its configs.yaml already
}

const folderFile = "configs.yaml"

// NewFolder looks whether a folder, which need not be there, can take a drive of that name: a new one is laid over the configurations
// in base. It writes nothing, and refuses to replace or to hide anything.
func NewFolder(dir, base, name string) (*Folder, error) {
	f := &Folder{dir: dir, name: name}
	switch there, err := os.ReadDir(dir); {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, err
	case slices.ContainsFunc(there, func(e fs.DirEntry) bool { return e.Name() == folderFile }):
		f.over, base = true, dir
	case len(there) > 0:
		return nil, fmt.Errorf("%s is not empty, and no folder that is laid over another one (it has no %s): name another one, which need not be there",
			dir, folderFile)
	}
	below, err := config.OpenFolder(base)
	if err != nil {
		return nil, err
	}
	if f.base, err = relative(dir, base); err != nil {
		return nil, err
	}
	for _, kind := range []string{"drives", "worlds"} {
		if slices.Contains(below.Names(kind, ".yaml"), name) {
			return nil, fmt.Errorf("there is a %s already: choose another name with --name", below.Path(kind+"/"+name+".yaml"))
		}
	}
	return f, nil
}

// relative is a path as a file in dir names it.
func relative(dir, path string) (string, error) {
	from, err := real(dir)
	if err != nil {
		return "", err
	}
	to, err := real(path)
	if err != nil {
		return "", err
	}
	return filepath.Rel(from, to)
}

// real is an absolute path without links, of which the end need not be there.
func real(path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	rest := ""
	for at := abs; ; at = filepath.Dir(at) {
		found, err := filepath.EvalSymlinks(at)
		if err == nil {
			return filepath.Join(found, rest), nil
		}
		if !errors.Is(err, fs.ErrNotExist) || at == filepath.Dir(at) {
			return "", err
		}
		rest = filepath.Join(filepath.Base(at), rest)
	}
}

// Save writes the drive and its world, and reads them back as a run does.
func (f *Folder) Save(d *config.Drive) error {
	var b bytes.Buffer
	if err := Write(&b, d); err != nil {
		return err
	}
	type file struct{ name, text string }
	files := []file{{"drives/" + f.name + ".yaml", b.String()},
		{"worlds/" + f.name + ".yaml", fmt.Sprintf("world: %s\nnote: the machine's own drive is one that was measured\ndrive: %s\n", f.name, f.name)}}
	if !f.over {
		files = append(files, file{folderFile, fmt.Sprintf("base: %q\n", f.base)})
	}
	for _, one := range files {
		if err := disk.Replace(filepath.Join(f.dir, filepath.FromSlash(one.name)), []byte(one.text)); err != nil {
			return err
		}
	}
	folder, err := config.OpenFolder(f.dir)
	if err != nil {
		return err
	}
	_, err = config.LoadDriveFile(folder, f.name)
	return err
}

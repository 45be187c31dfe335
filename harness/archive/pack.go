package archive

import (
	"archive/tar"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"sparkharness/harness/regular"
)

// SumsFile is the archive's last entry, as sha256sum(1) reads it.
const SumsFile = "SHA256SUMS"

// Packed is what an archive holds.
type Packed struct {
	Folders []string
	Files   int
	Bytes   int64 // unpacked
}

// Pack writes the folders, each under its own name, in the order given, and then the pages, files that lie beside them. Files that
// begin with a dot are locks and what has not been written to its end, and stay out. Anything but folders and regular files is an
// error, and so is a text that no archive should carry.
func Pack(w io.Writer, folders, pages []string, secrets Secrets) (Packed, error) {
	var packed Packed
	zipped := gzip.NewWriter(w)
	t := tar.NewWriter(zipped)
	var sums strings.Builder
	seen := map[string]bool{}
	for _, folder := range folders {
		name := filepath.Base(filepath.Clean(folder))
		if seen[name] {
			return packed, fmt.Errorf("two folders are called %s: pack them apart", name)
		}
		if strings.HasPrefix(name, ".") {
			return packed, fmt.Errorf("%s: a folder whose name begins with a dot is none of a run that has ended: rename it", folder)
		}
		seen[name] = true
		if err := packFolder(t, folder, name, &packed, &sums, secrets); err != nil {
			return packed, err
		}
		packed.Folders = append(packed.Folders, name)
	}
	for _, page := range pages {
		if !slices.Contains(Pages, filepath.Base(page)) {
			return packed, fmt.Errorf("%s is no page of runs", page)
		}
		if err := packFolder(t, page, filepath.Base(page), &packed, &sums, secrets); err != nil {
			return packed, err
		}
	}
	list := sums.String()
	if err := t.WriteHeader(header(SumsFile, int64(len(list)))); err != nil {
		return packed, err
	}
	if _, err := io.WriteString(t, list); err != nil {
		return packed, err
	}
	return packed, errors.Join(t.Close(), zipped.Close())
}

func packFolder(t *tar.Writer, folder, name string, packed *Packed, sums *strings.Builder, secrets Secrets) error {
	return filepath.WalkDir(folder, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if strings.HasPrefix(d.Name(), ".") && file != folder {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if d.IsDir() {
			return nil
		}
		rel, err := filepath.Rel(folder, file)
		if err != nil {
			return err
		}
		entry := path.Join(name, filepath.ToSlash(rel)) // of a page rel is "."
		if !utf8.ValidString(entry) || strings.ContainsFunc(entry, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\\' }) {
			return fmt.Errorf("%q: no run has a file of such a name: remove it", file)
		}
		if d.Type()&fs.ModeSymlink != 0 {
			return fmt.Errorf("%s is a link: put the file there that it leads to", file)
		}
		f, err := regular.Open(file)
		if err != nil {
			return err
		}
		n, sum, err := packFile(t, f, file, entry, secrets)
		if err != nil {
			return err
		}
		packed.Files++
		packed.Bytes += n
		fmt.Fprintf(sums, "%s  %s\n", sum, entry)
		return nil
	})
}

// packFile writes an entry from an open file, and closes it.
func packFile(t *tar.Writer, f *os.File, file, entry string, secrets Secrets) (n int64, sum string, err error) {
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return 0, "", err
	}
	if err := t.WriteHeader(header(entry, info.Size())); err != nil {
		return 0, "", err
	}
	digest, look := sha256.New(), secrets.look(file)
	// A file that grows meanwhile is one that is still being written.
	n, err = io.Copy(io.MultiWriter(t, digest, look), io.LimitReader(f, info.Size()+1))
	if errors.Is(err, tar.ErrWriteTooLong) || err == nil && n != info.Size() {
		return n, "", fmt.Errorf("%s changes while it is packed: wait until its run has ended", file)
	}
	if err == nil {
		err = look.end()
	}
	return n, hex.EncodeToString(digest.Sum(nil)), err
}

// Pages are the files that span runs and so lie beside them. Any other has nobody who derives it again from the runs.
var Pages = []string{"index.html", "summary_v3.csv"}

// header is the same whoever packs: no owner, no time, one mode.
func header(name string, size int64) *tar.Header {
	return &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o644, ModTime: time.Unix(0, 0).UTC(), Format: tar.FormatPAX}
}

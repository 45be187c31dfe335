package harness

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"hash"
	"io/fs"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"sparkharness/harness/carried"
	"sparkharness/harness/record"
	"sparkharness/harness/regular"
)

// sources are those that this program was compiled from, so that it can tell what it is without a checkout and without
// trusting one.
//
//go:embed *.go */*.go rig/*/*.go
var sources embed.FS

// judging are the rooms after record; the door is one of them, because it decides when a run ends. All others have a
// part in what is measured.
var judging = []string{".", "evidence", "gate", "rates", "report", "stats", "verdict"}

// beside are rooms that have no part in a run: nothing that they do is in what it measured, nor in its verdict.
var beside = []string{"archive", "doctor"}

// Program identifies this program: zero outside of Main.
func Program() record.Program { return session.program }

// identify sums the sources of the program: of what measures, with the compiler and the architecture, on which numbers
// depend, too, and with the versions of the dependencies in root's go.sum (a test binary does not know its own); and
// of what judges, with the rules that the package of hypotheses was compiled from.
func identify(sources, rules fs.FS, root string) (record.Program, error) {
	measures, judges := sha256.New(), sha256.New()
	err := addSources(sources, func(file string) hash.Hash {
		if slices.Contains(judging, path.Dir(file)) {
			return judges
		}
		return measures
	}, func(file string) bool {
		return !strings.HasSuffix(file, "_test.go") && !slices.Contains(beside, path.Dir(file))
	})
	if err == nil && rules != nil {
		err = addSources(rules, func(string) hash.Hash { return judges }, func(string) bool { return true })
	}
	if err != nil {
		return record.Program{}, fmt.Errorf("sources of the program: %w", err)
	}
	fmt.Fprintln(measures, runtime.Version(), runtime.GOARCH)
	if b, err := regular.Read(filepath.Join(root, "go.sum"), 1<<20); err == nil {
		measures.Write(b)
	}
	return record.Program{Measures: hex.EncodeToString(measures.Sum(nil)), Judges: hex.EncodeToString(judges.Sum(nil))}, nil
}

// addSources adds name and text of each file to the sum that is for it, in the order of names.
func addSources(fsys fs.FS, sum func(file string) hash.Hash, counts func(file string) bool) error {
	return fs.WalkDir(fsys, ".", func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !counts(file) {
			return err
		}
		b, err := fs.ReadFile(fsys, file)
		if err == nil {
			fmt.Fprintf(sum(file), "%s %d\n", file, len(b))
			sum(file).Write(b)
		}
		return err
	})
}

// standAlone has a program that stands in no checkout, nor on the machine where it was built, take the configurations and inputs
// that it carries. Results then go below the working folder.
func (o *Options) standAlone(parent func() (string, error)) error {
	if carried.IsCheckout(o.Root) {
		return nil
	}
	dir, err := parent()
	if err == nil {
		o.Root, err = carried.Root(dir)
	}
	o.alone = true
	return err
}

// checkout is the folder that holds configs/ and inputs/: the nearest one above the working folder, which under go test
// is that of the package, or else the one that this program was built in.
func checkout() string {
	if root, found := carried.Checkout(); found {
		return root
	}
	if _, file, _, ok := runtime.Caller(0); ok {
		if dir := filepath.Dir(filepath.Dir(file)); carried.IsCheckout(dir) {
			return dir
		}
	}
	return ".."
}

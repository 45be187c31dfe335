package main

import (
	"bufio"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"sparkharness/harness/archive"
	"sparkharness/harness/disk"
	"sparkharness/harness/regular"
)

// archiveExt is what names of archives end in.
const archiveExt = ".tar.gz"

func archiveCommand() *cobra.Command {
	var to string
	cmd := &cobra.Command{
		Use:   "archive DIR...",
		Short: "pack runs into one file to send, with the sum of every file",
		Long: `Packs the folder of a run, or all runs of a results folder with their page, into one .tar.gz that somebody else can judge again:
sparkharness verify FILE` + archiveExt + `. The same runs leave the same bytes, whoever packs them. The originals stay.

Nothing is packed where a file holds a secret: the value of a variable of this environment whose name says that it is one
(TOKEN, KEY, SECRET, PASSWORD, PASS, AUTH ... as a word of its own), or what looks like a key that somebody hands out. A run that is under
way is refused.

Exit status: 0 the archive is written, 1 it is not.`,
		Args: atLeastOne("DIR: the folder of a run, which holds a plan.json, or one of runs, such as results"),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := untilAsked(cmd.Context())
			defer stop()
			return pack(ctx, cmd.OutOrStdout(), args, to, os.Environ())
		},
	}
	cmd.Flags().StringVarP(&to, "output", "o", "", "`FILE`"+archiveExt+" to write (default sparkharness-<sum>"+archiveExt+" in the working folder); one that is there is not replaced")
	return cmd
}

func pack(ctx context.Context, out io.Writer, args []string, to string, environ []string) (err error) {
	runs, err := runsBelow(args)
	if err == nil && len(runs) == 0 {
		err = fmt.Errorf("%s: no run there: give the folder of a run, which holds a plan.json, or one of runs, such as results", strings.Join(args, " "))
	}
	if err != nil {
		return err
	}
	if to != "" && !strings.HasSuffix(to, archiveExt) {
		return fmt.Errorf("--output %s: an archive's name ends in %s", to, archiveExt)
	}
	// In the order of their names, which the archive has, and not of the folders that they happen to lie in.
	slices.SortFunc(runs, func(a, b string) int {
		return cmp.Or(cmp.Compare(filepath.Base(a), filepath.Base(b)), cmp.Compare(a, b))
	})
	runs = slices.Compact(runs)
	locks, err := takeRuns(runs)
	defer func() {
		for _, l := range locks {
			_ = l.Release() // a file too many does no harm
		}
	}()
	if err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(to), ".sparkharness.*.tmp")
	if err != nil {
		if at, ok := errors.AsType[*os.PathError](err); ok {
			err = at.Err // its path is one that nobody has named
		}
		return fmt.Errorf("no archive can be written into %s: %w: name another place with --output", folderNamed(to), err)
	}
	defer func() {
		_ = tmp.Close()
		_ = os.Remove(tmp.Name()) // gone, if all went well
	}()
	sum := sha256.New()
	buffered := bufio.NewWriterSize(io.MultiWriter(tmp, sum), 1<<20)
	packed, err := archive.Pack(untilDone{ctx, buffered}, runs, pagesOf(args), archive.SecretsOf(environ))
	if err == nil {
		err = errors.Join(buffered.Flush(), tmp.Chmod(0o644), tmp.Sync())
	}
	if err != nil {
		return err
	}
	digest := hex.EncodeToString(sum.Sum(nil))
	if to == "" {
		to = "sparkharness-" + digest[:12] + archiveExt
	}
	info, err := tmp.Stat()
	if err != nil {
		return err
	}
	// A link is refused where there is a file, a rename would replace it.
	switch err := os.Link(tmp.Name(), to); {
	case errors.Is(err, os.ErrExist):
		return fmt.Errorf("%s is there already: remove it, or give another name with --output", to)
	case err != nil:
		return fmt.Errorf("write %s: %w", to, err)
	}
	for _, f := range packed.Folders {
		fmt.Fprintln(out, shown(f))
	}
	runsOf := "1 run"
	if n := len(packed.Folders); n > 1 {
		runsOf = fmt.Sprintf("%d runs", n)
	}
	fmt.Fprintf(out, "%s, %d files, %.1f MiB in %s, %.1f MiB\nsha256 %s\n", runsOf, packed.Files, mib(packed.Bytes), to, mib(info.Size()), digest)
	return nil
}

// folderNamed is the folder of a file, as a message names it.
func folderNamed(file string) string {
	folder := filepath.Dir(file)
	if abs, err := filepath.Abs(folder); err == nil {
		return abs
	}
	return folder
}

// pagesOf are those of a results folder that is packed as a whole: they tell of all its runs.
func pagesOf(args []string) (pages []string) {
	if len(args) != 1 || isRun(args[0]) {
		return nil
	}
	for _, name := range archive.Pages {
		if path := filepath.Join(args[0], name); isFile(path) {
			pages = append(pages, path)
		}
	}
	return pages
}

func mib(n int64) float64 { return float64(n) / (1 << 20) }

// takeRuns locks runs as those who measure them do, so that none is packed in the middle.
func takeRuns(runs []string) (locks []*disk.Lock, err error) {
	for _, run := range runs {
		lock, err := disk.Take(filepath.Join(filepath.Dir(run), "."+filepath.Base(run)+".lock"))
		var held *disk.HeldError
		switch {
		case errors.As(err, &held):
			return locks, fmt.Errorf("%s is being measured: %w: wait for its end", run, held)
		case errors.Is(err, os.ErrPermission), errors.Is(err, syscall.EROFS):
			continue // nobody can measure where nobody can write
		case err != nil:
			return locks, err
		}
		locks = append(locks, lock)
	}
	return locks, nil
}

// untilDone is a writer that fails when its context has ended.
type untilDone struct {
	ctx context.Context
	w   io.Writer
}

func (u untilDone) Write(p []byte) (int, error) {
	if u.ctx.Err() != nil {
		return 0, context.Cause(u.ctx)
	}
	return u.w.Write(p)
}

// Limits of an archive that is looked over: a whole plan measured on hardware has some gigabytes in some ten thousand files.
var archiveLimits = archive.Limits{Bytes: 64 << 30, Files: 1 << 20}

// unpacked lays out the archives among the arguments below dir, and returns the folders to look over instead.
func unpacked(ctx context.Context, args []string, dir string) ([]string, error) {
	var out []string
	for i, arg := range args {
		if info, err := os.Stat(arg); err != nil || info.IsDir() {
			out = append(out, arg)
			continue
		}
		if !strings.HasSuffix(arg, archiveExt) {
			return nil, fmt.Errorf("%s is neither the folder of a run nor an archive of runs, whose name ends in %s", arg, archiveExt)
		}
		f, err := regular.Open(arg)
		if err != nil {
			return nil, err
		}
		to := filepath.Join(dir, fmt.Sprint(i))
		err = os.Mkdir(to, 0o700)
		var folders []string
		if err == nil {
			folders, err = archive.Unpack(readUntilDone{ctx, f}, to, archiveLimits)
		}
		for _, folder := range folders {
			if !isRun(filepath.Join(to, folder)) {
				err = fmt.Errorf("it holds a folder %q that is no run, and nothing vouches for what lies there: ask for an archive of runs alone", folder)
			}
		}
		if err = errors.Join(err, f.Close()); err != nil {
			return nil, fmt.Errorf("%s: %w", arg, err)
		}
		out = append(out, to)
	}
	return out, nil
}

type readUntilDone struct {
	ctx context.Context
	r   io.Reader
}

func (u readUntilDone) Read(p []byte) (int, error) {
	if u.ctx.Err() != nil {
		return 0, context.Cause(u.ctx)
	}
	return u.r.Read(p)
}

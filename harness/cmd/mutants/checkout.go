package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// checkout is a copy of the tree. One fault at a time is in it.
type checkout struct{ dir string }

// newCheckout copies the files of the tree that git knows or would know.
func newCheckout(root, dir string) (*checkout, error) {
	files, err := treeFiles(root)
	if err == nil {
		err = os.RemoveAll(dir)
	}
	c := &checkout{dir: dir}
	for _, name := range files {
		b, rerr := os.ReadFile(filepath.Join(root, name))
		if rerr != nil {
			continue // removed from the work tree
		}
		err = errors.Join(err, c.write(name, b))
	}
	if err != nil {
		return nil, fmt.Errorf("copy the tree: %w", err)
	}
	return c, nil
}

// write puts a file of the tree into the copy.
func (c *checkout) write(rel string, text []byte) error {
	path := filepath.Join(c.dir, filepath.FromSlash(rel))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o644)
}

// timeLimit is for the tests of one package, many times what they take.
const timeLimit = "900s"

// test runs the quick tests of a package, or those that run names, and returns the first that fails, "" if all pass.
func (c *checkout) test(ctx context.Context, pkg, run string) (failing string, err error) {
	args := []string{"test", "-short", "-failfast", "-count=1", "-skip", goldens, "-timeout", timeLimit}
	if run != "" {
		args = append(args, "-run", run)
	}
	out, passed, err := c.command(ctx, append(args, pkg)...)
	switch {
	case err != nil || passed:
		return "", err
	case strings.Contains(out, "[build failed]"), strings.Contains(out, "[setup failed]"):
		return "", uselessError{fmt.Errorf("does not compile: %s", firstLines(out))}
	case strings.Contains(out, "panic: test timed out"):
		return "", uselessError{fmt.Errorf("the tests of %s take longer than %s", pkg, timeLimit)}
	}
	if failing = failed(out); failing == "" {
		return "", uselessError{fmt.Errorf("the tests of %s ended without a test that fails: %s", pkg, firstLines(out))}
	}
	return failing, nil
}

// command runs go in the copy. An error says that it could not be run to its end; passed that it ended well.
func (c *checkout) command(ctx context.Context, args ...string) (out string, passed bool, err error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = c.dir
	var buf bytes.Buffer
	cmd.Stdout, cmd.Stderr = &buf, &buf
	// A group of its own: an interrupt of this program is not one of the tests, and ends all that they have started.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 10 * time.Second
	err = cmd.Run()
	if ctx.Err() != nil {
		return "", false, ctx.Err()
	}
	var exit *exec.ExitError
	switch {
	case err == nil:
		return buf.String(), true, nil
	case errors.As(err, &exit) && exit.Exited():
		return buf.String(), false, nil
	}
	return "", false, fmt.Errorf("go %s: %w", args[0], err)
}

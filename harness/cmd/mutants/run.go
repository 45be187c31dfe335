package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// goldens are the tests that compare with reports which were recorded once, or with files that -update rewrites.
const goldens = "^TestReplay$|^TestReplayOfTheFirstRelease$|Golden"

// result is what became of a fault.
type result struct {
	Key     string  `json:"key"` // of the fault and of the tree that it was put into
	Name    string  `json:"name"`
	Area    string  `json:"area"`
	Noticed bool    `json:"noticed"`
	By      string  `json:"by"`    // package and test that failed first, twice
	Error   string  `json:"error"` // why it says nothing: no place, it does not compile, or tests ran into their time limit
	Seconds float64 `json:"seconds"`
}

// runner puts faults into copies of one state of the tree, so that who works on the tree meanwhile disturbs nothing.
type runner struct {
	src     *source
	deps    dependents
	tree    string // digest of the tree
	results string // folder of a file a fault
}

// treeFiles are the files of the checkout that git knows, or would know.
func treeFiles(root string) ([]string, error) {
	cmd := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	cmd.Dir = root
	list, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("git ls-files: %w (mutants need a git checkout)", err)
	}
	return strings.Split(strings.TrimSuffix(string(list), "\x00"), "\x00"), nil
}

// treeDigest is that of all files of the copy that tests may read.
func treeDigest(root, dir string) (string, error) {
	files, err := treeFiles(root)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	for _, name := range files {
		if strings.HasPrefix(name, "fixtures/mutants/") || strings.HasSuffix(name, ".md") {
			continue // the lists are part of each fault's own key, and texts change nothing
		}
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			continue // removed from the work tree
		}
		fmt.Fprintf(h, "%s %d\n", name, len(b))
		h.Write(b)
	}
	return fmt.Sprintf("%x", h.Sum(nil)), nil
}

func (r *runner) key(m mutant) string {
	h := sha256.New()
	for _, s := range []string{r.tree, m.Name, m.Func, m.Find, m.Replace, m.Import} {
		fmt.Fprintf(h, "%d %s\n", len(s), s)
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}

func (r *runner) file(m mutant) string { return filepath.Join(r.results, m.Name+".json") }

// known is the result of an earlier execution on the same tree.
func (r *runner) known(m mutant) (result, bool) {
	var res result
	b, err := os.ReadFile(r.file(m))
	if err != nil || json.Unmarshal(b, &res) != nil {
		return res, false
	}
	return res, res.Key == r.key(m)
}

// run puts one fault into a copy of the tree and runs tests until one fails. An error says that nothing is known, and
// nothing is kept of it.
func (r *runner) run(ctx context.Context, c *checkout, m mutant) (result, error) {
	start := time.Now()
	res := result{Key: r.key(m), Name: m.Name, Area: m.Area}
	err := r.try(ctx, c, m, &res)
	var useless uselessError
	if errors.As(err, &useless) {
		res.Error, err = useless.Error(), nil
	}
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return res, err
	}
	res.Seconds = time.Since(start).Seconds()
	b, err := json.MarshalIndent(res, "", "  ")
	if err != nil {
		return res, err
	}
	return res, os.WriteFile(r.file(m), append(b, '\n'), 0o644)
}

// uselessError says why a fault tells nothing.
type uselessError struct{ error }

func (r *runner) try(ctx context.Context, c *checkout, m mutant, res *result) (err error) {
	rel, text, err := r.src.apply(m)
	if err != nil {
		return uselessError{err}
	}
	if err := c.write(rel, text); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.write(rel, r.src.text[rel])) }()
	pkg := module + "/" + path.Dir(rel)
	if out, passed, err := c.command(ctx, "vet", pkg); err != nil {
		return err
	} else if !passed {
		return uselessError{fmt.Errorf("does not pass go vet: %s", firstLines(out))}
	}
	for _, tests := range r.deps[pkg] {
		test, err := c.test(ctx, tests, "")
		if err != nil {
			return err
		}
		if test == "" {
			continue
		}
		// Once more, alone: a test that fails now and then has not noticed anything.
		top, _, _ := strings.Cut(test, "/")
		again, err := c.test(ctx, tests, "^"+top+"$")
		if err != nil {
			return err
		}
		if again != "" {
			res.Noticed, res.By = true, strings.TrimPrefix(tests, module+"/")+" "+test
			return nil
		}
	}
	return nil
}

// sound makes sure that the tests pass without any fault: a test that fails anyway would notice each.
func (r *runner) sound(ctx context.Context, c *checkout, pkgs []string) error {
	file := filepath.Join(r.results, "sound-"+r.tree[:16])
	if _, err := os.Stat(file); err == nil {
		return nil
	}
	for _, pkg := range pkgs {
		test, err := c.test(ctx, pkg, "")
		if err != nil {
			return fmt.Errorf("without a fault: %w", err)
		}
		if test != "" {
			return fmt.Errorf("without a fault, %s of %s fails already", test, pkg)
		}
	}
	return os.WriteFile(file, nil, 0o644)
}

var failedTest = regexp.MustCompile(`(?m)^\s*--- FAIL: (\S+)`)

// failed is the deepest test that failed first, "" if none says that it did.
func failed(out string) string {
	all := failedTest.FindAllStringSubmatch(out, -1)
	if len(all) == 0 {
		return ""
	}
	deepest := all[0][1]
	for _, m := range all {
		if strings.HasPrefix(m[1], deepest+"/") {
			deepest = m[1]
		}
	}
	return deepest
}

func firstLines(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(lines[:min(len(lines), 3)], " | ")
}

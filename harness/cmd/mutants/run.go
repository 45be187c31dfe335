package main

import (
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

// goldens are the tests that compare with files which -update rewrites.
const goldens = "^TestReplay$|Golden"

// result is what became of a fault.
type result struct {
	Key     string  `json:"key"` // of the fault and of the tree that it was put into
	Name    string  `json:"name"`
	Area    string  `json:"area"`
	Noticed bool    `json:"noticed"`
	By      string  `json:"by"`    // package and test that failed first
	Error   string  `json:"error"` // why it says nothing: no place, or it does not compile
	Seconds float64 `json:"seconds"`
}

// runner puts faults into one state of the tree.
type runner struct {
	src     *source
	deps    dependents
	tree    string // digest of the tree
	results string // folder of a file a fault
	scratch string
}

// treeDigest is that of all files of the checkout that tests may read.
func treeDigest(root string) (string, error) {
	cmd := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	cmd.Dir = root
	list, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("git ls-files: %w (mutants need a git checkout)", err)
	}
	h := sha256.New()
	for name := range strings.SplitSeq(string(list), "\x00") {
		if strings.HasPrefix(name, "fixtures/mutants/") || strings.HasSuffix(name, ".md") {
			continue // the lists are part of each fault's own key, and texts change nothing
		}
		b, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			continue // removed from the work tree, or a folder
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

// run puts one fault in and runs tests until one fails.
func (r *runner) run(m mutant) (result, error) {
	start := time.Now()
	res := result{Key: r.key(m), Name: m.Name, Area: m.Area}
	err := r.try(m, &res)
	var useless uselessError
	if errors.As(err, &useless) {
		res.Error, err = useless.Error(), nil
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

func (r *runner) try(m mutant, res *result) error {
	rel, text, err := r.src.apply(m)
	if err != nil {
		return uselessError{err}
	}
	dir, err := os.MkdirTemp(r.scratch, "fault-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	mutated, overlay := filepath.Join(dir, path.Base(rel)), filepath.Join(dir, "overlay.json")
	b, err := json.Marshal(map[string]map[string]string{"Replace": {filepath.Join(r.src.root, filepath.FromSlash(rel)): mutated}})
	if err != nil {
		return err
	}
	if err := errors.Join(os.WriteFile(mutated, text, 0o644), os.WriteFile(overlay, b, 0o644)); err != nil {
		return err
	}
	pkg := module + "/" + path.Dir(rel)
	if out, err := r.goCommand("vet", "-overlay", overlay, pkg); err != nil {
		return uselessError{fmt.Errorf("does not pass go vet: %s", firstLines(out))}
	}
	for _, tests := range r.deps[pkg] {
		out, err := r.goCommand("test", "-overlay", overlay, "-short", "-failfast", "-skip", goldens, "-timeout", "180s", tests)
		if err == nil {
			continue
		}
		if strings.Contains(out, "[build failed]") || strings.Contains(out, "[setup failed]") {
			return uselessError{fmt.Errorf("does not compile: %s", firstLines(out))}
		}
		res.Noticed, res.By = true, strings.TrimPrefix(tests, module+"/")+" "+failed(out)
		return nil
	}
	return nil
}

func (r *runner) goCommand(args ...string) (string, error) {
	cmd := exec.Command("go", args...)
	cmd.Dir = r.src.root
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return string(out), fmt.Errorf("go %s: %w", args[0], err)
	}
	return string(out), err
}

var failedTest = regexp.MustCompile(`(?m)^\s*--- FAIL: (\S+)`)

// failed is the deepest test that failed first.
func failed(out string) string {
	all := failedTest.FindAllStringSubmatch(out, -1)
	if len(all) == 0 {
		return firstLines(out)
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

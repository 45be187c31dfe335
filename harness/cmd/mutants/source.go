package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// source are the functions of a tree that may hold a fault: those of product code, and those of the test files of
// hypotheses, in which the decision rules stand.
type source struct {
	root  string
	funcs map[string][]place // by name, with and without the package before it
	text  map[string][]byte  // by path
}

// place is where a function stands.
type place struct {
	path       string // below the root, with slashes
	from, to   int    // bytes
	importFrom int    // where an import can be added
}

const rulesDir = "hypotheses"

// readSource parses the tree.
func readSource(root string) (*source, error) {
	s := &source{root: root, funcs: map[string][]place{}, text: map[string][]byte{}}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if d.IsDir() {
			if rel != "." && (strings.HasPrefix(d.Name(), ".") || rel == "results" || d.Name() == "testdata") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(rel, ".go") || strings.HasSuffix(rel, "_test.go") && !strings.HasPrefix(rel, rulesDir+"/") {
			return nil
		}
		return s.file(path, rel)
	})
	return s, err
}

func (s *source) file(path, rel string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	set := token.NewFileSet()
	f, err := parser.ParseFile(set, path, b, parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	s.text[rel] = b
	at := func(p token.Pos) int { return set.Position(p).Offset }
	for _, d := range f.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok {
			continue
		}
		name := fn.Name.Name
		if fn.Recv != nil && len(fn.Recv.List) == 1 {
			name = receiver(fn.Recv.List[0].Type) + "." + name
		}
		p := place{path: rel, from: at(fn.Pos()), to: at(fn.End()), importFrom: at(f.Name.End())}
		s.funcs[name] = append(s.funcs[name], p)
		s.funcs[f.Name.Name+"."+name] = append(s.funcs[f.Name.Name+"."+name], p)
	}
	return nil
}

// receiver is the name of a receiver's type.
func receiver(e ast.Expr) string {
	switch t := e.(type) {
	case *ast.StarExpr:
		return receiver(t.X)
	case *ast.IndexExpr:
		return receiver(t.X)
	case *ast.Ident:
		return t.Name
	}
	return "?"
}

// apply returns the file that holds the fault, below the root, and its text with it.
func (s *source) apply(m mutant) (path string, text []byte, err error) {
	places := s.funcs[m.Func]
	if len(places) != 1 {
		return "", nil, fmt.Errorf("there are %d functions %s", len(places), m.Func)
	}
	p := places[0]
	file := s.text[p.path]
	body := string(file[p.from:p.to])
	if n := strings.Count(body, m.Find); n != 1 {
		return "", nil, fmt.Errorf("%s: %q stands %d times in %s", p.path, m.Find, n, m.Func)
	}
	out := append([]byte{}, file[:p.importFrom]...)
	if m.Import != "" {
		out = append(out, "; import "+strconv.Quote(m.Import)...)
	}
	out = append(out, file[p.importFrom:p.from]...)
	out = append(out, strings.Replace(body, m.Find, m.Replace, 1)...)
	return p.path, append(out, file[p.to:]...), nil
}

package rates

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"go/ast"
	"go/parser"
	"go/scanner"
	"go/token"
	"hash"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// Rules are the sources of what judges a run. Comments and layout are no part of them, so that an explanation that is written
// better makes no run count anew.
type Rules struct {
	shared string // digest of the rooms that every verdict passes
	// declared are the declarations of the package of hypotheses, by name: its tests reach all of them, a hypothesis its own.
	declared map[string][]declaration
}

// declaration is one at the top level of a package.
type declaration struct {
	text []byte
	uses []string // names in it, whichever they name
}

// shared are the rooms below package harness, and the files of others, that judge whatever the hypothesis.
var shared = []string{"evidence", "gate", "stats", "verdict", "looks.go", "rates/kept.go"}

// NewRules reads the sources of package harness and those of the hypotheses.
func NewRules(rooms, hypotheses fs.FS) (*Rules, error) {
	sum := sha256.New()
	for _, of := range shared {
		err := fs.WalkDir(rooms, of, func(file string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || path.Ext(file) != ".go" || strings.HasSuffix(file, "_test.go") {
				return err
			}
			b, err := fs.ReadFile(rooms, file)
			if err != nil {
				return err
			}
			fmt.Fprintln(sum, file)
			return addTokens(sum, b)
		})
		if err != nil {
			return nil, fmt.Errorf("sources of the rules: %w", err)
		}
	}
	r := &Rules{shared: hex.EncodeToString(sum.Sum(nil)), declared: map[string][]declaration{}}
	if err := r.declare(hypotheses); err != nil {
		return nil, fmt.Errorf("sources of the hypotheses: %w", err)
	}
	return r, nil
}

// declare reads the declarations of a package.
func (r *Rules) declare(fsys fs.FS) error {
	files, err := fs.Glob(fsys, "*.go")
	if err != nil {
		return err
	}
	for _, file := range files {
		b, err := fs.ReadFile(fsys, file)
		if err != nil {
			return err
		}
		set := token.NewFileSet()
		parsed, err := parser.ParseFile(set, file, b, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		at := func(p token.Pos) int { return set.Position(p).Offset }
		for _, d := range parsed.Decls {
			text := declaration{text: b[at(d.Pos()):at(d.End())], uses: namesOf(d)}
			for _, name := range declaredBy(d) {
				r.declared[name] = append(r.declared[name], text)
			}
		}
	}
	return nil
}

// declaredBy are the names under which a declaration is reached: a method by its type.
func declaredBy(d ast.Decl) (out []string) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Recv == nil {
			return []string{d.Name.Name}
		}
		return namesOf(d.Recv.List[0].Type)
	case *ast.GenDecl:
		for _, s := range d.Specs {
			switch s := s.(type) {
			case *ast.TypeSpec:
				out = append(out, s.Name.Name)
			case *ast.ValueSpec:
				for _, name := range s.Names {
					out = append(out, name.Name)
				}
			}
		}
	}
	return out
}

func namesOf(n ast.Node) (out []string) {
	ast.Inspect(n, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok {
			out = append(out, id.Name)
		}
		return true
	})
	return out
}

// Of is the digest of the rules that judge a hypothesis, whose value is named as its id is, in small letters.
func (r *Rules) Of(id string) (string, error) {
	value := strings.ToLower(id)
	if r.declared[value] == nil {
		return "", fmt.Errorf("%s: the package of hypotheses declares no %s", id, value)
	}
	reached := map[string]bool{}
	for due := []string{value}; len(due) > 0; {
		name := due[len(due)-1]
		due = due[:len(due)-1]
		if reached[name] || r.declared[name] == nil {
			continue
		}
		reached[name] = true
		for _, d := range r.declared[name] {
			due = append(due, d.uses...)
		}
	}
	sum := sha256.New()
	fmt.Fprintln(sum, r.shared)
	var names []string
	for name := range reached {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		for _, d := range r.declared[name] {
			if err := addTokens(sum, d.text); err != nil {
				return "", fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// addTokens adds what a compiler reads of a text: neither comments nor layout.
func addTokens(sum hash.Hash, text []byte) error {
	set := token.NewFileSet()
	var s scanner.Scanner
	var fault error
	s.Init(set.AddFile("", set.Base(), len(text)), text, func(at token.Position, msg string) {
		fault = fmt.Errorf("%s: %s", at, msg)
	}, 0)
	for {
		_, tok, literal := s.Scan()
		switch tok {
		case token.EOF:
			return fault
		case token.SEMICOLON:
			continue // one where a line ends, none where a brace does
		}
		fmt.Fprintf(sum, "%s %q\n", tok, literal)
	}
}

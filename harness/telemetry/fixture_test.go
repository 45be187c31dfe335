package telemetry

import (
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"sparkharness/harness/outgoing"
)

const fixtures = "../../fixtures/telemetry"

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(fixtures, name))
	require.NoError(t, err)
	return b
}

// tree is a writable copy of a fixture's proc/ and sys/.
type tree struct {
	t         testing.TB
	proc, sys string
}

func newTree(t testing.TB) *tree {
	t.Helper()
	dir := t.TempDir()
	tr := &tree{t: t, proc: filepath.Join(dir, "proc"), sys: filepath.Join(dir, "sys")}
	require.NoError(t, os.CopyFS(tr.sys, os.DirFS(filepath.Join(fixtures, "sys"))))
	tr.show("before")
	return tr
}

// show overwrites proc/ with that of a fixture: the machine has moved on.
func (tr *tree) show(moment string) {
	tr.t.Helper()
	src := os.DirFS(filepath.Join(fixtures, moment, "proc"))
	require.NoError(tr.t, fs.WalkDir(src, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := fs.ReadFile(src, path)
		if err != nil {
			return err
		}
		tr.write(path, string(b))
		return nil
	}))
}

func (tr *tree) write(path, content string) {
	tr.t.Helper()
	full := filepath.Join(tr.proc, path)
	require.NoError(tr.t, os.MkdirAll(filepath.Dir(full), 0o755))
	require.NoError(tr.t, os.WriteFile(full, []byte(content), 0o644))
}

func (tr *tree) remove(path string) {
	tr.t.Helper()
	full := filepath.Join(tr.proc, path)
	// A reader that has a file open must see it go, too.
	require.NoError(tr.t, filepath.WalkDir(full, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		return os.Truncate(name, 0)
	}))
	require.NoError(tr.t, os.RemoveAll(full))
}

// replace edits one file of proc/.
func (tr *tree) replace(path, old, new string) {
	tr.t.Helper()
	b, err := os.ReadFile(filepath.Join(tr.proc, path))
	require.NoError(tr.t, err)
	require.Contains(tr.t, string(b), old)
	tr.write(path, strings.Replace(string(b), old, new, 1))
}

// serve is a client whose every request is answered by h, without a network.
func serve(h http.HandlerFunc) *outgoing.Client {
	return through(func(r *http.Request) (*http.Response, error) {
		if err := r.Context().Err(); err != nil {
			return nil, err
		}
		w := httptest.NewRecorder()
		h(w, r)
		return w.Result(), nil
	})
}

// through is a client, of any host, whose requests are answered by f.
func through(f roundTrip) *outgoing.Client {
	return outgoing.New(outgoing.Options{Remote: true, Through: f})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// pages answers with one page after another, the last one for ever.
func pages(bodies ...string) *outgoing.Client {
	n := 0
	return serve(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, bodies[min(n, len(bodies)-1)])
		n++
	})
}

package harness

import (
	"os"
	"path/filepath"
	"testing"
)

// Rerecord runs a hypothesis with the configurations of a folder and puts what it leaves into dir, for
// tests that replay recorded runs. What is not needed to replay is left out.
func Rerecord(t *testing.T, h Hypothesis, configs, dir string) {
	t.Helper()
	o := *session.options
	o.Configs, o.Results, o.World, o.Resume = configs, t.TempDir(), "default", false
	rep, path := execute(t, h, &o)
	if rep == nil {
		t.Fatal("nothing was recorded")
	}
	run := filepath.Dir(path)
	for _, extra := range []string{"manifest.json", "figures", "table.txt", "uwork.json"} {
		if err := os.RemoveAll(filepath.Join(run, extra)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(dir, os.DirFS(run)); err != nil {
		t.Fatal(err)
	}
}

package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A folder takes what it does not hold from the one that it is laid over.
func TestFolder(t *testing.T) {
	below, whole := folderOf(t, files{"gates.yaml": gates, "stackA.yaml": "", "worlds/w1.yaml": "", "worlds/w2.yaml": "",
		"fio/none.fio": "", "fio/heavy.fio": ""})
	dir, folder := folderOf(t, files{"configs.yaml": "base: " + below + "\n", "worlds/w2.yaml": "", "worlds/w3.yaml": "", "fio/light.fio": ""})
	for file, in := range map[string]string{
		"stackA.yaml": below, "worlds/w1.yaml": below, "worlds/w2.yaml": dir, "worlds/w3.yaml": dir, "worlds/none.yaml": dir, "worlds": dir,
	} {
		assert.Equal(t, filepath.Join(in, file), folder.Path(file), file)
	}
	assert.Equal(t, filepath.Join(below, "fio", "heavy.fio"), folder.Fio("heavy"))
	assert.Equal(t, []string{"w1", "w2", "w3"}, folder.Names("worlds", ".yaml"))
	assert.Equal(t, []string{"w1", "w2"}, whole.Names("worlds", ".yaml"))
	assert.Empty(t, folder.Names("profiles", ".yaml"))

	// A hypothesis may name what only the folder below has; gates come from below, too.
	path := filepath.Join(t.TempDir(), "mine.yaml")
	text := edit(t, withoutGates(t), "conc: [1, 4]", "conc: [1, 4]\n  fio: [none, light, dark]")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	_, err := LoadHypothesis(folder, path)
	require.EqualError(t, err, path+":14: sweep.fio[2]: "+
		"there is no file fio/dark.fio in the folder of configurations, "+dir+", nor in its base "+below+", where there are heavy, light, none")

	// A world of the folder may name a job file of the one below.
	require.NoError(t, os.WriteFile(filepath.Join(dir, "worlds", "w3.yaml"), []byte("world: w3\nnote: n\nload: {fio: heavy}\n"), 0o644))
	_, err = LoadWorld(filepath.Join(dir, "worlds", "w3.yaml"))
	require.NoError(t, err)
}

func TestFolderFaults(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"no such folder": {"base: nowhere\n", "configs.yaml:1: base: there is no folder DIR/nowhere; a base is named relative to the folder that names it"},
		"a file":         {"# x\nbase: configs.yaml\n", "configs.yaml:2: base: there is no folder DIR/configs.yaml; a base is named relative to the folder that names it"},
		"itself":         {"base: worlds/..\n", "configs.yaml:1: base: leads back to DIR; no folder can be its own base"},
		"empty":          {"", "configs.yaml:1: is empty"},
		"no base":        {"bass: x\n", "configs.yaml:1: bass: unknown field; did you mean base?\nDIR/configs.yaml:1: base: required field is missing"},
		"two lines":      {"base: \"a\\nb\"\n", `configs.yaml:1: base: "a\nb" is no path: it has characters that do not print`},
		"no value":       {"base: ''\n", "configs.yaml:1: base: is empty"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			require.NoError(t, os.Mkdir(filepath.Join(dir, "worlds"), 0o755))
			require.NoError(t, os.WriteFile(filepath.Join(dir, folderFileName), []byte(c.text), 0o644))
			_, err := OpenFolder(dir)
			require.EqualError(t, err, strings.ReplaceAll("DIR/"+c.want, "DIR", dir))
		})
	}

	// Two that are laid over each other.
	dir := t.TempDir()
	for _, d := range []string{"a", "b"} {
		require.NoError(t, os.Mkdir(filepath.Join(dir, d), 0o755))
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a", folderFileName), []byte("base: ../b\n"), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "b", folderFileName), []byte("base: ../a\n"), 0o644))
	_, err := OpenFolder(filepath.Join(dir, "a"))
	require.EqualError(t, err, filepath.Join(dir, "b", folderFileName)+
		":1: base: leads back to "+filepath.Join(dir, "a")+"; no folder can be its own base")

	_, err = OpenFolder(filepath.Join(dir, "c"))
	require.EqualError(t, err, "there is no folder of configurations "+filepath.Join(dir, "c")+
		": correct the path, which starts in the folder of the tests or of the command")
}

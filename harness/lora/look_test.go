package lora

import (
	"encoding/binary"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const config16 = `{"peft_type":"LORA","r":16,"base_model_name_or_path":"org/m"}`

// folder is /models/lora with two adapters.
func folder() fstest.MapFS {
	return fstest.MapFS{
		"models/lora/a/adapter_config.json":       {Data: []byte(config16)},
		"models/lora/a/adapter_model.safetensors": {Data: safetensors(make([]byte, 1000))},
		"models/lora/a/adapter_model.bin":         {Data: make([]byte, 5000)},
		"models/lora/a/optimizer.pt":              {Data: make([]byte, 9000)},
		"models/lora/b/adapter_config.json":       {Data: []byte(config16)},
		"models/lora/b/adapter_model.bin":         {Data: make([]byte, 3000)},
	}
}

func wanted() Wanted {
	return Wanted{Dir: "/models/lora", Names: []string{"a", "b"}, Rank: 16, Model: "org/m", Mounted: true}
}

// What a server reads of an adapter are its configuration and one file of weights, and nothing else that lies there.
func TestLook(t *testing.T) {
	got, err := Look(folder(), wanted())
	require.NoError(t, err)
	size, tensors := int64(len(config16)), int64(len(safetensors(make([]byte, 1000))))
	assert.Equal(t, map[string]Adapter{
		"a": {Files: []string{"/models/lora/a/adapter_config.json", "/models/lora/a/adapter_model.safetensors"}, Bytes: tensors + size, Model: "org/m"},
		"b": {Files: []string{"/models/lora/b/adapter_config.json", "/models/lora/b/adapter_model.bin"}, Bytes: 3000 + size, Model: "org/m"},
	}, got)
	assert.Equal(t, 3000+tensors+2*size, Bytes(got))
	assert.Len(t, Paths(got), 4)
}

// What a server would not find, would not take, or would take from elsewhere is told in one line with what to do.
func TestAmiss(t *testing.T) {
	put := func(file, text string) func(fstest.MapFS, *Wanted) {
		return func(f fstest.MapFS, _ *Wanted) { f["models/lora/"+file] = &fstest.MapFile{Data: []byte(text)} }
	}
	link := func(file, target string) func(fstest.MapFS, *Wanted) {
		return func(f fstest.MapFS, _ *Wanted) {
			f["models/lora/"+file] = &fstest.MapFile{Data: []byte(target), Mode: fs.ModeSymlink | 0o777}
		}
	}
	elsewhere := func(then func(fstest.MapFS, *Wanted)) func(fstest.MapFS, *Wanted) {
		return func(f fstest.MapFS, w *Wanted) {
			f["blobs/x"] = &fstest.MapFile{Data: safetensors(make([]byte, 1000))}
			then(f, w)
		}
	}
	tensors := string(safetensors(make([]byte, 1000)))
	const (
		metadata = `{"__metadata__":{"format":"pt"}}   ` // blanks fill the header
		gitLFS   = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n"
	)
	for _, tc := range []struct {
		name   string
		change func(fstest.MapFS, *Wanted)
		want   string // "": nothing is amiss
	}{
		{"no folder", func(f fstest.MapFS, w *Wanted) { w.Dir = "/elsewhere" }, "2 of 2 LoRA adapters are not in /elsewhere (a, b): " +
			"make a folder of each one's name there, with its adapter_config.json and adapter_model.safetensors or adapter_model.bin"},
		{"many are lacking", func(f fstest.MapFS, w *Wanted) { w.Names = []string{"a", "c", "d", "e", "f", "g"} },
			"5 of 6 LoRA adapters are not in /models/lora (c, d, e and 2 more)"},
		{"no weights", func(f fstest.MapFS, _ *Wanted) { delete(f, "models/lora/b/adapter_model.bin") }, "1 of 2 LoRA adapters are not in /models/lora (b)"},
		{"no configuration", func(f fstest.MapFS, _ *Wanted) { delete(f, "models/lora/a/adapter_config.json") }, "(a)"},
		{"a path that depends on where one is", func(_ fstest.MapFS, w *Wanted) { w.Dir = "lora" }, "give its whole path as load.adapters.dir"},
		{"empty weights", put("a/adapter_model.safetensors", ""), "LoRA adapter a in /models/lora: adapter_model.safetensors is empty, or no file: fetch it again"},
		{"weights cut off", put("a/adapter_model.safetensors", tensors[:len(tensors)-1]), fmt.Sprintf("adapter_model.safetensors has %d bytes, and its header speaks of %d: fetch it again", len(tensors)-1, len(tensors))},
		{"weights and more", put("a/adapter_model.safetensors", tensors+"x"), "and its header speaks of"},
		{"weights cut off in the header", put("a/adapter_model.safetensors", tensors[:40]), "is cut off inside its header (40 bytes are there): fetch it again"},
		{"seven bytes", put("a/adapter_model.safetensors", tensors[:7]), "has 7 bytes, too few for safetensors"},
		{"noise", put("a/adapter_model.safetensors", strings.Repeat("noise", 100)), "is no safetensors file (a header of "},
		{"a header of noise", put("a/adapter_model.safetensors", tensors[:8]+"x"+tensors[9:]), "is no safetensors file (its header cannot be read)"},
		{"a page instead of weights", put("a/adapter_model.safetensors", "<html><body>Sign in</body></html>"), "is no safetensors file"},
		{"a pointer of Git LFS", put("a/adapter_model.safetensors", gitLFS), "adapter_model.safetensors is a pointer of Git LFS, and no weights"},
		{"another one", put("b/adapter_model.bin", gitLFS), "adapter_model.bin is a pointer of Git LFS"},
		{"with metadata", put("a/adapter_model.safetensors", string(binary.LittleEndian.AppendUint64(nil, uint64(len(metadata))))+metadata), ""},
		{"a list", put("a/adapter_config.json", "[]"), "adapter_config.json has array as a whole, which PEFT does not write: fetch it again"},
		{"a rank in words", put("a/adapter_config.json", `{"peft_type":"LORA","r":"16"}`), "adapter_config.json has string r, which PEFT does not write"},
		{"no JSON", put("a/adapter_config.json", "<html>"), "adapter_config.json cannot be read"},
		{"another method", put("a/adapter_config.json", `{"peft_type":"IA3","r":16}`), `says peft_type "IA3"`},
		{"no rank", put("a/adapter_config.json", `{"peft_type":"LORA"}`), "says no rank (r)"},
		{"too high a rank", put("a/adapter_config.json", strings.Replace(config16, "16", "32", 1)),
			"it has rank 32, and servers are started for 16: say load.adapters.rank: 32"},
		{"a rank of none", put("a/adapter_config.json", strings.Replace(config16, "16", "0", 1)), "says a rank (r) of 0, and the least is 1"},
		{"too high a rank of a module", put("a/adapter_config.json", strings.Replace(config16, "{", `{"rank_pattern":{"q_proj":8,"v_proj":64},`, 1)),
			"it has rank 64, and servers are started for 16: say load.adapters.rank: 64"},
		{"any rank", func(f fstest.MapFS, w *Wanted) {
			put("a/adapter_config.json", strings.Replace(config16, "16", "32", 1))(f, w)
			w.Rank = 0
		}, ""},
		{"another model", put("a/adapter_config.json", strings.Replace(config16, "org/m", "org/n", 1)),
			`names the model "org/n" (base_model_name_or_path), and the server, which is given org/m,`},
		{"any model", func(f fstest.MapFS, w *Wanted) {
			put("a/adapter_config.json", strings.Replace(config16, "org/m", "org/n", 1))(f, w)
			w.Model = ""
		}, ""},
		{"two are amiss", func(f fstest.MapFS, w *Wanted) { w.Rank = 8 }, "(and 1 more are amiss)"},
		{"a link out of the mounted folder", elsewhere(link("a/adapter_model.safetensors", "../../../blobs/x")), "copy the files there (cp -rL)"},
		{"a link out of the folder of a process", elsewhere(func(f fstest.MapFS, w *Wanted) {
			link("a/adapter_model.safetensors", "../../../blobs/x")(f, w)
			w.Mounted = false
		}), ""},
		{"a link inside the folder", func(f fstest.MapFS, w *Wanted) {
			f["models/lora/b/adapter_model.safetensors"] = f["models/lora/a/adapter_model.safetensors"]
			link("a/adapter_model.safetensors", "../b/adapter_model.safetensors")(f, w)
		}, ""},
		{"a link to a link that leads out", elsewhere(func(f fstest.MapFS, w *Wanted) {
			link("b/hop", "../../../blobs/x")(f, w)
			link("a/adapter_model.safetensors", "../b/hop")(f, w)
		}), "LoRA adapter a in /models/lora: a link leads out of that folder"},
		{"a link through a folder that leads out", elsewhere(func(f fstest.MapFS, w *Wanted) {
			link("there", "../../blobs")(f, w)
			link("a/adapter_model.safetensors", "../there/x")(f, w)
		}), "LoRA adapter a in /models/lora: a link leads out of that folder"},
		{"a link to a folder with a slash behind it", func(f fstest.MapFS, w *Wanted) {
			f["models/lora/b/adapter_model.safetensors"] = f["models/lora/a/adapter_model.safetensors"]
			link("hop", "b//")(f, w)
			link("a/adapter_model.safetensors", "..//hop//adapter_model.safetensors")(f, w)
		}, ""},
		{"a link over two that stay inside", func(f fstest.MapFS, w *Wanted) {
			f["models/lora/b/adapter_model.safetensors"] = f["models/lora/a/adapter_model.safetensors"]
			link("hop", "/models/lora/b")(f, w)
			link("a/adapter_model.safetensors", "../hop/adapter_model.safetensors")(f, w)
		}, ""},
		{"a link to an adapter's folder", func(f fstest.MapFS, w *Wanted) {
			f["snapshots/c/adapter_config.json"], f["snapshots/c/adapter_model.bin"] = f["models/lora/b/adapter_config.json"], f["models/lora/b/adapter_model.bin"]
			link("c", "../../snapshots/c")(f, w)
			w.Names = append(w.Names, "c")
		}, "LoRA adapter c in /models/lora: a link leads out of that folder"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f, w := folder(), wanted()
			tc.change(f, &w)
			_, err := Look(f, w)
			if tc.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tc.want)
			assert.NotContains(t, err.Error(), "\n")
		})
	}
}

// Links of a real file system are followed as a process follows them.
func TestLinksOfThisMachine(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, folder()))
	at, blobs := filepath.Join(dir, "models", "lora"), filepath.Join(dir, "blobs")
	require.NoError(t, os.Rename(filepath.Join(at, "b"), blobs))
	require.NoError(t, os.Symlink(blobs, filepath.Join(at, "b")))
	w := wanted()
	w.Dir = at
	_, err := Look(os.DirFS("/"), w)
	require.ErrorContains(t, err, "LoRA adapter b in "+at+": a link leads out of that folder")
	w.Mounted = false
	got, err := Look(os.DirFS("/"), w)
	require.NoError(t, err)
	assert.Len(t, got, 2)
}

// A file where a folder is to be is named as such, and by its path on this machine.
func TestFileForFolder(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a"), []byte("x"), 0o644))
	_, err := Look(os.DirFS("/"), Wanted{Dir: dir, Names: []string{"a"}})
	require.EqualError(t, err, fmt.Sprintf("LoRA adapter a in %s: %[1]s/a is no folder: make one, with its adapter_config.json and adapter_model.safetensors "+
		"or adapter_model.bin", dir))
}

// What has been read is in the page cache; where that is not told it is nil.
func TestCached(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x")
	require.NoError(t, os.WriteFile(file, make([]byte, 1<<20), 0o644))
	got, err := Cached([]string{file})
	require.NoError(t, err)
	if got == nil {
		t.Skip("NOT TESTED: this kernel does not tell what is in the page cache (cachestat)")
	}
	assert.InDelta(t, 1<<20, *got, 1, "it has just been written")
	_, err = Cached([]string{file + "y"})
	require.ErrorIs(t, err, fs.ErrNotExist)
}

// safetensors is a file of weights with one tensor, which has the bytes that are given.
func safetensors(data []byte) []byte {
	header := fmt.Appendf(nil, `{"lora_A.weight":{"dtype":"U8","shape":[%d],"data_offsets":[0,%[1]d]}}`, len(data))
	return append(append(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header...), data...)
}

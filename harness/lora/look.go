package lora

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"syscall"
)

// Wanted are adapters as a load asks for them.
type Wanted struct {
	Dir   string   // absolute path of the folder that has one for each
	Names []string // of the adapters
	Rank  int      // the largest that the server is started for; 0: any
	Model string   // that their configurations must name; "": any
	// Mounted says that the server sees Dir and nothing else: no link may lead out of it.
	Mounted bool
}

// Adapter is one that is there.
type Adapter struct {
	Files []string // absolute paths: its configuration, and its weights
	Bytes int64    // of them together, which are what a server reads
	Model string   // that it was trained on, as its configuration names it; "" if it does not
}

// The files of an adapter: of the weights the first that is there is read, by either server.
const configuration = "adapter_config.json"

var weights = []string{"adapter_model.safetensors", "adapter_model.bin"}

// mostConfiguration bounds adapter_config.json, bytes.
const mostConfiguration = 1 << 20

// mostNamed is how many adapters an error names.
const mostNamed = 3

// Look finds the adapters in a file system with its root at /, by name. An error says in one line what is amiss with which, and what to do.
func Look(files fs.FS, w Wanted) (map[string]Adapter, error) {
	if !path.IsAbs(w.Dir) {
		return nil, fmt.Errorf("the folder of the LoRA adapters is %q: give its whole path as load.adapters.dir", w.Dir)
	}
	out := map[string]Adapter{}
	var lacking []string
	var amiss []error
	for _, name := range w.Names {
		a, err := w.look(files, name)
		switch {
		case errors.Is(err, errLacking):
			lacking = append(lacking, name)
		case err != nil:
			amiss = append(amiss, fmt.Errorf("LoRA adapter %s in %s: %w", name, w.Dir, err))
		default:
			out[name] = a
		}
	}
	switch {
	case len(lacking) > 0:
		return nil, fmt.Errorf("%d of %d LoRA adapters are not in %s (%s): make a folder of each one's name there, with its %s and %s, "+
			"or name another folder and list in a hypothesis file of your own (load.adapters.dir, load.adapters.list)",
			len(lacking), len(w.Names), w.Dir, someOf(lacking), configuration, strings.Join(weights, " or "))
	case len(amiss) > 1:
		return nil, fmt.Errorf("%w (and %d more are amiss)", amiss[0], len(amiss)-1)
	case len(amiss) == 1:
		return nil, amiss[0]
	}
	return out, nil
}

// someOf are names as far as they fit a line.
func someOf(names []string) string {
	if len(names) <= mostNamed {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:mostNamed], ", "), len(names)-mostNamed)
}

// errLacking says that an adapter has no folder, or not all files in it.
var errLacking = errors.New("it is not there")

func (w *Wanted) look(files fs.FS, name string) (a Adapter, err error) {
	dir := path.Join(w.Dir, name)
	if err := w.add(files, &a, path.Join(dir, configuration)); err != nil {
		return a, err
	}
	for i, file := range weights {
		err := w.add(files, &a, path.Join(dir, file))
		if errors.Is(err, errLacking) && i+1 < len(weights) {
			continue
		}
		if err != nil {
			return a, err
		}
		if err := whole(files, path.Join(dir, file)); err != nil {
			return a, err
		}
		break
	}
	if w.Mounted && w.leadsOut(files, dir) {
		return a, errLink
	}
	return a, w.configured(files, &a)
}

// add adds a file of the adapter.
func (w *Wanted) add(files fs.FS, a *Adapter, file string) error {
	info, err := fs.Stat(files, inside(file))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return errLacking
	case errors.Is(err, syscall.ENOTDIR):
		return fmt.Errorf("%s is no folder: make one, with its %s and %s", path.Dir(file), configuration, strings.Join(weights, " or "))
	case err != nil:
		return unreadable(file, err)
	case !info.Mode().IsRegular() || info.Size() == 0:
		return fmt.Errorf("%s is empty, or no file: fetch it again", path.Base(file))
	case w.Mounted && w.leadsOut(files, file):
		return errLink
	}
	a.Files, a.Bytes = append(a.Files, file), a.Bytes+info.Size()
	return nil
}

// unreadable names a file as this machine does, and not as package fs.
func unreadable(file string, err error) error {
	if of := (*fs.PathError)(nil); errors.As(err, &of) {
		err = of.Err
	}
	return fmt.Errorf("%s: %w: let this user read it", file, err)
}

// errLink says that a container would not find what is found here.
var errLink = errors.New("a link leads out of that folder, to where the container does not see it: copy the files there (cp -rL)")

// mostLinks is how many links are followed, as Linux does.
const mostLinks = 40

// leadsOut says whether a path below the folder leads out of it on its way, by however many links.
func (w *Wanted) leadsOut(files fs.FS, file string) bool {
	dir := path.Clean(w.Dir)
	at, rest := dir, path.Clean(file)
	for links := 0; ; {
		// rest is what is left of the way: a whole path, or one from at, which holds no link any more.
		if path.IsAbs(rest) {
			if !strings.HasPrefix(rest+"/", dir+"/") {
				return true
			}
			at, rest = dir, strings.TrimPrefix(strings.TrimPrefix(rest, dir), "/")
		}
		step, more, _ := strings.Cut(rest, "/")
		if more = strings.TrimLeft(more, "/"); rest == "" {
			return false
		}
		next := path.Join(at, step)
		if !strings.HasPrefix(next+"/", dir+"/") {
			return true
		}
		target, err := "", error(nil)
		if next != dir {
			target, err = fs.ReadLink(files, inside(next))
		}
		if next == dir || err != nil { // it is none
			at, rest = next, more
			continue
		}
		if links++; links > mostLinks {
			return true
		}
		if rest = target; more != "" {
			rest = strings.TrimRight(target, "/") + "/" + more
		}
	}
}

// configured compares the adapter's configuration with what the server is started for.
func (w *Wanted) configured(files fs.FS, a *Adapter) error {
	f, err := files.Open(inside(a.Files[0]))
	if err != nil {
		return unreadable(a.Files[0], err)
	}
	defer f.Close()
	var c struct {
		Type  string `json:"peft_type"`
		Rank  *int   `json:"r"`
		Ranks ranks  `json:"rank_pattern"`
		Model string `json:"base_model_name_or_path"`
	}
	var other *json.UnmarshalTypeError
	if err := json.NewDecoder(io.LimitReader(f, mostConfiguration)).Decode(&c); errors.As(err, &other) {
		return fmt.Errorf("%s has %s %s, which PEFT does not write: fetch it again", configuration, other.Value, cmp.Or(other.Field, "as a whole"))
	} else if err != nil {
		return fmt.Errorf("%s cannot be read (%w): fetch it again", configuration, err)
	}
	a.Model = c.Model
	highest := 0
	if c.Rank != nil {
		highest = c.Ranks.highest(*c.Rank)
	}
	switch {
	case c.Type != "LORA":
		return fmt.Errorf("%s says peft_type %.40q, and the load is about LORA: take another adapter", configuration, c.Type)
	case c.Rank == nil:
		return fmt.Errorf("%s says no rank (r): take another adapter", configuration)
	case *c.Rank < 1:
		return fmt.Errorf("%s says a rank (r) of %d, and the least is 1: fetch it again", configuration, *c.Rank)
	case w.Rank > 0 && highest > w.Rank:
		return fmt.Errorf("it has rank %d, and servers are started for %d: say load.adapters.rank: %[1]d", highest, w.Rank)
	case w.Model != "" && c.Model != w.Model:
		return fmt.Errorf("%s names the model %.120q (base_model_name_or_path), and the server, which is given %s, takes no adapter of another name: "+
			"correct it there, or give -model so",
			configuration, c.Model, w.Model)
	}
	return nil
}

// ranks are those of modules that have another than the adapter's (PEFT's LoraConfig, rank_pattern).
type ranks map[string]int

func (r ranks) highest(of int) int {
	for _, rank := range r {
		of = max(of, rank)
	}
	return of
}

// inside is an absolute path as file systems of package fs spell it.
func inside(file string) string { return strings.TrimPrefix(path.Clean(file), "/") }

// Bytes are those of all adapters.
func Bytes(of map[string]Adapter) (sum int64) {
	for _, a := range of {
		sum += a.Bytes
	}
	return sum
}

// Paths are the files of all adapters, in order.
func Paths(of map[string]Adapter) (out []string) {
	for _, a := range of {
		out = append(out, a.Files...)
	}
	slices.Sort(out)
	return out
}

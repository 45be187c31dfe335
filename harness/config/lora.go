package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// LoRA is how a server that the harness starts serves LoRA adapters, and what is added to its launch where a load names some: to
// the part with the engine, and to the server's files. Beside the names of every launch, texts here may hold those of LoRAGiven.
type LoRA struct {
	// Request says how a request names an adapter: one of LoRARequests.
	Request string `yaml:"request"`
	// NamesModel says that the server takes an adapter only if the adapter_config.json of it names the model just as the server was
	// given it (base_model_name_or_path).
	NamesModel bool              `yaml:"names_model,omitempty"`
	Args       []string          `yaml:"args,omitempty"`
	Env        map[string]string `yaml:"env,omitempty"`
	Mounts     []string          `yaml:"mounts,omitempty"` // of a container, which has to see the folder at the path that it has here
	Append     map[string]string `yaml:"append,omitempty"` // text behind that of a file of launch.files, by its name
}

// Ways to name an adapter in a request.
const (
	LoRAAsObject = "lora_request" // an object with its name, a number of its own, and its folder
	LoRAAsModel  = "model"        // its name, in the place of the model's
)

// LoRARequests are all of them.
var LoRARequests = []string{LoRAAsObject, LoRAAsModel}

// LoRAGiven are the names that texts about adapters have beside LaunchGiven: the folder with a folder for each adapter, how many
// are on the device at once, and the largest rank.
var LoRAGiven = []string{"adapters_dir", "adapter_slots", "adapter_rank"}

// LaunchedAdapters are the LoRA adapters that a server is started for.
type LaunchedAdapters struct {
	Dir   string `yaml:"dir"`   // with a folder for each
	Slots int    `yaml:"slots"` // on the device at once
	Rank  int    `yaml:"rank"`
}

// NewLaunchedAdapters are the adapters of a load on a stack; an error says what of either keeps the server from being started for
// them.
func NewLaunchedAdapters(a *Adapters, st *Stack) (*LaunchedAdapters, error) {
	if st.Runtime.MaxLoRAs < 1 {
		return nil, fmt.Errorf("stack %s: the load names LoRA adapters, so runtime.max_loras must say how many fit on the device at once", st.Stack)
	}
	if err := CheckLaunchPath(a.Dir); err != nil {
		return nil, fmt.Errorf("load.adapters.dir: %w", err)
	}
	return &LaunchedAdapters{Dir: a.Dir, Slots: st.Runtime.MaxLoRAs, Rank: a.Rank}, nil
}

// values are what the names of LoRAGiven stand for.
func (a *LaunchedAdapters) values() map[string]string {
	return map[string]string{"adapters_dir": a.Dir, "adapter_slots": fmt.Sprint(a.Slots), "adapter_rank": fmt.Sprint(a.Rank)}
}

// check refuses what would add nothing, or could not be added, and returns the texts.
func (a *LoRA) check(r *reader, at string, l *Launch) (texts []launchText) {
	r.oneOf(at+".request", a.Request, LoRARequests...)
	for i, text := range a.Args {
		texts = append(texts, launchText{fmt.Sprintf("%s.args[%d]", at, i), text})
	}
	for _, name := range slices.Sorted(maps.Keys(a.Env)) {
		r.variable(join(at+".env", name), name)
		if secretName.MatchString(name) {
			r.refuse(join(at+".env", name), "is called as a secret is, and a file is read by anybody: name it among the container's or the process's secrets")
		}
		texts = append(texts, launchText{join(at+".env", name), a.Env[name]})
	}
	for i, text := range a.Mounts {
		texts = append(texts, launchText{fmt.Sprintf("%s.mounts[%d]", at, i), text})
	}
	if len(a.Mounts) > 0 && l.Container == nil {
		r.refuse(at+".mounts", "is of containers, and this server is a process")
	}
	if l.Container != nil && !slices.ContainsFunc(a.Mounts, func(m string) bool { return strings.HasPrefix(m, "{adapters_dir}:{adapters_dir}") }) {
		r.refuse(at+".mounts", "must have {adapters_dir}:{adapters_dir}: requests name adapters by the path that they have here")
	}
	for _, name := range slices.Sorted(maps.Keys(a.Append)) {
		if _, ok := l.Files[name]; !ok {
			r.refuse(join(at+".append", name), "is none of launch.files")
		}
		texts = append(texts, launchText{join(at+".append", name), a.Append[name]})
	}
	return texts
}

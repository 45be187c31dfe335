package launch

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"sparkharness/harness/config"
)

// Place is what a launch is told of this machine and of the experiment.
type Place struct {
	Kind      string // file of servers/, for names
	Host      string // to listen on: loopback
	Port      int
	Root      string // of the checkout
	Configs   string // folder of the configurations
	Home      string // of the user
	Folder    string // for the server's own files
	ModelName string // file of models/, "" for none
	Getenv    func(string) (string, bool)
	Docker    string // path of docker's command; "" where there is none
	Suffix    string // of containers' names, so that two runs have none in common
	CPUs      string // that containers may use, as the kernel lists them; "": all
}

// Command is a part of a server as it is started.
type Command struct {
	Part string // its name, "" for the part with the engine
	Argv []string
	// Env are variables as os/exec takes them; those of Secrets stand there with their values, so that it is never shown.
	Env       []string
	Container string            // name of the container, "" of a process
	Secrets   map[string]string // names and values
	Image     string            // "" of a process
	File      string            // of the configurations, which says it: servers/vllm.yaml
	Given     string            // variable of the harness's environment by which the path of its program is given; "" for none
	Folders   []Folder          // that a container sees, and that are given by a variable of the harness's environment
}

// Folder is a folder of this machine that a variable names.
type Folder struct{ Path, Env string }

// inherited are the variables that a process takes over from the harness: no other one could change what is measured, or be read
// by a server that it was not meant for.
var inherited = []string{"PATH", "HOME", "USER", "LANG", "TMPDIR", "LD_LIBRARY_PATH"}

// Commands are the parts of a server, those beside it first, and its files by name.
func Commands(l *config.Launch, s *config.Launched, p Place) ([]Command, map[string]string, error) {
	values, err := p.values(l, s)
	if err != nil {
		return nil, nil, err
	}
	b := &builder{place: p, launch: l, values: values, given: map[string]bool{}}
	if s.Adapters != nil && l.LoRA != nil {
		b.lora = *l.LoRA
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		b.given[name] = true
	}
	files := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(l.Files)) {
		files[name] = b.expand("files."+name, l.Files[name]) + b.expand("lora.append."+name, b.lora.Append[name])
	}
	var out []Command
	for _, name := range slices.Sorted(maps.Keys(l.Beside)) {
		out = append(out, b.part(name, l.Beside[name]))
	}
	out = append(out, b.part("", config.Part{Container: l.Container, Process: l.Process}))
	return out, files, errors.Join(b.errs...)
}

// values are all names with what they stand for.
func (p Place) values(l *config.Launch, s *config.Launched) (map[string]string, error) {
	values, err := s.Values(l)
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(l.Given)) {
		g := l.Given[name]
		v, ok := p.Getenv(g.Env)
		if !ok || v == "" {
			if g.Default == "" {
				errs = append(errs, fmt.Errorf("{%s} has no value: set %s to the path that servers/%s.yaml means by it", name, g.Env, p.Kind))
				continue
			}
			if v, err = config.Expand(g.Default, map[string]string{"home": p.Home, "root": p.Root}); err != nil {
				errs = append(errs, err)
				continue
			}
		}
		if err := config.CheckLaunchPath(v); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", g.Env, err))
		}
		values[name] = v
	}
	for name, v := range map[string]string{"model": s.Model, "model_name": p.ModelName, "host": p.Host, "port": fmt.Sprint(p.Port), "folder": p.Folder,
		"root": p.Root, "configs": p.Configs, "home": p.Home, "stack_file": s.StackFile} {
		if v != "" {
			values[name] = v
		}
	}
	return values, errors.Join(errs...)
}

// builder makes commands of texts.
type builder struct {
	place  Place
	launch *config.Launch
	lora   config.LoRA // what the load's adapters add; nothing without
	values map[string]string
	given  map[string]bool
	errs   []error
}

func (b *builder) expand(path, text string) string {
	out, err := config.Expand(text, b.values)
	if err != nil {
		b.errs = append(b.errs, fmt.Errorf("servers/%s.yaml: launch.%s: %w: give it in the stack file, with a flag, or as the setting's default", b.place.Kind, path, err))
	}
	return out
}

func (b *builder) all(path string, texts []string) []string {
	out := make([]string, len(texts))
	for i, text := range texts {
		out[i] = b.expand(path, text)
	}
	return out
}

// part is a container or a process. The settings are those of the part with the engine, which has no name.
func (b *builder) part(name string, p config.Part) Command {
	c := Command{Part: name, Secrets: map[string]string{}, File: "servers/" + b.place.Kind + ".yaml"}
	path := strings.TrimPrefix("beside."+name+".", "beside..")
	env := map[string]string{}
	var args []string
	if name == "" {
		for _, setting := range slices.Sorted(maps.Keys(b.launch.Settings)) {
			s := b.launch.Settings[setting]
			if !b.given[setting] {
				continue
			}
			args = append(args, b.all("settings."+setting+".args", s.Args)...)
			for _, variable := range slices.Sorted(maps.Keys(s.Env)) {
				env[variable] = b.expand("settings."+setting+".env."+variable, s.Env[variable])
			}
		}
	}
	if name == "" {
		args = append(args, b.all("lora.args", b.lora.Args)...)
		for _, variable := range slices.Sorted(maps.Keys(b.lora.Env)) {
			env[variable] = b.expand("lora.env."+variable, b.lora.Env[variable])
		}
	}
	var own map[string]string
	var secrets []string
	if p.Container != nil {
		own, secrets = p.Container.Env, p.Container.Secrets
	} else {
		own, secrets = p.Process.Env, p.Process.Secrets
	}
	for _, variable := range slices.Sorted(maps.Keys(own)) {
		env[variable] = b.expand(path+"env."+variable, own[variable])
	}
	for _, variable := range secrets {
		if v, ok := b.place.Getenv(variable); ok && v != "" {
			c.Secrets[variable] = v
		}
	}
	for _, variable := range inherited {
		if v, ok := b.place.Getenv(variable); ok {
			c.Env = append(c.Env, variable+"="+v)
		}
	}
	for _, variable := range slices.Sorted(maps.Keys(c.Secrets)) {
		c.Env = append(c.Env, variable+"="+c.Secrets[variable])
	}
	if p.Container == nil {
		c.Argv = append(b.all(path+"process.command", p.Process.Command), args...)
		if word := p.Process.Command[0]; strings.HasPrefix(word, "{") && strings.HasSuffix(word, "}") {
			c.Given = b.launch.Given[word[1:len(word)-1]].Env
		}
		for _, variable := range slices.Sorted(maps.Keys(env)) {
			c.Env = append(c.Env, variable+"="+env[variable])
		}
		return c
	}
	b.container(&c, path+"container", p.Container, env, args)
	return c
}

// container makes the line of docker run. A secret stands there by its name alone: docker takes the value from its own environment.
func (b *builder) container(c *Command, path string, of *config.Container, env map[string]string, args []string) {
	if b.place.Docker == "" {
		b.errs = append(b.errs, fmt.Errorf("servers/%s.yaml starts a container, and there is no docker on PATH: install it, or choose a kind that is a process", b.place.Kind))
		return
	}
	for _, variable := range []string{"DOCKER_HOST", "DOCKER_CONTEXT", "XDG_RUNTIME_DIR"} { // where docker's command finds its daemon
		if v, ok := b.place.Getenv(variable); ok {
			c.Env = append(c.Env, variable+"="+v)
		}
	}
	c.Image = of.Image
	c.Container = strings.Join(slices.DeleteFunc([]string{"sparkharness", b.place.Kind, c.Part, b.place.Suffix}, func(s string) bool { return s == "" }), "-")
	c.Argv = append([]string{b.place.Docker, "run", "--rm", "--pull", "never", "--name", c.Container, "--stop-signal", b.launch.Stop.Signal}, b.all(path+".flags", of.Flags)...)
	if b.place.CPUs != "" {
		c.Argv = append(c.Argv, "--cpuset-cpus", b.place.CPUs)
	}
	mounts := b.all(path+".mounts", of.Mounts)
	if c.Part == "" {
		mounts = append(mounts, b.all("lora.mounts", b.lora.Mounts)...)
	}
	for i, mount := range mounts {
		if as := slices.Concat(of.Mounts, b.lora.Mounts)[i]; strings.Count(mount, ":") != strings.Count(as, ":") {
			b.errs = append(b.errs, fmt.Errorf("servers/%s.yaml mounts %s: docker cannot mount a path with a colon: choose folders without one (-results, or what gives %s)",
				b.place.Kind, mount, as))
		}
		c.Argv = append(c.Argv, "--volume", mount)
		as, _, _ := strings.Cut(slices.Concat(of.Mounts, b.lora.Mounts)[i], ":")
		if g, ok := b.launch.Given[strings.Trim(as, "{}")]; ok && strings.HasPrefix(as, "{") {
			path, _, _ := strings.Cut(mount, ":")
			c.Folders = append(c.Folders, Folder{path, g.Env})
		}
	}
	for _, variable := range slices.Sorted(maps.Keys(env)) {
		c.Argv = append(c.Argv, "--env", variable+"="+env[variable])
	}
	for _, variable := range slices.Sorted(maps.Keys(c.Secrets)) {
		c.Argv = append(c.Argv, "--env", variable)
	}
	c.Argv = append(append(append(c.Argv, of.Image), b.all(path+".command", of.Command)...), args...)
}

// String is the command as a person would type it, without variables of the environment.
func (c Command) String() string {
	words := make([]string, len(c.Argv))
	for i, w := range c.Argv {
		if words[i] = w; w == "" || strings.ContainsAny(w, " \t\n\"'\\$`{}*?;&|<>()#~!") {
			words[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
	}
	return strings.Join(words, " ")
}

package config

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// launchText is a text of a launch and where it stands.
type launchText struct{ path, text string }

// check refuses a launch that could not be carried out, a name without a value, and what would never be looked at.
func (l *Launch) check(r *reader, at string) {
	texts := checkPart(r, at, Part{l.Container, l.Process})
	for _, name := range slices.Sorted(maps.Keys(l.Beside)) {
		r.plain(join(at+".beside", name), name)
		texts = append(texts, checkPart(r, join(at+".beside", name), l.Beside[name])...)
	}
	for _, name := range slices.Sorted(maps.Keys(l.Files)) {
		r.plain(join(at+".files", name), name)
		texts = append(texts, launchText{join(at+".files", name), l.Files[name]})
	}
	if l.Port > 65535 {
		r.refuse(at+".port", "must be from 1 to 65535, not %d", l.Port)
	}
	for _, name := range slices.Sorted(maps.Keys(l.Given)) {
		g := l.Given[name]
		r.variable(join(at+".given", name)+".env", g.Env)
		if own := slices.Concat(LaunchGiven, LoRAGiven); slices.Contains(own, name) || !plainName.MatchString(name) {
			r.refuse(join(at+".given", name), "is no name that can be given: letters, digits and _, and none of %s", strings.Join(own, ", "))
		}
		for _, p := range placeholders(g.Default) {
			if p != "home" && p != "root" {
				r.refuse(join(at+".given", name)+".default", "may name {home} and {root}, not {%s}", p)
			}
		}
	}
	texts = append(texts, l.checkSettings(r, at+".settings")...)
	if l.LoRA != nil {
		texts = append(texts, l.LoRA.check(r, at+".lora", l)...)
	}
	l.checkNames(r, at, texts)
	checkPath(r, at+".ready.path", l.Ready.Path)
	r.oneOf(at+".stop.signal", l.Stop.Signal, "SIGTERM", "SIGINT")
	for _, name := range slices.Sorted(maps.Keys(l.Log)) {
		l.Log[name].check(r, join(at+".log", name))
	}
}

// plainName is what stands in braces.
var plainName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// ownFlags are those of docker run that the harness gives itself, or that would take the container out of its hands, or open its
// ports to other machines.
var ownFlags = []string{"-d", "--detach", "--name", "--rm", "--restart", "-p", "--publish", "-P", "--publish-all", "-v", "--volume", "-e", "--env", "--env-file",
	"-i", "--interactive", "-t", "--tty", "-it", "-ti", "--stop-signal", "--pull"}

// ownFlag is which of ownFlags a flag gives, "" for none: as a word, with a value behind =, or among short ones that are written
// together (-itd, -p8000:8000).
func ownFlag(flag string) string {
	name, _, _ := strings.Cut(flag, "=")
	if slices.Contains(ownFlags, name) {
		return name
	}
	if len(flag) < 2 || flag[0] != '-' || flag[1] == '-' {
		return ""
	}
	for _, letter := range flag[1:] {
		short := "-" + string(letter)
		if slices.Contains(ownFlags, short) {
			return short
		}
		if letter != 'q' { // of those that may be given the only one without a value
			break // the rest is its value
		}
	}
	return ""
}

// secretName is how variables are called whose values belong into the environment; MAX_TOKENS is no such name.
var secretName = regexp.MustCompile(`(?i)(^|_)(TOKEN|API_?KEY|SECRET|PASSWORD|PASSWD|CREDENTIALS?|ACCESS_KEY)(_|$)`)

// checkPart looks at a container or a process, and returns its texts.
func checkPart(r *reader, at string, p Part) (texts []launchText) {
	add := func(path string, list []string) {
		for i, text := range list {
			texts = append(texts, launchText{fmt.Sprintf("%s[%d]", path, i), text})
		}
	}
	env := func(path string, env map[string]string, secrets []string) {
		for _, name := range slices.Sorted(maps.Keys(env)) {
			r.variable(join(path+".env", name), name)
			if secretName.MatchString(name) && !slices.Contains(secrets, name) {
				r.refuse(join(path+".env", name), "is called as a secret is, and a file is read by anybody: name it among secrets, and export its value")
			}
			texts = append(texts, launchText{join(path+".env", name), env[name]})
		}
		for i, name := range secrets {
			at := fmt.Sprintf("%s.secrets[%d]", path, i)
			if !environmentName.MatchString(name) {
				r.refuse(at, "must be the name of an environment variable, not the secret itself")
			}
			if _, both := env[name]; both {
				r.refuse(at, "%s stands among env, too, where anybody reads it", name)
			}
		}
	}
	switch c, p := p.Container, p.Process; {
	case (c == nil) == (p == nil):
		r.refuse(at, "needs container or process, and not both")
	case c != nil:
		at += ".container"
		checkImage(r, at+".image", c.Image)
		for i, flag := range c.Flags {
			if name := ownFlag(flag); name != "" {
				r.refuse(fmt.Sprintf("%s.flags[%d]", at, i), "%s is not among the flags that may be given: mounts, env and secrets have fields, names and ends are the harness's", name)
			}
		}
		add(at+".flags", c.Flags)
		add(at+".mounts", c.Mounts)
		add(at+".command", c.Command)
		env(at, c.Env, c.Secrets)
	default:
		at += ".process"
		add(at+".command", p.Command)
		env(at, p.Env, p.Secrets)
	}
	return texts
}

// checkImage asks for an image that is the same tomorrow.
func checkImage(r *reader, path, image string) {
	name := image[strings.LastIndexByte(image, '/')+1:]
	_, tag, tagged := strings.Cut(name, ":")
	switch {
	case strings.ContainsAny(image, " \t\r\n{}") || strings.HasPrefix(image, "-"):
		r.refuse(path, "%.60q is no name of an image", image)
	case !tagged && !strings.Contains(name, "@sha256:"), tag == "", tag == "latest":
		r.refuse(path, "%s is another image each month: give it a tag other than latest, or a digest (name@sha256:...)", image)
	}
}

// checkSettings looks at the settings, and returns their texts.
func (l *Launch) checkSettings(r *reader, at string) (texts []launchText) {
	for _, name := range slices.Sorted(maps.Keys(l.Settings)) {
		s, path := l.Settings[name], join(at, name)
		kind, known := launchSettings[name]
		if !known {
			r.refuse(path, "no such setting; there are %s", strings.Join(slices.Sorted(maps.Keys(launchSettings)), ", "))
			continue
		}
		if kind == bytesSetting && LaunchUnits[s.Unit] == 0 {
			r.refuse(path+".unit", "must say in what the server counts it: %s, not %q", strings.Join(slices.Sorted(maps.Keys(LaunchUnits)), ", "), s.Unit)
		}
		if kind != bytesSetting && s.Unit != "" {
			r.refuse(path+".unit", "%s is no number of bytes", name)
		}
		if kind != wordSetting && len(s.Words) > 0 {
			r.refuse(path+".words", "%s is no word", name)
		}
		if kind == wordSetting && len(s.Words) == 0 {
			r.refuse(path+".words", "required field is missing: the server's words for the harness's, such as {LRU: lru}")
		}
		if s.Default != "" && r.ok(path) {
			if _, err := kind.parse(s, s.Default); err != nil {
				r.refuse(path+".default", "%v", err)
			}
		}
		for i, text := range s.Args {
			texts = append(texts, launchText{fmt.Sprintf("%s.args[%d]", path, i), text})
		}
		for _, variable := range slices.Sorted(maps.Keys(s.Env)) {
			r.variable(join(path+".env", variable), variable)
			if secretName.MatchString(variable) {
				r.refuse(join(path+".env", variable), "is called as a secret is, and a file is read by anybody: name it among the secrets of the container or process, and export its value")
			}
			texts = append(texts, launchText{join(path+".env", variable), s.Env[variable]})
		}
	}
	return texts
}

// checkNames refuses names that nothing gives a value, and values that nothing names.
func (l *Launch) checkNames(r *reader, at string, texts []launchText) {
	used := map[string]bool{}
	before := ""
	for _, t := range texts {
		if _, variable, ok := strings.Cut(t.path, ".env."); ok {
			before = variable
		}
		if address := everywhere(before, t.text); address != "" {
			r.refuse(t.path, "listens on all addresses, and other machines would reach the server: write {host} instead of %s", address)
		}
		before = t.text
		for _, name := range placeholders(t.text) {
			used[name] = true
			if slices.Contains(LoRAGiven, name) && strings.HasPrefix(t.path, at+".lora.") {
				continue
			}
			_, setting := l.Settings[name]
			_, given := l.Given[name]
			if !setting && !given && !slices.Contains(LaunchGiven, name) {
				known := slices.Concat(LaunchGiven, slices.Collect(maps.Keys(l.Given)), slices.Collect(maps.Keys(l.Settings)))
				slices.Sort(known)
				r.refuse(t.path, "{%s} is not declared: there are %s", name, strings.Join(known, ", "))
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(l.Settings)) {
		if !used[name] {
			r.refuse(join(at+".settings", name), "is passed to nothing: name {%s} in args, env or a command", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(l.Given)) {
		if !used[name] {
			r.refuse(join(at+".given", name), "is named nowhere as {%s}", name)
		}
	}
	for _, name := range []string{"host", "port"} {
		if !used[name] {
			r.refuse(at, "nothing of it holds {%s}: the server has to be told to listen on loopback, at the port that is asked", name)
		}
	}
}

// check refuses a pattern that cannot be, or whose groups are no reading.
func (l LogLine) check(r *reader, at string) {
	r.oneOf(at+".means", l.Means, LogMeanings...)
	re, err := regexp.Compile(l.Pattern)
	if err != nil {
		r.refuse(at+".pattern", "is no regular expression (RE2): %v", err)
		return
	}
	named := 0
	for _, name := range re.SubexpNames() {
		if name == "" {
			continue
		}
		if named++; !slices.Contains(LogReadings, name) {
			r.refuse(at+".pattern", "%s is no reading; there are %s", name, strings.Join(LogReadings, ", "))
		}
	}
	if l.Means == LogReading && named == 0 {
		r.refuse(at+".pattern", "reads nothing: name a group, as in (?P<kv_tokens>[0-9,]+)")
	}
	if re.MatchString("") {
		r.refuse(at+".pattern", "fits an empty line, so all lines")
	}
}

// variable refuses what is no name of a variable of the environment.
func (r *reader) variable(path, name string) {
	if !environmentName.MatchString(name) {
		r.refuse(path, "%.40q is no name of an environment variable", name)
	}
}

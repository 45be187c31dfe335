package harness

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sparkharness/harness/config"
	"sparkharness/harness/experiment"
	"sparkharness/harness/report"
	"sparkharness/harness/rig"
	"sparkharness/harness/runner"
)

// everyStack is the name of what is said of all.
const everyStack = "*"

// servers are those that the flags name, which check has looked at.
func (o *Options) servers() map[string]experiment.ServerChoice {
	urls, _ := config.ByStack(o.URL, "A")
	kinds, _ := config.ByStack(o.Server, everyStack)
	pages, _ := config.ByStack(o.Metrics, "A")
	out := map[string]experiment.ServerChoice{}
	for name, url := range urls {
		kind, ok := kinds[name]
		if !ok {
			kind = kinds[everyStack]
		}
		out[name] = experiment.ServerChoice{URL: url, Kind: kind, Metrics: pages[name]}
	}
	return out
}

// undecidable says that an error is that of a hypothesis which the rig, or the servers that were named, cannot decide.
func undecidable(err error) bool {
	_, cannot := errors.AsType[*rig.UndecidableError](err)
	_, missing := errors.AsType[*experiment.NoServerError](err)
	return cannot || missing
}

// askedOneByOne are the hypotheses that a -run asks for by themselves: one of its alternatives matches no other.
func askedOneByOne(run string, known []string) (out []string) {
	if run == "" {
		return nil
	}
	for _, parts := range alternatives(run) {
		var of []string
		for _, id := range known {
			if matches(parts[0], "Test"+id) {
				of = append(of, id)
			}
		}
		if len(of) == 1 && !slices.Contains(out, of[0]) {
			out = append(out, of[0])
		}
	}
	return out
}

// named says whether -run asks for a hypothesis by itself.
func (s *sessionState) named(id string) bool { return slices.Contains(s.one, id) }

// passOver skips the test of a hypothesis that cannot be decided here and is one of many that were asked for; the closing table has why.
func (s *sessionState) passOver(t *testing.T, h Hypothesis, why error) {
	t.Helper()
	s.mu.Lock()
	s.passed = append(s.passed, report.Line{Hypothesis: h.ID, NotHere: why.Error()})
	s.mu.Unlock()
	fmt.Fprintf(s.out, "%s: not decidable here: %v\n", h.ID, why)
	t.Skip("not decidable here: ", why)
}

// nothingDecided is the exit status of an execution without a verdict: a failure where all that was asked for was passed over.
func (s *sessionState) nothingDecided() int {
	if len(s.passed) == 0 || len(s.planned)+len(s.shown) > 0 {
		return 0
	}
	err := runner.Catch(func() error { return report.Closing(s.out, s.passed) })
	return exitOf(errors.Join(err, fmt.Errorf("nothing was measured: none of the %d hypotheses can be decided here", len(s.passed))))
}

// checkServers refuses flags about servers that mean nothing.
func (o *Options) checkServers(given map[string]bool) (faults []error) {
	refuse := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	ofServers := rigs[o.Rig].servers
	starts := rigs[o.Rig].starts
	for _, name := range []string{"url", "server", "metrics", "device"} {
		if given[name] && !ofServers && (!starts || name != "device") {
			refuse("-%s names a server that runs: give -rig server, too", name)
		}
	}
	switch r := rigs[o.Rig]; {
	case given["client-cpus"] && r.dir:
		refuse("-client-cpus keeps the client away from a server: with -rig %s both are this process", o.Rig)
	case given["client-cpus"] && r.worlds:
		refuse("-client-cpus keeps the client away from a server: in simulated time it takes nothing of the machine")
	}
	for _, name := range []string{"launch", "model", "skip-doctor"} {
		if given[name] && !starts {
			refuse("-%s says what is started, or how: give -rig spark, too, which is built with go test -tags spark", name)
		}
	}
	if starts {
		return append(faults, o.checkLaunch(given)...)
	}
	if !ofServers {
		return faults
	}
	if !given["url"] && !given["replay"] && !given["verify"] {
		refuse("-rig server: which server? Give -url http://127.0.0.1:8000 and its kind with -server")
	}
	urls, err := config.ByStack(o.URL, "A")
	if err != nil {
		refuse("-url: %w", err)
	}
	for _, f := range []struct{ name, value, all string }{{"server", o.Server, everyStack}, {"metrics", o.Metrics, "A"}} {
		of, err := config.ByStack(f.value, f.all)
		if err != nil {
			refuse("-%s: %w", f.name, err)
		}
		if strings.ContainsAny(f.value, "?#") {
			refuse("-%s has a query (the part after ?), which may hold a key and would stand in every run's config.yaml", f.name)
		}
		for stack := range of {
			if _, ok := urls[stack]; !ok && stack != everyStack {
				refuse("-%s names stack %s, which has no -url", f.name, stack)
			}
		}
	}
	if given["url"] && !given["device"] {
		refuse("-rig server: which drive do the servers use? Give a folder on it with -device, or the name of the block device")
	}
	return faults
}

// checkLaunch refuses flags about servers that are to be started which mean nothing.
func (o *Options) checkLaunch(given map[string]bool) (faults []error) {
	if given["replay"] || given["verify"] {
		return nil
	}
	if !given["launch"] {
		faults = append(faults, errors.New("-rig spark: what is to be started? Give -launch A=vllm,B=vllm-fs, kinds of configs/servers"))
	}
	kinds, err := config.ByStack(o.Launch, "A")
	if err != nil {
		faults = append(faults, fmt.Errorf("-launch: %w", err))
	}
	for _, kind := range kinds {
		if stack, _, named := strings.Cut(kind, "="); named { // kinds are files, and no file of servers/ has such a name
			faults = append(faults, fmt.Errorf("-launch names stack %.20q: there are A and B, as in -launch A=vllm,B=vllm-fs", stack))
		}
	}
	if !given["dir"] {
		faults = append(faults, errors.New("-rig spark: which drive do the servers use? Give a folder on it with -dir, where their KV tiers go"))
	}
	return faults
}

// checkKinds refuses kinds of servers that there are not, or that cannot be started where they are to be, whether a hypothesis that is due
// uses them or not.
func (o *Options) checkKinds() error {
	r, flag, value, all := rigs[o.Rig], "-launch ", o.Launch, "A"
	if r.servers {
		flag, value, all = "-server ", o.Server, everyStack
	}
	if !r.servers && !r.starts || o.Replay != "" || len(o.Verify) > 0 {
		return nil
	}
	kinds, err := config.ByStack(value, all)
	if err != nil {
		return fmt.Errorf("%s: %w", flag, err)
	}
	folder, err := config.OpenFolder(o.configs())
	if err != nil {
		return fmt.Errorf("-configs: %w", err)
	}
	var faults []error
	for _, stack := range slices.Sorted(maps.Keys(kinds)) {
		said := flag + stack + "=" + kinds[stack]
		if stack == everyStack {
			said = flag + kinds[stack]
		}
		kind, err := config.LoadServer(folder, kinds[stack])
		switch {
		case err != nil:
			faults = append(faults, fmt.Errorf("%s: %w", said, err))
		case r.starts && kind.Launch == nil:
			faults = append(faults, fmt.Errorf("%s: servers/%s.yaml does not say how it is started (launch:): name one that does (%s), "+
				"or start it yourself and name its URL with -rig server", said, kind.Server, strings.Join(startable(folder), ", ")))
		}
	}
	return errors.Join(faults...)
}

// startable are the kinds whose files say how they are started.
func startable(folder *config.Folder) (names []string) {
	for _, name := range config.ServerNames(folder) {
		if kind, err := config.LoadServer(folder, name); err == nil && kind.Launch != nil { // what is wrong with another is told where it is asked for
			names = append(names, name)
		}
	}
	return names
}

// absoluteDir is -dir from anywhere.
func (o *Options) absoluteDir() string {
	if abs, err := filepath.Abs(o.Dir); err == nil && o.Dir != "" {
		return abs
	}
	return o.Dir
}

// dirs are the folders of -dir: one, or two with a comma between them. A folder whose own name has one is a folder.
func (o *Options) dirs() (first, second string) {
	if _, err := os.Stat(o.Dir); err == nil {
		return o.Dir, ""
	}
	first, second, _ = strings.Cut(o.Dir, ",")
	return first, second
}

// checkDirs refuses two folders that cannot be compared, as far as their names tell.
func (o *Options) checkDirs(given map[string]bool) (faults []error) {
	refuse := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	first, second := o.dirs()
	two := first != o.Dir
	switch {
	case given["same-drive"] && !two && !given["replay"] && !given["verify"]:
		refuse("-same-drive is of two folders on one drive: give them with -dir, as in -dir /mnt/nvme/a,/mnt/nvme/b")
	case two && rigs[o.Rig].starts:
		refuse("-dir %s names two folders: -rig disk alone compares drives (go test -run DRIVES -rig disk -dir A,B)", o.Dir)
	case two && (first == "" || second == "" || strings.Contains(second, ",")):
		refuse("-dir %s: name one folder, or two with a comma between them", o.Dir)
	case two && filepath.Clean(first) == filepath.Clean(second):
		refuse("-dir: %s is named twice: name two folders, on two drives or, with -same-drive, on one", first)
	}
	return faults
}

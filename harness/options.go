package harness

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"sparkharness/harness/config"
	"sparkharness/harness/experiment"
	"sparkharness/harness/record"
	"sparkharness/harness/verdict"
)

// Options are the flags of a hypothesis run.
type Options struct {
	Rig     string
	Configs string
	Config  string
	Profile string
	World   string
	// URL, Server, Metrics and Device name servers that run already: of rig server.
	URL, Server, Metrics, Device string
	// Launch and Model say what rig spark starts, and with which model; Dir is a folder on the drive for its tiers, or of rig disk.
	Launch, Model, Dir string
	// SameDrive says that the two folders of Dir lie on one drive: an A/A control.
	SameDrive bool
	// SkipDoctor has rig spark measure without looking first whether the machine has what is needed.
	SkipDoctor bool

	// ClientCPUs are those that this process keeps to, as the kernel lists them; "": any.
	ClientCPUs string
	Seed       uint64
	Reps       int
	Duration   time.Duration
	Results    string
	Expect     string
	PlanOnly   bool
	Resume     bool
	Update     bool
	Replay     string  // folder of a run that is judged again instead of one that is measured
	Verify     folders // of runs that are looked over
	Seeds      string  // of error rates, such as 1-40
	Only       string  // hypotheses of error rates, by id
	Worlds     string  // worlds of error rates, by name
	// VerifyResults is the file for what was found in the folders of Verify.
	VerifyResults string
	// WearBudget is what an execution may write to the drive, 1e12 bytes; 0: a share of what the drive is rated for.
	WearBudget float64
	// Quiet prints and renders nothing of a run: only its verdict is wanted.
	Quiet bool
	// Root is the folder that holds configs/ and inputs/.
	Root  string
	alone bool // it is a copy of what the program carries
}

// Register adds the flags to a flag set.
func (o *Options) Register(fs *flag.FlagSet) {
	fs.StringVar(&o.Rig, "rig", defaultRig, "where cells run: "+strings.Join(rigNames(), ", "))
	fs.StringVar(&o.Configs, "configs", "", "`folder` of the configuration files, which may be laid over another (default configs/ in the repository)")
	fs.StringVar(&o.Config, "config", "", "hypothesis `file` to use instead of configs/hypotheses/<id>.yaml")
	fs.StringVar(&o.Profile, "profile", "", "`name` of another plan, a file of configs/plans: what it says of a hypothesis lies over its configuration, and "+
		"hypotheses that it does not name are left out")
	fs.StringVar(&o.World, "world", "default", "`name` of the simulated machine, a file of configs/worlds")
	fs.StringVar(&o.URL, "url", "", "`URL` of a server that runs, for -rig server: of stack A, or A=http://127.0.0.1:8000,B=http://127.0.0.1:9000")
	fs.StringVar(&o.Server, "server", "openai", "`kind` of that server, a file of configs/servers: of all, or A=vllm,B=vllm-fs")
	fs.StringVar(&o.Metrics, "metrics", "", "`URL` of its Prometheus page, where it is not where the file says: of stack A, or A=...,B=...")
	fs.StringVar(&o.Device, "device", "", "`folder` on the drive that those servers use, or the name of the block device such as nvme0n1")
	fs.StringVar(&o.Launch, "launch", "", "`kinds` of the servers that -rig spark starts, files of configs/servers with a launch: A=vllm,B=vllm-fs")
	fs.StringVar(&o.Model, "model", "", "`name` of the model that they serve, a file of configs/models such as L8B, or an id or a folder (default the hypothesis's)")
	fs.StringVar(&o.Dir, "dir", "", "`folder` on a local drive: of rig disk, where tier 2 lies and fio runs, or two, A,B, on drives that DRIVES compares; of rig spark, for the servers' KV tiers, and -device, too, unless that names another")
	fs.BoolVar(&o.SameDrive, "same-drive", false, "the two folders of -dir lie on one drive: an A/A control, which passes unless it finds a difference")
	fs.BoolVar(&o.SkipDoctor, "skip-doctor", false, "with -rig spark: measure without looking first whether this machine has what is needed")
	fs.StringVar(&o.ClientCPUs, "client-cpus", "", "`list` of the CPUs that the client keeps to, and no server that is started, such as 0-3 (default any)")
	fs.Uint64Var(&o.Seed, "seed", 0, "seed of every random choice, instead of the configuration's")
	fs.IntVar(&o.Reps, "reps", 0, "repetitions, instead of the configuration's")
	fs.DurationVar(&o.Duration, "duration", 0, "least length of the measure phase, instead of the configuration's")
	fs.StringVar(&o.Results, "results", "", "`folder` for results (default results/ in the repository)")
	fs.StringVar(&o.Expect, "expect", "", "outcome that makes the test pass: one for all, or H0=Refuted,H2A=Invalid (default what the "+
		"configuration expects, else Supported; with -profile what that expects, else any)")
	fs.BoolVar(&o.PlanOnly, "plan-only", false, "print the ordered cells and what they will cost, run nothing")
	fs.Float64Var(&o.WearBudget, "wear-budget", 0, "`terabytes` that all hypotheses together may write to the drive (default 1 % of what configs/drives says that it is rated for, 8 where it says nothing)")
	fs.BoolVar(&o.Resume, "resume", false, "keep the complete cells of an earlier run with the same configuration")
	fs.StringVar(&o.Replay, "replay", "", "`folder` of a run: derive and print its verdict from what it holds, measure and write nothing")
	fs.Var(&o.Verify, "verify", "`folder` of a run that TestVerify looks over; may be given several times")
	fs.StringVar(&o.VerifyResults, "verify-results", "", "`file` that TestVerify writes what it found into, as JSON")
	fs.StringVar(&o.Seeds, "seeds", "", "`range` of seeds for TestErrorRates, such as 1-40")
	fs.StringVar(&o.Only, "only", "", "`ids` of the hypotheses that TestErrorRates runs, such as H4A,H4B (default all)")
	fs.StringVar(&o.Worlds, "worlds", "", "`names` of the worlds that TestErrorRates and TestNearThreshold count, such as default (default all)")
	fs.BoolVar(&o.Update, "update", false, "rewrite golden files instead of comparing with them")
}

// check refuses what is no flag, and flags without a meaning, too large, or beside others by which they mean nothing;
// all of them at once, each in a line. known are the ids of the hypotheses, none where they are not known.
func (o *Options) check(fs *flag.FlagSet, known []string) error {
	if fs.NArg() > 0 {
		return fmt.Errorf("%q is no flag, and flags behind it are not read: a switch takes its value with = (-resume=false), and a value "+
			"with spaces needs quotes", fs.Arg(0))
	}
	given, present := map[string]bool{}, map[string]bool{} // with a value; with one or without
	var faults []error
	refuse := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	fs.Visit(func(f *flag.Flag) {
		present[f.Name] = true
		switched, ok := f.Value.(interface{ IsBoolFlag() bool })
		given[f.Name] = f.Value.String() != "" && (!ok || !switched.IsBoolFlag() || f.Value.String() == "true")
		switch {
		case f.Name == "seed" && o.Seed == 0, f.Name == "reps" && o.Reps < 1, f.Name == "duration" && o.Duration < time.Second:
			refuse("-%s %s: give at least 1%s", f.Name, f.Value, map[string]string{"duration": "s"}[f.Name])
		case f.Name == "wear-budget" && !(o.WearBudget > 0 && o.WearBudget <= math.MaxFloat32):
			refuse("-wear-budget %s: give terabytes above 0, such as 24", f.Value)
		case f.Value.String() == "" && slices.Contains(named, f.Name):
			refuse("-%s is empty: give a value, or leave the flag out", f.Name)
		}
	})
	for _, most := range []struct {
		name  string
		value any
	}{{"reps", o.Reps}, {"duration", config.Duration(o.Duration)}} {
		if err := config.Within("run."+most.name, most.value); err != nil {
			refuse("-%s %w", most.name, err)
		}
	}
	if r, ok := rigs[o.Rig]; !ok {
		how := ""
		if o.Rig == sparkRig {
			how = "; rig spark starts servers on this machine and is built with go test -tags spark"
		}
		refuse("-rig %s: this build has %s%s", o.Rig, strings.Join(rigNames(), ", "), how)
	} else if given["world"] && !r.worlds {
		refuse("-world %s: rig %s has no worlds", o.World, o.Rig)
	}
	faults = append(append(faults, o.checkServers(given)...), o.checkDirs(given)...)
	switch ofDir := rigs[o.Rig].dir; {
	case given["dir"] && !ofDir && !rigs[o.Rig].starts:
		refuse("-dir names a folder on a drive: give -rig disk, too, or -rig spark, which is built with go test -tags spark")
	case ofDir && !present["dir"] && !given["replay"] && !given["verify"]:
		refuse("-rig %s: which drive? Give a folder on it with -dir", o.Rig)
	case ofDir && given["seeds"]:
		refuse("-seeds counts simulated runs: leave -rig %s out", o.Rig)
	}
	if o.Expect != "" {
		faults = append(faults, checkExpect(o.Expect, known)...)
	}
	if _, err := parseSeeds(o.Seeds); err != nil {
		faults = append(faults, err)
	}
	if len(known) > 0 {
		for _, id := range unknownIDs(o.Only, known) {
			refuse("-only %s: there is no hypothesis %q; there are %s", o.Only, id, strings.Join(known, ", "))
		}
	}
	if given["worlds"] && !given["seeds"] {
		refuse("-worlds chooses the worlds of -seeds: give -seeds, or choose the world of a run with -world")
	}
	if given["only"] && !given["seeds"] {
		refuse("-only chooses the hypotheses of -seeds: give -seeds, or choose tests with -run")
	}
	for _, u := range useless {
		beside := slices.DeleteFunc(slices.Clone(u.beside), func(name string) bool { return !given[name] })
		if given[u.flag] && len(beside) > 0 {
			refuse("-%s beside -%s would not be looked at, because %s", strings.Join(beside, ", -"), u.flag, u.why)
		}
	}
	return errors.Join(faults...)
}

// named are the flags whose value is a name: an empty one comes from a variable that was not set.
var named = []string{"rig", "configs", "config", "profile", "world", "url", "server", "metrics", "device", "launch", "model", "dir", "client-cpus", "results", "expect", "replay", "seeds", "only", "worlds", "verify-results"}

// useless are flags that mean nothing beside another one. -results may stand beside -replay, because make gives it always.
var useless = []struct {
	flag   string
	beside []string
	why    string
}{
	{"replay", []string{"rig", "dir", "same-drive", "configs", "config", "profile", "world", "seed", "reps", "duration", "wear-budget", "plan-only", "resume", "update",
		"seeds", "only"}, "a run is judged as it was measured"},
	{"plan-only", []string{"resume", "expect", "update", "seeds"}, "nothing is run"},
	{"verify", []string{"rig", "dir", "same-drive", "configs", "config", "profile", "world", "seed", "reps", "duration", "wear-budget", "plan-only", "resume", "update",
		"seeds", "only", "worlds", "replay", "expect"}, "runs are looked over as they lie there"},
	{"seeds", []string{"world", "seed", "resume", "expect"}, "each hypothesis runs in its own worlds, under each seed"},
	{"seeds", []string{"profile"}, "the rates are those of the plan without a profile"},
	{"profile", []string{"config"}, "a profile lies over the configurations of the folder, which -configs chooses"},
}

// folders is a flag that may be given several times.
type folders []string

func (f *folders) String() string { return strings.Join(*f, ",") }

// Set adds a folder.
func (f *folders) Set(dir string) error {
	if dir == "" {
		return errors.New("name a folder")
	}
	*f = append(*f, dir)
	return nil
}

// Get implements flag.Getter.
func (f *folders) Get() any { return []string(*f) }

// checkExpect refuses outcomes and hypotheses that there are not, and a second outcome for the same.
func checkExpect(expect string, known []string) (faults []error) {
	seen := map[string]bool{}
	for part := range strings.SplitSeq(expect, ",") {
		id, outcome, named := strings.Cut(strings.TrimSpace(part), "=")
		if !named {
			id, outcome = "", id
		}
		_, err := verdict.ParseOutcome(outcome)
		switch of := strings.ToUpper(id); {
		case err != nil:
			faults = append(faults, fmt.Errorf("-expect %s: %w", expect, err))
		case named && len(known) > 0 && len(unknownIDs(id, known)) > 0, named && id == "":
			faults = append(faults, fmt.Errorf("-expect %s: there is no hypothesis %q; there are %s", expect, id, strings.Join(known, ", ")))
		case seen[of] && named:
			faults = append(faults, fmt.Errorf("-expect %s: %s stands twice", expect, id))
		case seen[of]:
			faults = append(faults, fmt.Errorf("-expect %s: two outcomes for all: name the hypothesis of one, as in H2A=%s", expect, outcome))
		default:
			seen[of] = true
		}
	}
	return faults
}

// unknownIDs are those of a list of ids that are none of the hypotheses'.
func unknownIDs(list string, known []string) (out []string) {
	if list == "" {
		return nil
	}
	for id := range strings.SplitSeq(list, ",") {
		if id = strings.TrimSpace(id); !slices.ContainsFunc(known, func(k string) bool { return strings.EqualFold(k, id) }) {
			out = append(out, id)
		}
	}
	return out
}

// wanted are the outcomes of a run that pass. What its configuration expects is of the machine that configurations describe: of
// another one, whether it is measured or judged again, only -expect asserts anything.
func (o *Options) wanted(rep *verdict.Judgement) ([]verdict.Outcome, error) {
	configured := rep.Expected
	if rigs[o.Rig].real() || rep.Clock == record.ClockReal {
		configured = nil
	}
	if o.SameDrive && o.Expect == "" { // as of a control
		return notSupported, nil
	}
	return o.Expected(rep.Hypothesis, configured)
}

// Expected are the outcomes that make the hypothesis's test pass: what -expect says of it, else of all, else those of its
// configuration (configured); any if that names none.
func (o *Options) Expected(id string, configured []string) ([]verdict.Outcome, error) {
	var common, own string
	for part := range strings.SplitSeq(o.Expect, ",") {
		name, outcome, named := strings.Cut(strings.TrimSpace(part), "=")
		switch {
		case !named:
			common = name
		case strings.EqualFold(name, id):
			own = outcome
		}
	}
	if said := cmp.Or(own, common); said != "" {
		configured = []string{said}
	}
	var out []verdict.Outcome
	for _, name := range configured {
		outcome, err := verdict.ParseOutcome(name)
		if err != nil {
			return nil, fmt.Errorf("-expect: %w", err)
		}
		out = append(out, outcome)
	}
	return out, nil
}

// choices are what the options say of the experiment.
func (o *Options) choices() experiment.Choices {
	c := experiment.Choices{Root: o.Root, Configs: o.configs(), Config: o.Config, Profile: o.Profile, Rig: o.Rig,
		Seed: o.Seed, Reps: o.Reps, Duration: o.Duration}
	if rigs[o.Rig].servers {
		c.Servers, c.Device = o.servers(), o.Device
	}
	if rigs[o.Rig].starts {
		c.Launches, _ = config.ByStack(o.Launch, "A")
		c.Model, c.Device, c.Dir = o.Model, o.Device, o.absoluteDir()
	}
	if rigs[o.Rig].worlds {
		c.World = o.World
	}
	return c
}

func (o *Options) configs() string {
	if o.Configs != "" {
		return o.Configs
	}
	return filepath.Join(o.Root, "configs")
}

func (o *Options) results() string {
	if o.Results != "" {
		return o.Results
	}
	if o.alone {
		return "results"
	}
	return filepath.Join(o.Root, "results")
}

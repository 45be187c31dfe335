package harness

import (
	"flag"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"sparkharness/harness/experiment"
	"sparkharness/harness/verdict"
)

// Options are the flags of a hypothesis run.
type Options struct {
	Rig      string
	Configs  string
	Config   string
	World    string
	Seed     uint64
	Reps     int
	Duration time.Duration
	Results  string
	Expect   string
	PlanOnly bool
	Resume   bool
	Update   bool
	Replay   string // folder of a run that is judged again instead of one that is measured
	Verify   []string
	Seeds    string // of error rates, such as 1-40
	Only     string // hypotheses of error rates, by id
	// VerifyResults is the file for what was found in the folders of Verify.
	VerifyResults string
	// Quiet prints and renders nothing of a run: only its verdict is wanted.
	Quiet bool
	// Root is the folder that holds configs/ and inputs/.
	Root string
}

// Register adds the flags to a flag set.
func (o *Options) Register(fs *flag.FlagSet) {
	fs.StringVar(&o.Rig, "rig", defaultRig, "where cells run: "+strings.Join(rigNames(), ", "))
	fs.StringVar(&o.Configs, "configs", "", "`folder` of the configuration files, which may be laid over another (default configs/ in the repository)")
	fs.StringVar(&o.Config, "config", "", "hypothesis `file` to use instead of configs/hypotheses/<id>.yaml")
	fs.StringVar(&o.World, "world", "default", "`name` of the simulated machine, a file of configs/worlds")
	fs.Uint64Var(&o.Seed, "seed", 0, "seed of every random choice, instead of the configuration's")
	fs.IntVar(&o.Reps, "reps", 0, "repetitions, instead of the configuration's")
	fs.DurationVar(&o.Duration, "duration", 0, "least length of the measure phase, instead of the configuration's")
	fs.StringVar(&o.Results, "results", "", "`folder` for results (default results/ in the repository)")
	fs.StringVar(&o.Expect, "expect", "Supported", "outcome that makes the test pass: one for all, or H0=Refuted,H2A=Invalid")
	fs.BoolVar(&o.PlanOnly, "plan-only", false, "print the ordered cells and the estimated time, run nothing")
	fs.BoolVar(&o.Resume, "resume", false, "keep the complete cells of an earlier run with the same configuration")
	fs.StringVar(&o.Replay, "replay", "", "`folder` of a run: derive and print its verdict from what it holds, measure and write nothing")
	fs.Func("verify", "`folder` of a run that TestVerify looks over; may be given several times", func(dir string) error {
		o.Verify = append(o.Verify, dir)
		return nil
	})
	fs.StringVar(&o.VerifyResults, "verify-results", "", "`file` that TestVerify writes what it found into, as JSON")
	fs.StringVar(&o.Seeds, "seeds", "", "`range` of seeds for TestErrorRates, such as 1-40")
	fs.StringVar(&o.Only, "only", "", "`ids` of the hypotheses that TestErrorRates runs, such as H4A,H4B (default all)")
	fs.BoolVar(&o.Update, "update", false, "rewrite golden files instead of comparing with them")
}

// check refuses flags that were given without a meaning.
func (o *Options) check(fs *flag.FlagSet) error {
	if !slices.Contains(rigNames(), o.Rig) {
		return fmt.Errorf("-rig %s: this build has %s", o.Rig, strings.Join(rigNames(), ", "))
	}
	var bad error
	fs.Visit(func(f *flag.Flag) {
		switch {
		case f.Name == "seed" && o.Seed == 0, f.Name == "reps" && o.Reps < 1, f.Name == "duration" && o.Duration < time.Second:
			bad = fmt.Errorf("-%s %s: give at least 1%s", f.Name, f.Value, map[string]string{"duration": "s"}[f.Name])
		}
	})
	if bad != nil {
		return bad
	}
	for part := range strings.SplitSeq(o.Expect, ",") {
		_, outcome, named := strings.Cut(strings.TrimSpace(part), "=")
		if !named {
			outcome = strings.TrimSpace(part)
		}
		if _, err := verdict.ParseOutcome(outcome); err != nil {
			return fmt.Errorf("-expect %s: %w", o.Expect, err)
		}
	}
	return nil
}

// Expected is the outcome that makes the hypothesis's test pass.
func (o *Options) Expected(id string) (verdict.Outcome, error) {
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
	for _, s := range []string{own, common, string(verdict.Supported)} {
		if s != "" {
			out, err := verdict.ParseOutcome(s)
			if err != nil {
				return "", fmt.Errorf("-expect: %w", err)
			}
			return out, nil
		}
	}
	return verdict.Supported, nil
}

// choices are what the options say of the experiment.
func (o *Options) choices() experiment.Choices {
	c := experiment.Choices{Root: o.Root, Configs: o.configs(), Config: o.Config, Rig: o.Rig, Seed: o.Seed, Reps: o.Reps, Duration: o.Duration}
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
	return filepath.Join(o.Root, "results")
}

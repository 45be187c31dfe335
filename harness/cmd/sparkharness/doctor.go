package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sparkharness/harness/config"
	"sparkharness/harness/disk"
	"sparkharness/harness/doctor"
	"sparkharness/harness/lora"
	"sparkharness/harness/outgoing"
	"sparkharness/harness/prompt"
	"sparkharness/harness/regular"
)

// doctorFlags are those of sparkharness doctor. What is said of servers is said as A=...,B=..., or once for all.
type doctorFlags struct {
	hypotheses                                 []string
	url, server, metrics, kvMetrics, keyEnv    string
	container, pid, log                        string
	dir, results                               string
	configs                                    configsFlag
	adapters, adapterList                      string
	hours, model, cpuTier, promptKV, footprint float64
	timeout                                    time.Duration
	remote, ioUring, probe, asJSON, strict     bool
}

func doctorCommand() *cobra.Command {
	var o doctorFlags
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "look whether this machine, and servers, have what hypotheses need",
		Long: `Looks whether this machine, and the servers that are named, have everything that the chosen hypotheses need, and says
what to do about what they have not. What cannot be told is unknown, and never ok.

Nothing of the machine is changed: in the folder --dir a file without a name is written, read and gone again, to see the
drive's counters move, and a command without a checkout lays out its configurations in the user's cache folder. Servers that --url names are asked some twenty prompts. Loads are made with --probe alone: of all
processors, and of the named servers for some seconds, to see clocks under load.

` + whereItGoes + `

` + doctorExits(),
		Example: `  sparkharness doctor                                         # this machine
  sparkharness doctor --for H2B,H4B --dir /mnt/nvme --hours 6 --test-timeout 0
  sparkharness doctor --url A=http://127.0.0.1:8000,B=http://127.0.0.1:8001 --server A=vllm,B=vllm-fs --dir /mnt/nvme
  sparkharness doctor --url B=http://127.0.0.1:8001 --server vllm-fs --container B=vllm --log B=vllm.log --cpu-tier 16
  sparkharness doctor --json --strict > findings.json`,
		Args: func(cmd *cobra.Command, args []string) error { return asUsage(noArguments(cmd, args)) },
		RunE: func(cmd *cobra.Command, _ []string) error {
			needs, closed, err := o.needs(cmd)
			if err != nil {
				return asUsage(err)
			}
			defer closed()
			ctx, stop := untilAsked(cmd.Context())
			defer stop()
			return o.look(ctx, cmd.OutOrStdout(), needs)
		},
	}
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return asUsage(err) })
	f := cmd.Flags()
	f.StringSliceVarP(&o.hypotheses, "for", "H", nil, "`ids` of the hypotheses, such as H2B,H4B (default all)")
	f.StringVar(&o.url, "url", "", "`URL` of a server that runs: of stack A, or A=http://127.0.0.1:8000,B=http://127.0.0.1:9000")
	f.StringVar(&o.server, "server", openAI, "`kind` of the servers, a file of configs/servers: of all, or A=vllm,B=vllm-fs")
	f.StringVar(&o.metrics, "metrics", "", "`URL` of its Prometheus page, where it is not where the kind's file says: of A, or A=...,B=...")
	f.StringVar(&o.kvMetrics, "kv-metrics", "", "`URL` of its page about KV tiers, likewise")
	f.StringVar(&o.keyEnv, "api-key-env", "", "`name` of the environment variable that holds the API key: of all, or A=...,B=...")
	f.BoolVar(&o.remote, "remote", false, "let --url be on another machine")
	f.StringVar(&o.container, "container", "", "`name` of its container: of A, or A=...,B=...")
	f.StringVar(&o.pid, "pid", "", "`id` of its process on this machine: of A, or A=...,B=...")
	f.StringVar(&o.log, "log", "", "`file` with what it logged: of A, or A=...,B=...")
	o.configs.flags(cmd, ", for another --server than "+openAI)
	f.StringVar(&o.dir, "dir", "", "`folder` on the drive that the servers use: a small file is written there, and gone again")
	f.StringVar(&o.adapters, "adapters", "", "`folder` of the LoRA adapters, which has a folder for each")
	f.StringVar(&o.adapterList, "adapter-list", "", "with --adapters, the `file` that names them, one a line, or the name of one of inputs/lora_lists (default lora_16.txt)")
	f.StringVar(&o.results, "results", "", "`folder` for results (default the working directory)")
	f.Float64Var(&o.hours, "hours", 0, "`hours` that the plan takes at most (-plan-only says how many)")
	f.DurationVar(&o.timeout, "test-timeout", 0, "the -timeout that go test will be given, 0 for none (default GOFLAGS', else go test's own)")
	f.Float64Var(&o.model, "model", 0, "`GiB` that a server which is yet to be started will take")
	f.Float64Var(&o.cpuTier, "cpu-tier", 0, "`GiB` of a server's KV tier in shared memory")
	f.Float64Var(&o.promptKV, "prompt-kv", 0, "`GiB` of KV of the longest prompt, times how many are loaded at once")
	f.Float64Var(&o.footprint, "footprint", 0, "`GiB` that the plan keeps on the drive at most")
	f.BoolVar(&o.ioUring, "io-uring", false, "the loader that was chosen needs io_uring")
	f.BoolVar(&o.probe, "probe", false, "load processors and named servers for some seconds, to see clocks under load")
	f.BoolVar(&o.asJSON, "json", false, "print JSON instead of a table")
	f.BoolVar(&o.strict, "strict", false, "warnings are no success either")
	return cmd
}

// needs are what the flags say.
func (o *doctorFlags) needs(cmd *cobra.Command) (n doctor.Needs, closed func(), err error) {
	n = doctor.Needs{Hypotheses: o.hypotheses, Dir: o.dir, Results: o.results, IOURing: o.ioUring, Probe: o.probe, Hours: o.hours}
	given := cmd.Flags().Changed
	for _, f := range []struct {
		name  string
		value float64
		unit  string
	}{{"hours", o.hours, "hours"}, {"model", o.model, "GiB"}, {"cpu-tier", o.cpuTier, "GiB"}, {"prompt-kv", o.promptKV, "GiB"},
		{"footprint", o.footprint, "GiB"}, {"test-timeout", o.timeout.Hours(), "hours"}} {
		if !(f.value >= 0 && f.value <= 1e6) {
			return n, nil, fmt.Errorf("--%s %s: from 0 to 1000000 %s is needed", f.name, cmd.Flags().Lookup(f.name).Value, f.unit)
		}
	}
	const gib = 1 << 30
	n.ModelBytes = o.model * gib
	if given("cpu-tier") {
		n.CPUTierBytes = new(o.cpuTier * gib)
	}
	if given("prompt-kv") {
		n.PromptKVBytes = new(o.promptKV * gib)
	}
	if given("footprint") {
		n.FootprintBytes = new(o.footprint * gib)
	}
	if n.Adapters, err = o.wantedAdapters(given("adapters"), given("adapter-list")); err != nil {
		return n, nil, err
	}
	if given("test-timeout") {
		n.TestTimeout = &o.timeout
	}
	if n.Servers, err = o.instances(); err != nil {
		return n, nil, err
	}
	if o.server != openAI && len(n.Servers) == 0 {
		return n, nil, errors.New("--server says of what kind servers are: name them with --url")
	}
	closed = func() {
		for _, s := range n.Servers {
			s.HTTP.CloseIdleConnections()
		}
	}
	return n, closed, n.Check()
}

// wantedAdapters are the LoRA adapters that the flags name, nil for none.
func (o *doctorFlags) wantedAdapters(given, listed bool) (*lora.Wanted, error) {
	switch {
	case !given && listed:
		return nil, errors.New("--adapter-list says which adapters: name the folder that has them with --adapters")
	case !given:
		return nil, nil
	}
	dir, err := filepath.Abs(o.adapters)
	if err != nil || o.adapters == "" {
		return nil, errors.Join(errors.New("--adapters is empty: name a folder"), err)
	}
	list := o.adapterList
	if !listed {
		list = "lora_16.txt"
	}
	if _, err := os.Stat(list); err != nil && filepath.Base(list) == list {
		configs, err := o.configs.dir()
		if err != nil {
			return nil, err
		}
		list = filepath.Join(configs, "..", "inputs", "lora_lists", list)
	}
	names, err := prompt.ReadAdapters(list)
	if err != nil {
		return nil, fmt.Errorf("--adapter-list: %w", err)
	}
	return &lora.Wanted{Dir: dir, Names: names}, nil
}

// instances are the servers that the flags name.
func (o *doctorFlags) instances() ([]doctor.Instance, error) {
	said := map[string]map[string]string{}
	for _, f := range []struct{ name, value, all string }{
		{"url", o.url, "A"}, {"server", o.server, "*"}, {"metrics", o.metrics, "A"}, {"kv-metrics", o.kvMetrics, "A"}, {"api-key-env",
			o.keyEnv, "*"},
		{"container", o.container, "A"}, {"pid", o.pid, "A"}, {"log", o.log, "A"},
	} {
		of, err := config.ByStack(f.value, f.all)
		if err != nil {
			return nil, fmt.Errorf("--%s: %w", f.name, err)
		}
		said[f.name] = of
		for _, stack := range []string{"A", "B"} {
			if of[stack] != "" && said["url"][stack] == "" {
				return nil, fmt.Errorf("--%s names stack %s, which has no --url", f.name, stack)
			}
		}
	}
	var out []doctor.Instance
	for _, stack := range []string{"A", "B"} {
		url := said["url"][stack]
		if url == "" {
			continue
		}
		of := func(flag string) string {
			if v := said[flag][stack]; v != "" {
				return v
			}
			return said[flag]["*"]
		}
		s := doctor.Instance{Stack: stack, URL: strings.TrimRight(url, "/"), Metrics: of("metrics"), KVMetrics: of("kv-metrics"),
			Container: of("container")}
		if err := o.connect(&s, of); err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

// mostLog bounds the log of a server, bytes.
const mostLog = 256 << 20

// connect fills what of a server has to be opened, looked up or parsed.
func (o *doctorFlags) connect(s *doctor.Instance, of func(flag string) string) (err error) {
	kind := of("server")
	if kind == "" {
		kind = openAI
	}
	if s.Kind, err = serverKind(&o.configs, kind); err != nil {
		return err
	}
	var key outgoing.Secret
	if name := of("api-key-env"); name != "" {
		if key, err = outgoing.SecretFrom(name); err != nil {
			return fmt.Errorf("--api-key-env: %w", err)
		}
	}
	client := outgoing.New(outgoing.Options{Remote: o.remote})
	if s.HTTP, err = client.For(s.URL, key); err != nil {
		return fmt.Errorf("--url %s: %w%s", outgoing.Shown(s.URL), err, advice(err))
	}
	for _, page := range []struct{ flag, url string }{{"metrics", s.Metrics}, {"kv-metrics", s.KVMetrics}} {
		if page.url == "" {
			continue
		}
		if err := client.Permits(page.url); err != nil {
			return fmt.Errorf("--%s %s: %w%s", page.flag, outgoing.Shown(page.url), err, advice(err))
		}
	}
	if text := of("pid"); text != "" {
		if s.PID, err = strconv.Atoi(text); err != nil || s.PID < 1 || s.PID > math.MaxInt32 {
			return fmt.Errorf("--pid %.20q is no process", text)
		}
		if _, runs := disk.OwnerOf(s.PID); !runs {
			return fmt.Errorf("--pid %d: no process of this machine has that id: pgrep -f names them", s.PID)
		}
	}
	if path := of("log"); path != "" {
		b, err := regular.Read(path, mostLog)
		if err != nil {
			return fmt.Errorf("--log: %w", err)
		}
		s.Log = new(string(b))
	}
	return nil
}

// look looks, prints, and returns what the exit status tells.
func (o *doctorFlags) look(ctx context.Context, out io.Writer, n doctor.Needs) error {
	findings := doctor.Run(ctx, n)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if o.asJSON {
		enc := json.NewEncoder(out)
		enc.SetIndent("", "  ")
		enc.SetEscapeHTML(false)
		if err := enc.Encode(findings); err != nil {
			return err
		}
	} else if err := doctor.WriteTable(out, findings, isTerminal(out)); err != nil {
		return err
	}
	return o.verdict(findings)
}

func isTerminal(out io.Writer) bool {
	f, ok := out.(*os.File)
	if !ok || os.Getenv("NO_COLOR") != "" {
		return false
	}
	st, err := f.Stat()
	return err == nil && st.Mode()&os.ModeCharDevice != 0
}

// verdict is nil if nothing that is needed is missing or unknown, and with --strict nothing is odd.
func (o *doctorFlags) verdict(findings []doctor.Finding) error {
	var untold, odd []string
	for i := range findings {
		f := &findings[i]
		if f.Untold() {
			untold = append(untold, f.ID)
		}
		if f.Status == doctor.Warning || f.Status == doctor.Missing {
			odd = append(odd, f.ID)
		}
	}
	if class := doctor.Lacking(findings); class != "" {
		return lacks{fmt.Sprintf("something of class %s that the chosen hypotheses need is missing", class),
			exitClass + slices.Index(doctor.Classes, class)}
	}
	if len(untold) > 0 {
		return lacks{"what the chosen hypotheses need is not known: " + someOf(untold), exitUntold}
	}
	if o.strict && len(odd) > 0 {
		return lacks{"with --strict, not all is well: " + someOf(odd), exitOdd}
	}
	return nil
}

// someOf is a list of ids, each once, of a length that fits a line.
func someOf(ids []string) string {
	const most = 4
	ids = slices.Compact(ids)
	if len(ids) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(ids[:most], ", "), len(ids)-most)
	}
	return strings.Join(ids, ", ")
}

// doctorExits is what the help says of exit statuses.
func doctorExits() string {
	var b strings.Builder
	b.WriteString("Exit status:\n  0   all that the chosen hypotheses need is there; there may be warnings\n" +
		"  1   it could not be looked or printed\n  2   the command line means nothing; nothing was looked at\n")
	for i, c := range doctor.Classes {
		fmt.Fprintf(&b, "  %d  something of class %s that they need is missing", exitClass+i, c)
		if i == 0 {
			b.WriteString(" (of several classes the first in this order)")
		}
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "  %d  nothing is known to be missing, and something that they need is unknown\n", exitUntold)
	fmt.Fprintf(&b, "  %d  --strict was given, and there are warnings, or something is missing that is advice alone", exitOdd)
	return b.String()
}

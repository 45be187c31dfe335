package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/config"
	"sparkharness/harness/doctor"
	"sparkharness/harness/drive"
	"sparkharness/harness/prompt"
	"sparkharness/harness/rig/simrig"
)

// examined runs sparkharness doctor as a user does.
func examined(t *testing.T, args ...string) (out string, err error) {
	t.Helper()
	root := rootCommand()
	var printed bytes.Buffer
	root.SetOut(&printed)
	root.SetErr(&printed)
	root.SetArgs(append([]string{"doctor", "--configs", "../../../configs"}, args...))
	err = root.ExecuteContext(t.Context())
	return printed.String(), err
}

// found are the findings of --json, by id and subject.
func found(t *testing.T, out string) map[string]doctor.Finding {
	t.Helper()
	var list []doctor.Finding
	require.NoError(t, json.Unmarshal([]byte(out), &list))
	by := map[string]doctor.Finding{}
	for _, f := range list {
		by[strings.TrimSpace(f.ID+" "+f.Subject)] = f
	}
	require.Len(t, by, len(list), "no id stands twice")
	return by
}

// A command line that means nothing is a usage error, and nothing is looked at or sent.
func TestDoctorUsage(t *testing.T) {
	asked := 0
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked++ }))
	defer s.Close()
	t.Setenv("EMPTY_KEY", "")
	for name, tt := range map[string]struct {
		args []string
		says string
	}{
		"a flag that there is not":  {[]string{"--fro", "H1"}, "unknown flag: --fro"},
		"an argument":               {[]string{"H1"}, `"H1" is no argument of doctor`},
		"a hypothesis that is none": {[]string{"-H", "H9"}, `there is no hypothesis "H9"; there are H0`},
		"a stack that is none":      {[]string{"--url", s.URL + ",C=" + s.URL}, "stack A stands twice"},
		"an empty stack":            {[]string{"--url", "A="}, "--url: stack A has an empty value"},
		"a kind that is none":       {[]string{"--url", s.URL, "--server", "vlm"}, "there is no file servers/vlm.yaml"},
		"a kind of no server":       {[]string{"--server", "vllm"}, "name them with --url"},
		"a container of no server":  {[]string{"--url", s.URL, "--container", "B=x"}, "--container names stack B, which has no --url"},
		"a process that is none":    {[]string{"--url", s.URL, "--pid", "x"}, `--pid "x" is no process`},
		"a log that is not there":   {[]string{"--url", s.URL, "--log", "nothing.log"}, "--log: "},
		"a pipe for a log":          {[]string{"--url", s.URL, "--log", "/dev/zero"}, "--log: "},
		"a URL of elsewhere":        {[]string{"--url", "http://192.0.2.1:8000"}, "(--remote)"},
		"a page of elsewhere": {[]string{"--url", s.URL, "--metrics", "http://192.0.2.1:8000/metrics?key=sekret"},
			"--metrics http://192.0.2.1:8000/metrics?key="},
		"a URL with a secret":        {[]string{"--url", "http://user:sekret@127.0.0.1:8000"}, "--url "},
		"a key that is not set":      {[]string{"--url", s.URL, "--api-key-env", "EMPTY_KEY"}, "--api-key-env: "},
		"hours that cannot be":       {[]string{"--hours", "-1"}, "--hours -1: from 0 to 1000000 hours is needed"},
		"memory that cannot be":      {[]string{"--cpu-tier", "-4"}, "--cpu-tier -4: from 0 to 1000000 GiB is needed"},
		"hours that are none":        {[]string{"--hours", "NaN"}, "--hours NaN: from 0"},
		"a footprint that cannot be": {[]string{"--footprint", "Inf"}, "--footprint +Inf: from 0"},
		"a time that is none":        {[]string{"--test-timeout", "soon"}, "invalid argument"},
		"a list of no adapters":      {[]string{"--adapter-list", "x.txt"}, "name the folder that has them with --adapters"},
		"a list that is not there":   {[]string{"--adapters", "/x", "--adapter-list", "nothing.txt"}, "--adapter-list: read the adapter list"},
		"an empty folder":            {[]string{"--adapters", ""}, "--adapters is empty"},
		"a negative time":            {[]string{"--test-timeout", "-1s"}, "--test-timeout"},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := examined(t, tt.args...)
			require.ErrorContains(t, err, tt.says)
			assert.Equal(t, exitUsage, exitStatus(err))
			assert.NotContains(t, err.Error()+out, "sekret")
			assert.Empty(t, out)
		})
	}
	assert.Zero(t, asked)
}

// Adapters are looked for by a list, in the folder that is named.
func TestDoctorLooksForAdapters(t *testing.T) {
	dir := t.TempDir()
	adapterIn(t, dir, "incident-triage-01", 1000)
	list := filepath.Join(t.TempDir(), "list.txt")
	require.NoError(t, os.WriteFile(list, []byte("incident-triage-01\n"), 0o644))
	for _, tc := range []struct {
		list   string
		status doctor.Status
		seen   string
	}{
		{list, doctor.OK, "1 in " + dir + ", 1 KiB"},
		{"", doctor.Missing, "15 of 16 LoRA adapters are not in " + dir},
		{"lora_4.txt", doctor.Missing, "3 of 4 LoRA adapters are not in " + dir},
		{"../../../inputs/lora_lists/lora_4.txt", doctor.Missing, "3 of 4 LoRA adapters are not in " + dir + " (log-summary-01, runbook-writer-01, alert-routing-01)"},
	} {
		args := []string{"--json", "-H", "H1", "--adapters", dir}
		if tc.list != "" {
			args = append(args, "--adapter-list", tc.list)
		}
		out, _ := examined(t, args...)
		f := found(t, out)["lora-adapters"]
		assert.Equal(t, tc.status, f.Status)
		assert.Contains(t, f.Seen, tc.seen)
		assert.Equal(t, []string{"H1"}, f.NeededBy)
	}
}

// Exit statuses are those of the help, and the first class of which something is missing is told.
func TestDoctorExits(t *testing.T) {
	finding := func(class doctor.Class, status doctor.Status, needed ...string) doctor.Finding {
		return doctor.Finding{ID: "x-" + string(class), Class: class, Status: status, NeededBy: needed}
	}
	help := doctorCommand().Long
	for i, class := range doctor.Classes {
		err := (&doctorFlags{}).verdict([]doctor.Finding{
			finding(doctor.Go, doctor.Unknown, "H0"), finding(class, doctor.Missing, "H0"), finding(doctor.Go, doctor.Missing,
				"H0"), finding(doctor.Host, doctor.Missing)})
		assert.Equal(t, exitClass+i, exitStatus(err), class)
		assert.ErrorContains(t, err, "class "+string(class))
		assert.Contains(t, help, fmt.Sprintf("\n  %d  something of class %s", exitClass+i, class))
	}
	assert.Less(t, exitClass+len(doctor.Classes)-1, exitUntold)
	untold := []doctor.Finding{finding(doctor.Go, doctor.Unknown, "H0"), finding(doctor.Host, doctor.Missing)}
	assert.Equal(t, exitUntold, exitStatus((&doctorFlags{}).verdict(untold)))
	assert.ErrorContains(t, (&doctorFlags{}).verdict(untold), "not known: x-go")
	odd := []doctor.Finding{finding(doctor.Go, doctor.Unknown), finding(doctor.Host, doctor.Warning, "H0"), finding(doctor.Host,
		doctor.OK, "H0")}
	require.NoError(t, (&doctorFlags{}).verdict(odd), "warnings, and what nobody needs told")
	assert.Equal(t, exitOdd, exitStatus((&doctorFlags{strict: true}).verdict(odd)))
	advice := []doctor.Finding{finding(doctor.Host, doctor.Missing)}
	require.NoError(t, (&doctorFlags{}).verdict(advice))
	assert.Equal(t, exitOdd, exitStatus((&doctorFlags{strict: true}).verdict(advice)))
	for _, status := range []int{exitFailure, exitUsage, exitUntold, exitOdd} {
		assert.Contains(t, help, fmt.Sprintf("\n  %d  ", status))
	}
	many := "a and 1 more"
	assert.Equal(t, many, strings.Replace(someOf([]string{"a", "b", "c", "d", "d", "e"}), "a, b, c, d", "a", 1))
}

// Over TCP: a server of stack A as it is served in real time.
func TestDoctorOfAServer(t *testing.T) {
	_, addr := serving(t, stackA, defaultLimits)
	dir := t.TempDir()
	log := filepath.Join(t.TempDir(), "A.log")
	require.NoError(t, os.WriteFile(log, []byte("GPU KV cache size: 1,024 tokens\n"), 0o600))
	out, err := examined(t, "--json", "-H", "H4A,H8A", "--url", "http://"+addr, "--server", "trtllm", "--dir", dir, "--results", dir,
		"--log", log, "--hours", "1", "--test-timeout", "2h")
	by := found(t, out)
	for _, id := range []string{"server-answers A", "server-model", "log-kv-pool A", "log-connector A", "go-test-timeout"} {
		assert.Equal(t, doctor.OK, by[id].Status, "%s: %s", id, by[id].Seen)
	}
	assert.Contains(t, []doctor.Status{doctor.OK, doctor.Warning}, by["server-metrics A"].Status, by["server-metrics A"].Seen)
	// The server is this process, which anybody may look into.
	assert.NotContains(t, by["server-memlock A"].Seen, "is known")
	assert.Empty(t, by["server-tiers"].ID, "H4A and H8A have no stack B")
	assert.Equal(t, []string{"H4A", "H8A"}, by["server-answers A"].NeededBy)
	left, lerr := os.ReadDir(dir)
	require.NoError(t, lerr)
	assert.Empty(t, left)
	if err != nil { // what this machine lacks
		assert.GreaterOrEqual(t, exitStatus(err), exitClass)
	}
}

// A server that is gone is missing, with the exit status of its class where nothing before it is.
func TestDoctorOfNoServer(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	s.Close()
	t.Setenv("DOCTOR_KEY", "sekret")
	out, err := examined(t, "--json", "-H", "H0", "--url", s.URL, "--api-key-env", "DOCTOR_KEY")
	by := found(t, out)
	assert.Equal(t, doctor.Missing, by["server-answers A"].Status)
	assert.Contains(t, by["server-answers A"].Seen, "no server at "+s.URL)
	assert.NotContains(t, out, "sekret")
	var l lacks
	require.ErrorAs(t, err, &l)
	assert.LessOrEqual(t, l.status, exitClass+4)
}

// The key goes to the server that it is for, and into nothing that is printed.
func TestDoctorKey(t *testing.T) {
	got := ""
	s := completions(t, func(w http.ResponseWriter, r *http.Request) {
		got = r.Header.Get("Authorization")
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, "your key is "+strings.TrimPrefix(got, "Bearer ")+"\x1b[2J")
	})
	t.Setenv("DOCTOR_KEY", "sekret")
	out, _ := examined(t, "-H", "H0", "--url", s.URL, "--api-key-env", "A=DOCTOR_KEY")
	assert.Equal(t, "Bearer sekret", got)
	assert.NotContains(t, out, "sekret")
	assert.NotContains(t, out, "\x1b")
	assert.Contains(t, out, "answers no prompt: HTTP 403")
}

// An interrupt ends a look without a table.
func TestDoctorInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(asked{os.Interrupt})
	var out bytes.Buffer
	err := (&doctorFlags{}).look(ctx, &out, doctor.Needs{Hypotheses: []string{"H1"}})
	assert.Equal(t, 130, exitStatus(err))
	assert.Empty(t, out.String())
}

var errNotHere = errors.New("not on this machine")

// bare is a machine of which nothing is told but time.
func bare() *doctor.Machine {
	return &doctor.Machine{
		Files: fstest.MapFS{}, Run: func(context.Context, string, ...string) (string, error) { return "", errNotHere },
		Env: func(string) (string, bool) { return "", false }, Now: time.Now,
		Sleep: func(_ context.Context, d time.Duration) error { time.Sleep(d); return nil },
		Space: func(string) (doctor.Space, error) { return doctor.Space{}, errNotHere }, Synced: func() (bool, time.Duration,
			error) {
			return false, 0, errNotHere
		},
		Writable: func(string) (bool, error) { return false, errNotHere }, Drive: func(string) (*drive.Drive, error) { return nil, errNotHere },
		Lateness: func(context.Context) ([]time.Duration, error) { return nil, errNotHere },
	}
}

// Both simulated stacks, in virtual time, in their own dialects and in vLLM's.
func TestDoctorOfBothStacks(t *testing.T) {
	folder, err := config.OpenFolder("../../../configs")
	require.NoError(t, err)
	tokenizer, err := prompt.NewTokenizer()
	require.NoError(t, err)
	for _, tt := range []struct {
		dialect, a, b string
		check         func(t *testing.T, by map[string]doctor.Finding)
	}{
		{"vllm", "vllm", "vllm-fs", func(t *testing.T, by map[string]doctor.Finding) {
			assert.Equal(t, doctor.OK, by["server-metrics B"].Status, by["server-metrics B"].Seen)
			assert.Contains(t, []doctor.Status{doctor.OK, doctor.Warning}, by["outputs-equal"].Status, by["outputs-equal"].Seen)
			assert.Equal(t, doctor.Warning, by["kv-pool-equal"].Status)
			assert.Equal(t, "A 131072 and B 65536 tokens on the device: name that beside every comparison", by["kv-pool-equal"].Seen)
		}},
		{"", "trtllm", "dynamo-kvbm", func(t *testing.T, by map[string]doctor.Finding) {
			assert.Equal(t, "KVBM counts blocks", by["server-tiers"].Seen)
			assert.Contains(t, []doctor.Status{doctor.OK, doctor.Warning}, by["outputs-equal"].Status, by["outputs-equal"].Seen)
		}},
	} {
		t.Run(tt.dialect, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				needs := doctor.Needs{Machine: bare(), Hypotheses: []string{"H2B"}}
				for _, s := range []struct{ stack, file, kind string }{{"A", stackA, tt.a}, {"B", stackB, tt.b}} {
					o, err := simrig.Configured(folder, s.file, "default", "L8B", "")
					require.NoError(t, err)
					o.Seed, o.Dir, o.Tokenize, o.Dialect = 1, t.TempDir(), tokenizer.IDs, tt.dialect
					machine, err := simrig.OpenMachine(o)
					require.NoError(t, err)
					defer func() { assert.NoError(t, machine.Close()) }()
					ep := machine.Endpoint()
					kind, err := config.LoadServer(folder, s.kind)
					require.NoError(t, err)
					needs.Servers = append(needs.Servers, doctor.Instance{Stack: s.stack, URL: ep.BaseURL, Kind: kind, HTTP: ep.HTTP,
						KVMetrics: map[string]string{"dynamo-kvbm": o.Stack.Endpoint.KVBMMetrics}[s.kind]})
				}
				require.NoError(t, needs.Check())
				by := map[string]doctor.Finding{}
				for _, f := range doctor.Run(t.Context(), needs) {
					by[strings.TrimSpace(f.ID+" "+f.Subject)] = f
				}
				for _, id := range []string{"server-answers A", "server-answers B", "server-model", "prefix-cache"} {
					assert.Equal(t, doctor.OK, by[id].Status, "%s: %s", id, by[id].Seen)
				}
				assert.NotEqual(t, doctor.OK, by["kernel"].Status)
				tt.check(t, by)
			})
		})
	}
}

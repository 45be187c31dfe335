package doctor

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/config"
)

var update = flag.Bool("update", false, "rewrite golden files instead of comparing with them")

// ids are those of findings, with the subject.
func ids(findings []Finding) (out []string) {
	for i := range findings {
		out = append(out, findings[i].name())
	}
	return out
}

// Where all is well, all is well: vLLM tells no request's wait, so H0 is left out.
func TestWell(t *testing.T) {
	w := well(t)
	w.needs.Hypotheses = AllHypotheses[1:]
	for _, f := range Run(t.Context(), w.needs) {
		assert.Equal(t, OK, f.Status, "%s %s: %s", f.ID, f.Subject, f.Seen)
		assert.False(t, f.Fatal() || f.Untold())
	}
}

// troubled is a machine with something of each status.
func troubled(t *testing.T) *world {
	w := well(t)
	noLogs(w)
	w.needs.Hypotheses = []string{"H2B", "H4B"}
	noCommand("fio --version")(w)
	noCommand("fio --enghelp")(w)
	w.set("proc/sys/kernel/osrelease", "7.0.0-1019-nvidia")
	smiLine(slowLine)(w)
	page(`num_gpu_blocks="12288"`, `num_gpu_blocks="3000"`)(w)
	w.needs.Dir = ""
	w.needs.Hours = 0
	w.prints("nvidia-smi --query-compute-apps=pid,process_name --format=csv,noheader", "4711,", "4000, /opt/games/game\n4711,")
	return w
}

func TestTable(t *testing.T) {
	findings := Run(t.Context(), troubled(t).needs)
	var out bytes.Buffer
	require.NoError(t, WriteTable(&out, findings, false))
	golden := filepath.Join("testdata", "table.golden")
	if *update {
		require.NoError(t, os.WriteFile(golden, out.Bytes(), 0o644))
	}
	assert.Equal(t, fixture(t, "table.golden"), out.String())
	for line := range strings.Lines(out.String()) {
		assert.LessOrEqual(t, utf8.RuneCountInString(strings.TrimSuffix(line, "\n")), tableWidth, line)
		assert.NotContains(t, line, "\x1b")
	}
	for _, f := range findings {
		assert.Contains(t, out.String(), f.ID)
	}

	var coloured bytes.Buffer
	require.NoError(t, WriteTable(&coloured, findings, true))
	assert.Contains(t, coloured.String(), "\x1b[31mmissing \x1b[0m")
	assert.Equal(t, out.String(), regexp.MustCompile(`\x1b\[\d+m`).ReplaceAllString(coloured.String(), ""), "colour moves nothing")
}

// Lacking is the first class of which something that is needed is missing, and advice is never it.
func TestLacking(t *testing.T) {
	w := troubled(t)
	findings := Run(t.Context(), w.needs)
	clock := slices.IndexFunc(findings, func(f Finding) bool { return f.ID == "gpu-clock-load" })
	require.Equal(t, Missing, findings[clock].Status)
	assert.Equal(t, Server, Lacking(findings), "pools, and not the clock, which no hypothesis needs told beforehand")
	w = well(t)
	noCommand("fio --version")(w)
	assert.Equal(t, Tools, Lacking(Run(t.Context(), w.needs)))
	w.needs.Hypotheses = []string{"H2B"}
	assert.Empty(t, Lacking(Run(t.Context(), w.needs)), "H2B runs no fio")
}

// The chosen hypotheses limit what is looked at; advice is always given.
func TestForHypotheses(t *testing.T) {
	w := well(t)
	all := ids(Run(t.Context(), w.needs))
	for _, tt := range []struct {
		hypotheses    []string
		with, without []string
	}{
		{[]string{"H1"}, []string{"drop-caches", "lora-adapters", "drive-proved", "kernel"}, []string{"fio", "server-tiers", "psi", "kv-pool-equal",
			"outputs-equal", "gpu-telemetry"}},
		{[]string{"H2A"}, []string{"gpu-telemetry", "iostats"}, []string{"drop-caches", "lora-adapters", "fio", "prefix-cache"}},
		{[]string{"H4A"}, []string{"fio", "fio-engines"}, []string{"server-tiers", "outputs-equal"}},
		{[]string{"H7"}, []string{"server-tiers", "outputs-equal"}, []string{"fio", "kv-pool-equal"}},
		{[]string{"H8B", "H1"}, []string{"fio", "psi", "drop-caches", "server-tiers"}, []string{"kv-pool-equal"}},
	} {
		w := well(t)
		w.needs.Hypotheses = tt.hypotheses
		findings := Run(t.Context(), w.needs)
		got := ids(findings)
		assert.Subset(t, all, got)
		for _, id := range tt.with {
			assert.Contains(t, got, id, tt.hypotheses)
		}
		for _, id := range tt.without {
			assert.NotContains(t, got, id, tt.hypotheses)
		}
		for _, f := range findings {
			assert.Subset(t, tt.hypotheses, f.NeededBy)
		}
	}
}

func TestNeedsCheck(t *testing.T) {
	w := well(t)
	require.NoError(t, w.needs.Check())
	w.needs.Hypotheses = []string{"H9"}
	require.ErrorContains(t, w.needs.Check(), `no hypothesis "H9"; there are H0, H1`)
	w.needs.Hypotheses = nil
	w.needs.Servers[1].Stack = "A"
	require.ErrorContains(t, w.needs.Check(), "two servers of stack A")
	w.needs.Servers[1].HTTP = nil
	require.ErrorContains(t, w.needs.Check(), "a client are needed")
}

// What hypotheses need is what their configurations ask for.
func TestNeedsAreThoseOfTheConfigurations(t *testing.T) {
	folder, err := config.OpenFolder("../../configs")
	require.NoError(t, err)
	var all, b, both, fio []string
	for _, id := range AllHypotheses {
		h, err := config.LoadHypothesis(folder, "../../configs/hypotheses/"+strings.ToLower(id)+".yaml")
		require.NoError(t, err)
		all = append(all, h.Hypothesis)
		if h.Stacks["B"] != "" {
			b = append(b, id)
			if h.Stacks["A"] != "" {
				both = append(both, id)
			}
		}
		if slices.ContainsFunc(h.Sweep.Fio, func(arm string) bool { return arm != "none" }) {
			fio = append(fio, id)
		}
		assert.Equal(t, len(h.Sweep.Phase) > 0, slices.Contains(dropping, id), "%s: cold and warm phases drop the page cache", id)
	}
	files, err := filepath.Glob("../../configs/hypotheses/h*.yaml") // DRIVES is none of the twelve
	require.NoError(t, err)
	assert.Len(t, files, len(AllHypotheses))
	assert.Equal(t, AllHypotheses, all)
	assert.Equal(t, withB, b)
	assert.Equal(t, withBoth, both)
	assert.Equal(t, withFio, fio)
	var libaio []string
	for _, id := range withFio {
		h, err := config.LoadHypothesis(folder, "../../configs/hypotheses/"+strings.ToLower(id)+".yaml")
		require.NoError(t, err)
		for _, arm := range h.Sweep.Fio {
			job, err := os.ReadFile("../../configs/fio/" + arm + ".fio")
			require.NoError(t, err)
			if strings.Contains(string(job), "ioengine=libaio") && !slices.Contains(libaio, id) {
				libaio = append(libaio, id)
			}
		}
	}
	assert.Equal(t, withLibaio, libaio)
	gates, err := os.ReadFile("../../configs/gates.yaml")
	require.NoError(t, err)
	assert.Contains(t, string(gates), "\nmax_send_lag: 1ms ", "wellLag is that gate's")
	assert.Contains(t, string(gates), "\nmax_send_lag_share: 0.01 ", "mostLag is that share of a second")
	assert.InDelta(t, 1, wellLag, 0)
	assert.InDelta(t, 10, mostLag, 0)
}

// Each row says who it is, why it matters and what to do, in a line each.
func TestRows(t *testing.T) {
	kebab := regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)
	known := map[string]bool{}
	last := 0
	for _, c := range checks() {
		assert.Regexp(t, kebab, c.id)
		assert.False(t, known[c.id], "%s stands twice", c.id)
		known[c.id] = true
		for name, text := range map[string]string{"why": c.why, "fix": c.fix} {
			assert.NotEmpty(t, text, "%s: %s", c.id, name)
			assert.NotContains(t, text, "\n", "%s: %s", c.id, name)
		}
		assert.True(t, (c.look == nil) != (c.of == nil), c.id)
		at := slices.Index(Classes, c.class)
		assert.GreaterOrEqual(t, at, last, "%s is out of the order of classes", c.id)
		last = at
		assert.Subset(t, AllHypotheses, c.needed, c.id)
	}
}

// A process with mounts of its own is in a container, or of a unit that systemd gave some.
func TestOwnMounts(t *testing.T) {
	w := well(t)
	native("")(w)
	w.mounts("mnt:[4026531841]", "mnt:[4026532500]")
	for _, id := range []string{"container-flags", "cache-dir"} {
		f := w.see(id)
		assert.Equal(t, Unknown, f.Status)
		assert.Contains(t, f.Seen, "a unit with PrivateTmp")
		assert.Contains(t, f.Fix, "--container NAME")
		assert.Contains(t, f.Fix, "systemctl show -p PrivateTmp,ProtectSystem UNIT")
	}
}

// A finding can be read by a program.
func TestFindingJSON(t *testing.T) {
	w := well(t)
	w.needs.Hypotheses = []string{"H1"}
	text, err := json.Marshal(w.see("swap"))
	require.NoError(t, err)
	assert.JSONEq(t, `{"id":"swap","class":"memory","status":"ok","seen":"no swap; 12345 major faults since the boot",
		"figure":{"value":0,"unit":"B"},"why":"swapping is storage traffic of its own: where swap is on, a run is Invalid",
		"fix":"swapoff -a for the time of the plan","root":true,"source":"","needed_by":[]}`, string(text))
	text, err = json.Marshal(w.see("kernel"))
	require.NoError(t, err)
	assert.Contains(t, string(text), `"figure":null`, "what was not measured is null")
}

// On this machine everything is looked at and nothing is changed; a folder stays empty.
func TestHere(t *testing.T) {
	dir := t.TempDir()
	findings := Run(t.Context(), Needs{Dir: dir, Results: dir})
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Empty(t, left)
	assert.Len(t, findings, len(checks()))
	for _, f := range findings {
		assert.Contains(t, []Status{OK, Warning, Missing, Unknown}, f.Status)
		assert.NotEmpty(t, f.Seen, f.ID)
		if f.ID == "client-lateness" {
			require.NotNil(t, f.Figure, f.Seen)
			assert.Less(t, f.Figure.Value, 10_000.)
		}
	}
}

// A command ends with all that it started, and at its time limit.
func TestCommand(t *testing.T) {
	out, err := run(t.Context(), "sh", "-c", "echo said; exit 3")
	assert.Equal(t, "said\n", out)
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	assert.Equal(t, 3, exit.ExitCode())

	_, err = run(t.Context(), "sparkharness-no-such-command")
	require.ErrorIs(t, err, exec.ErrNotFound)
	assert.True(t, absent(err))

	file := filepath.Join(t.TempDir(), "pid")
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	begin := time.Now()
	_, err = run(ctx, "sh", "-c", "sleep 600 & echo $! >"+file+"; wait")
	require.ErrorContains(t, err, "gave no answer")
	assert.Less(t, time.Since(begin), 20*time.Second)
	pid, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Eventually(t, func() bool {
		stat, err := os.ReadFile("/proc/" + strings.TrimSpace(string(pid)) + "/stat")
		return err != nil || strings.Contains(string(stat), ") Z ")
	}, 10*time.Second, 10*time.Millisecond, "the child's child is ended, too")
}

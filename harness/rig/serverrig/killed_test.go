package serverrig

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/disk"
	layout "sparkharness/harness/experiment"
	"sparkharness/harness/launch"
	"sparkharness/harness/restore"
	"sparkharness/harness/rig"
)

// killedRole stands in the environment of the process that a test started to be killed: a folder of the test's.
const killedRole = "SPARKHARNESS_SERVERRIG_CHILD"

// withTier is our server of Dynamo's dialect as one that is told where its tier on the drive goes, may take a second to end, and has a
// first process that ends upon SIGKILL alone, and so outlives whoever started it.
const withTier = `
  process: {command: [sh, -c, "trap '' TERM HUP; {sparkharness} serve --bind {host} --port {port} --configs {configs} --stack {stack_file} --model {model_name} $* & while :; do sleep 1; done", sh]}
  settings: {tier2_dir: {env: {TIER2_DIR: "{tier2_dir}"}}}
  stop: {grace: 1s}
`

func tiered(t *testing.T) string {
	t.Helper()
	configs := overlay(t, nil)
	path := filepath.Join(configs, "servers", "sim-dynamo.yaml")
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	whole := strings.Replace(string(text), "launch: {", "launch:\n  ", 1)
	whole = strings.Replace(whole, "}\nkv:", withTier+"kv:", 1)
	require.NoError(t, os.WriteFile(path, []byte(whole), 0o644))
	return configs
}

// at has the rig note what it does below a folder, and keep tiers there.
func at(dir string) func(*layout.Choices, *LaunchOptions) {
	return func(c *layout.Choices, o *LaunchOptions) {
		c.Dir, o.Journals = filepath.Join(dir, "kv"), filepath.Join(dir, "journals")
		o.Results = filepath.Join(dir, "results")
	}
}

// stateOf are the numbers of the process and the folder of the tier.
func stateOf(t *testing.T, r *Launching, base string) (pid int, folder string) {
	t.Helper()
	pids, err := processesAt(procRoot, base)
	require.NoError(t, err)
	require.Len(t, pids, 1)
	return pids[0], r.current.tier.path
}

// Not a test: what is killed in the one below.
func TestToBeKilled(t *testing.T) {
	dir := os.Getenv(killedRole)
	if dir == "" {
		t.Skip("it is started by TestKilledHarness")
	}
	r, _ := launching(t, tiered(t), map[string]string{"A": "sim-trtllm", "B": "sim-dynamo"}, "L8B", at(dir))
	pid, folder := stateOf(t, r, begun(t, r, "stack", "B").Endpoint().BaseURL)
	require.NoError(t, os.WriteFile(filepath.Join(folder, "kv.bin"), []byte("stored"), 0o600))
	fmt.Printf("started %d %s\n", pid, folder)
	select {}
}

// A harness that is killed leaves a server and a tier on the drive: the next start ends the one and removes the other, and says so.
func TestKilledHarness(t *testing.T) {
	if onlyDevice() == "" {
		t.Skip("this machine has no block device")
	}
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "kv"), 0o755))
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "tmp"), 0o755))
	cmd := exec.Command(os.Args[0], "-test.run", "^TestToBeKilled$", "-test.v")
	cmd.Env = append(os.Environ(), killedRole+"="+dir, "TMPDIR="+filepath.Join(dir, "tmp"))
	pipe, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	var pid int
	var folder string
	lines := bufio.NewScanner(pipe)
	for lines.Scan() {
		if n, _ := fmt.Sscanf(lines.Text(), "started %d %s", &pid, &folder); n == 2 {
			break
		}
		t.Log(lines.Text())
	}
	require.NotZero(t, pid)
	group, err := syscall.Getpgid(pid)
	require.NoError(t, err)
	t.Cleanup(func() { _ = syscall.Kill(-group, syscall.SIGKILL) }) // none, unless the test fails
	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait() // it was killed
	require.DirExists(t, folder)
	_, runs := disk.OwnerOf(pid)
	require.True(t, runs, "the server outlives the harness")

	r, out := launching(t, tiered(t), map[string]string{"A": "sim-trtllm", "B": "sim-dynamo"}, "L8B", at(dir))
	_, runs = disk.OwnerOf(pid)
	assert.True(t, runs, "who only looks at the plan undoes nothing")
	prepared(t, r)
	_, runs = disk.OwnerOf(pid)
	assert.False(t, runs)
	assert.NoDirExists(t, folder)
	assert.Regexp(t, `restored: \d processes ended \(server sh\), which process `, out.String())
	assert.Contains(t, out.String(), "restored: "+folder+" removed (folder ")
	assert.Empty(t, r.journal.Left)
}

// A tier on the drive is as new for each server that is another one, outlives a restart, and is gone at the end.
func TestTierFolders(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "kv"), 0o755))
	r, _ := launching(t, tiered(t), map[string]string{"A": "sim-trtllm", "B": "sim-dynamo"}, "L8B", at(dir))
	b := begun(t, r, "stack", "B", "tier1", "8GiB")
	pid, folder := stateOf(t, r, b.Endpoint().BaseURL)
	assert.Equal(t, filepath.Join(dir, "kv"), filepath.Dir(folder))
	environment, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	require.NoError(t, err)
	assert.Contains(t, string(environment), "TIER2_DIR="+folder+"\x00")
	stored := filepath.Join(folder, "kv.bin")
	require.NoError(t, os.WriteFile(stored, []byte("stored"), 0o600))
	_, err = b.Apply(t.Context(), rig.Treatment{Kind: rig.Restart})
	require.NoError(t, err)
	assert.FileExists(t, stored)
	require.NoError(t, b.Close())
	b = begun(t, r, "stack", "B", "tier1", "4GiB")
	_, other := stateOf(t, r, b.Endpoint().BaseURL)
	assert.NotEqual(t, folder, other)
	assert.NoDirExists(t, folder)
	require.NoError(t, b.Close())
	require.NoError(t, r.Close())
	for _, sub := range []string{"kv", "journals"} {
		left, err := os.ReadDir(filepath.Join(dir, sub))
		require.NoError(t, err)
		assert.Empty(t, left, sub)
	}
}

// What a container writes into its tier is root's: the image that can remove it stands in the journal, before the server is started.
func TestImageOfATierIsNoted(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "kv"), 0o755))
	r, _ := launching(t, overlay(t, nil), map[string]string{"A": "vllm", "B": "vllm-fs"}, "L8B", at(dir))
	var err error
	r.journal, err = restore.Open(r.journals, os.Stdout)
	require.NoError(t, err)
	_, tier, err := r.tierOf(r.exp.Stacks["B"], nil)
	require.NoError(t, err)
	files, err := filepath.Glob(filepath.Join(r.journals, "*.jsonl"))
	require.NoError(t, err)
	require.Len(t, files, 1)
	text, err := os.ReadFile(files[0])
	require.NoError(t, err)
	assert.Contains(t, string(text), `"runtime":"docker","image":"vllm/vllm-openai:v0.31.0"`)
	require.NoError(t, tier.remove())
	require.NoError(t, r.Close())
}

// A machine on which something is left is not measured, and what to do is told.
func TestLeftBehind(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "kv"), 0o755))
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "journals"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "journals", "7-abc.jsonl"), []byte("nothing\n"), 0o600))
	r, out := launching(t, overlay(t, nil), map[string]string{"A": "sim-trtllm", "B": "sim-dynamo"}, "L8B", at(dir),
		func(_ *layout.Choices, o *LaunchOptions) { o.SkipDoctor = true })
	err := r.Prepare(t.Context())
	require.ErrorContains(t, err, "an earlier run has left what could not be undone")
	assert.NotContains(t, err.Error(), "killed", "a run that was not killed may have left something, too")
	require.ErrorContains(t, err, "7-abc.jsonl")
	require.ErrorContains(t, err, "look at it and remove it")
	assert.Contains(t, out.String(), "not restored: ")
	require.NoError(t, r.Close())
	require.NoError(t, os.Remove(filepath.Join(dir, "journals", "7-abc.jsonl")))
	r, _ = launching(t, overlay(t, nil), map[string]string{"A": "sim-trtllm", "B": "sim-dynamo"}, "L8B", at(dir))
	prepared(t, r)
}

// A container is noted by its label, which docker is given.
func TestContainersAreNoted(t *testing.T) {
	dir := t.TempDir()
	record := filepath.Join(dir, "record")
	docker := filepath.Join(dir, "docker")
	require.NoError(t, os.WriteFile(docker, []byte("#!/bin/sh\necho \"$@\" >> "+record+"\n[ $1 = ps ] && echo 0123456789abcdef\nexit 0\n"), 0o755))
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	j, err := restore.Open(filepath.Join(dir, "journals"), os.Stdout)
	require.NoError(t, err)
	var label string
	gone, err := noting{j}.Begin(launch.Noted{What: "container x", Docker: docker}, func(m launch.Mark) error {
		label = m.Label()
		return nil
	})
	require.NoError(t, err)
	require.NoError(t, gone(t.Context()))
	text, err := os.ReadFile(record)
	require.NoError(t, err)
	assert.Contains(t, string(text), "--filter label="+label)
	assert.Contains(t, string(text), "rm --force --volumes 0123456789abcdef")
	require.NoError(t, j.Close())
	_, err = noting{j}.Begin(launch.Noted{What: "late"}, func(launch.Mark) error { return nil })
	require.ErrorContains(t, err, "the journal is closed")
}

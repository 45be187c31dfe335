package serverrig

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/rig"
)

// containerRole is killedRole for a harness whose server is a container, and imageOf names its image to it.
const (
	containerRole = "SPARKHARNESS_SERVERRIG_CONTAINER"
	imageOf       = "SPARKHARNESS_SERVERRIG_IMAGE"
)

// docker runs docker's command, and returns what it printed.
func docker(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command("docker", args...).CombinedOutput()
	require.NoError(t, err, "docker %s: %s", strings.Join(args, " "), out)
	return strings.TrimSpace(string(out))
}

// realImage is an image with nothing but our command, of a docker that runs here; without one the test says so loudly and skips.
func realImage(t *testing.T) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if out, err := exec.CommandContext(ctx, "docker", "version", "--format", "{{.Server.Version}}").CombinedOutput(); err != nil {
		t.Skipf("NOT TESTED WITH A REAL CONTAINER: docker version: %v: %s", err, out)
	}
	dir := t.TempDir()
	build := exec.Command("go", "build", "-o", filepath.Join(dir, "sparkharness"), "../../cmd/sparkharness")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	require.NoError(t, err, string(out))
	tar := filepath.Join(dir, "image.tar")
	out, err = exec.Command("tar", "-C", dir, "-cf", tar, "sparkharness").CombinedOutput()
	require.NoError(t, err, string(out))
	image := fmt.Sprintf("sparkharness-test:%d", os.Getpid())
	docker(t, "import", tar, image)
	t.Cleanup(func() { _ = exec.Command("docker", "image", "rm", "--force", image).Run() })
	return image
}

// contained are configurations in which B is our server of Dynamo's dialect in a container.
func contained(t *testing.T, image string) string {
	t.Helper()
	base, err := filepath.Abs("../../..")
	require.NoError(t, err)
	configs := overlay(t, nil)
	path := filepath.Join(configs, "servers", "sim-dynamo.yaml")
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	whole := strings.Replace(string(text), "launch: {", "launch:\n  ", 1)
	whole = strings.Replace(whole, "}\nkv:", `
  process: null
  container:
    image: `+image+`
    flags: [--network, host]
    mounts: ["`+base+":"+base+`", "{configs}:{configs}", "{tier2_dir}:{tier2_dir}"]
    command: [/sparkharness, serve, --bind, "{host}", --port, "{port}", --configs, "{configs}", --stack, "{stack_file}", --model, "{model_name}"]
    env: {}
  given: {sparkharness: null}
  settings: {tier2_dir: {env: {TIER2_DIR: "{tier2_dir}"}}}
kv:`, 1)
	require.NoError(t, os.WriteFile(path, []byte(whole), 0o644))
	return configs
}

// named are the containers that there are, running or not, whose names begin as the launcher's do.
func named(t *testing.T) string {
	return docker(t, "ps", "--all", "--filter", "name=sparkharness-sim-dynamo", "--format", "{{.Names}}")
}

// A real container is started, read back, restarted and stopped by the launcher, as a process is: and nothing of it stays.
func TestRealContainer(t *testing.T) {
	image := realImage(t)
	require.Empty(t, named(t))
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "kv"), 0o755))
	r, _ := launching(t, contained(t, image), simulatedKinds, "L8B", at(dir))
	b := begun(t, r, "stack", "B")
	assert.Regexp(t, `^sparkharness-sim-dynamo-B-\d+-\w{8}$`, named(t))
	got, err := b.ReadBack(t.Context())
	require.NoError(t, err)
	require.NotNil(t, got.KVPoolBytes)
	assert.Equal(t, got.WantKVPool, *got.KVPoolBytes, "its log is read")
	first := docker(t, "ps", "--quiet", "--no-trunc", "--filter", "name=sparkharness-sim-dynamo")
	_, err = b.Apply(t.Context(), rig.Treatment{Kind: rig.Restart})
	require.NoError(t, err)
	assert.NotEqual(t, first, docker(t, "ps", "--quiet", "--no-trunc", "--filter", "name=sparkharness-sim-dynamo"))
	require.NoError(t, b.Close())
	require.NoError(t, r.Close())
	assert.Empty(t, named(t))
	left, err := os.ReadDir(filepath.Join(dir, "kv"))
	require.NoError(t, err)
	assert.Empty(t, left)
}

// Not a test: what is killed in the one below.
func TestContainerToBeKilled(t *testing.T) {
	dir := os.Getenv(containerRole)
	if dir == "" {
		t.Skip("it is started by TestKilledHarnessOfContainer")
	}
	r, _ := launching(t, contained(t, os.Getenv(imageOf)), simulatedKinds, "L8B", at(dir))
	begun(t, r, "stack", "B")
	fmt.Println("started")
	select {}
}

// A container outlives a harness that is killed, and the next start removes it.
func TestKilledHarnessOfContainer(t *testing.T) {
	image := realImage(t)
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "kv"), 0o755))
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "tmp"), 0o755))
	cmd := exec.Command(os.Args[0], "-test.run", "^TestContainerToBeKilled$", "-test.v")
	cmd.Env = append(os.Environ(), containerRole+"="+dir, imageOf+"="+image, "TMPDIR="+filepath.Join(dir, "tmp"))
	pipe, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	started := false
	for lines := bufio.NewScanner(pipe); !started && lines.Scan(); {
		started = lines.Text() == "started"
		t.Log(lines.Text())
	}
	name := named(t)
	t.Cleanup(func() { _ = exec.Command("docker", "rm", "--force", name).Run() }) // none, unless the test fails
	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait() // it was killed
	require.True(t, started)
	require.Equal(t, "true", docker(t, "inspect", "--format", "{{.State.Running}}", name), "the container outlives the harness")

	r, out := launching(t, contained(t, image), simulatedKinds, "L8B", at(dir))
	prepared(t, r)
	assert.Empty(t, named(t))
	assert.Regexp(t, "restored: .*"+regexp.QuoteMeta(name), out.String())
	assert.Empty(t, r.journal.Left)
}

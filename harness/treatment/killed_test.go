package treatment

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/disk"
	"sparkharness/harness/drive"
	"sparkharness/harness/restore"
	"sparkharness/harness/rig"
)

// childRole stands in the environment of the process that a test started to be killed.
const childRole = "SPARKHARNESS_TREATMENT_CHILD"

// TestMain is the child: it runs fio and the probe, says the number of fio's process, and waits to be killed.
func TestMain(m *testing.M) {
	if os.Getenv(childRole) == "" {
		os.Exit(m.Run())
	}
	if err := child(os.Args[1], os.Args[2]); err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
	select {}
}

func child(dir, state string) error {
	d, err := drive.Of(dir, drive.Here())
	if err != nil {
		return err
	}
	j, err := restore.Open(state, os.Stderr)
	if err != nil {
		return err
	}
	tr, err := New(Options{Drive: d, Journal: j, Rng: rand.New(rand.NewPCG(1, 2)), Noise: rand.NewChaCha8([32]byte{1}), Out: os.Stderr,
		Span: 50 * time.Millisecond, ProbeFile: 1 << 20})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for _, t := range []rig.Treatment{{Kind: rig.Probe}, {Kind: rig.Fio, Name: "heavy", Text: profile}} {
		if _, err := tr.Apply(ctx, t); err != nil {
			return err
		}
	}
	fmt.Println(tr.fioRuns.process.PID)
	return nil
}

// A harness that is killed leaves a fio that runs and its files: the next start ends the one and removes the others.
func TestKilledBesideFio(t *testing.T) {
	needFio(t)
	_, dir, _ := treating(t, nil) // skips where there is no drive
	state := filepath.Join(t.TempDir(), "state")
	cmd := exec.Command(os.Args[0], dir, state)
	cmd.Env = append(os.Environ(), childRole+"=1")
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	var pid int
	_, err = fmt.Sscan(line, &pid)
	require.NoError(t, err, line)
	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait() // it was killed
	_, runs := disk.OwnerOf(pid)
	require.True(t, runs, "fio outlives the harness")
	var said bytes.Buffer
	j, err := restore.Open(state, &said)
	require.NoError(t, err)
	assert.Empty(t, j.Left)
	require.NoError(t, j.Close())
	_, runs = disk.OwnerOf(pid)
	assert.False(t, runs)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Empty(t, entries)
	assert.Contains(t, said.String(), fmt.Sprintf("restored: process %d ended (fio heavy), which process ", pid))
	assert.Contains(t, said.String(), " removed (folder "+dir+"/sparkharness-load-")
}

package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"sparkharness/harness/drive"
)

// Here is the running machine.
func Here() *Machine {
	return &Machine{
		Files: os.DirFS("/"), Run: run, Env: os.LookupEnv, Now: time.Now, Sleep: sleep,
		Space: space, Synced: synced, Writable: writable, Lateness: lateness, Spin: spin,
		Drive: func(dir string) (*drive.Drive, error) { return drive.Of(dir, drive.Here()) },
		Prove: func(ctx context.Context, d *drive.Drive) (drive.Proof, error) {
			return d.Prove(ctx, drive.SmallProof, rand.NewChaCha8([32]byte{1}))
		},
	}
}

const (
	// commandFor bounds a command; nvidia-smi waits for seconds where the driver is broken.
	commandFor = 15 * time.Second
	// commandWait is how long its output may come after its end.
	commandWait = time.Second
	// mostOutput bounds what is kept of its output, bytes; a kernel log is the longest.
	mostOutput = 32 << 20
)

// run runs a command in a process group of its own, which ends with it.
func run(ctx context.Context, name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, commandFor)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = commandWait
	var out bounded
	cmd.Stdout = &out
	err := cmd.Run()
	if ctx.Err() != nil {
		err = fmt.Errorf("%s gave no answer within %v: %w", name, commandFor, ctx.Err())
	}
	return out.String(), err
}

// bounded keeps the beginning of what is written.
type bounded struct{ strings.Builder }

func (b *bounded) Write(p []byte) (int, error) {
	if room := mostOutput - b.Len(); room > 0 {
		b.Builder.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

func space(path string) (Space, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return Space{}, &os.PathError{Op: "statfs", Path: path, Err: err}
	}
	return Space{Free: float64(st.Bavail) * float64(st.Bsize), Total: float64(st.Blocks) * float64(st.Bsize)}, nil
}

func writable(path string) (bool, error) {
	err := unix.Access(path, unix.W_OK)
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, fs.ErrPermission), errors.Is(err, unix.EROFS):
		return false, nil
	}
	return false, &os.PathError{Op: "access", Path: path, Err: err}
}

// spin keeps every processor busy until ctx ends, and waits.
func spin(ctx context.Context) {
	var busy sync.WaitGroup
	for range runtime.NumCPU() {
		busy.Go(func() {
			for x := 1.0; ctx.Err() == nil; {
				for range 10_000 {
					x = math.Sqrt(x + 1)
				}
			}
		})
	}
	busy.Wait()
}

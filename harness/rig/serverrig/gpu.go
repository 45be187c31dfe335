package serverrig

import (
	"context"
	"errors"
	"os/exec"

	"sparkharness/harness/telemetry"
)

// gpu is nvidia-smi beside a cell.
type gpu struct {
	*telemetry.GPU
	end func() error
}

// watchGPU starts nvidia-smi; nil where the machine has none.
func watchGPU() *gpu {
	if _, err := exec.LookPath("nvidia-smi"); err != nil {
		return nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := telemetry.GPUCommand(ctx)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		cancel()
		return nil
	}
	g := &gpu{GPU: telemetry.NewGPU(out)}
	g.end = func() error {
		cancel()
		err := cmd.Wait()
		_ = g.GPU.Close() // the stream was ended on purpose
		if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
			return nil
		}
		return err
	}
	return g
}

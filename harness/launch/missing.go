package launch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"strings"
)

// Missing refuses commands whose programs, folders or images are not on this machine, each once and in a line with what to do. Images are asked
// for by docker's own command; none is pulled, by this nor by a start: that takes as long as the network does, and would count as the
// server's start.
func Missing(ctx context.Context, commands []Command) error {
	var errs []error
	seen := map[string]bool{}
	for _, c := range commands {
		if c.Image != "" || seen[c.Argv[0]] {
			continue
		}
		seen[c.Argv[0]] = true
		if _, err := exec.LookPath(c.Argv[0]); err != nil {
			given := ""
			if c.Given != "" {
				given = ", or set " + c.Given + " to its path"
			}
			errs = append(errs, fmt.Errorf("%s: launch.%sprocess.command: %w: build or install it, or correct the file%s", c.File, c.beside(), err, given))
		}
	}
	errs = append(errs, missingFolders(commands)...)
	return errors.Join(append(errs, missingImages(ctx, commands))...)
}

// missingFolders refuses containers that would see a folder which is not here: docker would make it, as root's, and whoever filled it
// afterwards could not.
func missingFolders(commands []Command) (errs []error) {
	seen := map[Folder]bool{}
	for _, c := range commands {
		for _, f := range c.Folders {
			if seen[f] {
				continue
			}
			seen[f] = true
			st, err := os.Stat(f.Path)
			switch {
			case errors.Is(err, fs.ErrNotExist):
				errs = append(errs, fmt.Errorf("%s: the folder %s is not here, and docker would make it as root's: mkdir -p %s, or set %s to the one that is meant",
					c.File, f.Path, f.Path, f.Env))
			case err == nil && !st.IsDir():
				errs = append(errs, fmt.Errorf("%s: %s is no folder: set %s to the one that is meant", c.File, f.Path, f.Env))
			}
		}
	}
	return errs
}

// missingImages is Missing for containers. A docker that does not answer is told of once.
func missingImages(ctx context.Context, commands []Command) error {
	var errs []error
	seen := map[string]bool{}
	for _, c := range commands {
		if c.Image == "" || seen[c.Image] {
			continue
		}
		seen[c.Image] = true
		err := c.missingImage(ctx)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", c.File, err))
		}
		if errors.Is(err, errDocker) {
			break
		}
	}
	return errors.Join(errs...)
}

var errDocker = errors.New("docker cannot be asked")

// missingImage asks docker, as the command would be started, for its image.
func (c Command) missingImage(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, dockerWait)
	defer cancel()
	cmd := exec.CommandContext(ctx, c.Argv[0], "image", "inspect", "--format", "{{.Architecture}}", c.Image)
	cmd.Env, cmd.WaitDelay = c.Env, pipeWait
	var out, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaint
	err := cmd.Run()
	said := shown(strings.TrimSpace(complaint.String()))
	switch lower := strings.ToLower(said); {
	case err == nil:
		if of := strings.TrimSpace(out.String()); of != "" && of != runtime.GOARCH {
			return fmt.Errorf("the image %s is of architecture %s, and this machine is %s: docker pull --platform linux/%s %s, or name an image that has that",
				c.Image, shown(of), runtime.GOARCH, runtime.GOARCH, c.Image)
		}
		return nil
	case strings.Contains(lower, "no such image"), strings.Contains(lower, "image not known"): // docker, and podman in its place
		return fmt.Errorf("the image %s is not here (docker image inspect: %s): docker pull %s", c.Image, said, c.Image)
	case errors.Is(ctx.Err(), context.Canceled):
		return ctx.Err()
	case ctx.Err() != nil:
		said = fmt.Sprintf("no answer: %v", context.Cause(ctx))
	case said == "":
		said = err.Error()
	}
	return fmt.Errorf("%w for the image %s (docker image inspect: %s): start its daemon (systemctl start docker), or let this user ask it (group docker)",
		errDocker, c.Image, said)
}

// beside is where in the file a part stands, "" of the one with the engine.
func (c Command) beside() string {
	if c.Part == "" {
		return ""
	}
	return "beside." + c.Part + "."
}

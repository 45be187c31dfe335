package runner

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"sparkharness/harness/config"
	"sparkharness/harness/disk"
	"sparkharness/harness/record"
	"sparkharness/harness/regular"
)

// Manifest is manifest.json: the facts of one execution that a second one would not repeat. Nothing
// else of a run depends on the wall clock or the machine.
type Manifest struct {
	RunID        string    `json:"run_id"`
	Rig          string    `json:"rig"`
	Clock        string    `json:"clock"`
	ConfigDigest string    `json:"config_digest"`
	Seed         uint64    `json:"seed"`
	Started      time.Time `json:"started"`
	Ended        time.Time `json:"ended"`
	WallSeconds  float64   `json:"wall_seconds"`
	CellSeconds  float64   `json:"cell_seconds"` // on the cells' own clock
	GoVersion    string    `json:"go_version"`
	GOMAXPROCS   int       `json:"gomaxprocs"`
	OS           string    `json:"os"`
	Arch         string    `json:"arch"`
	Kernel       string    `json:"kernel"`
	Commit       string    `json:"commit"`        // of this program with "-dirty" for local changes; "" outside a git checkout
	GoSumSHA256  string    `json:"go_sum_sha256"` // of the dependencies
	Resumed      bool      `json:"resumed"`
}

// maxGoSum is the most bytes of a go.sum: a line of some hundred for each of a few thousand modules.
const maxGoSum = 16 << 20

// newManifest fills in what is known at the start.
func newManifest(root string, p *record.Plan, e *config.Experiment, resumed bool, now time.Time) Manifest {
	m := Manifest{
		RunID: p.RunID, Rig: p.Facts.Rig, Clock: p.Facts.Clock, ConfigDigest: p.Digest, Seed: e.Hypothesis.Run.Seed,
		Started: now.UTC(), GoVersion: runtime.Version(), GOMAXPROCS: runtime.GOMAXPROCS(0),
		OS: runtime.GOOS, Arch: runtime.GOARCH, Resumed: resumed,
		Commit: Commit(root),
	}
	if b, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m.Kernel = strings.TrimSpace(string(b))
	}
	if b, err := regular.Read(filepath.Join(root, "go.sum"), maxGoSum); err == nil {
		m.GoSumSHA256 = fmt.Sprintf("%x", sha256.Sum256(b))
	}
	return m
}

// Commit asks git, because test binaries carry no version of their own.
func Commit(root string) string {
	out, err := exec.Command("git", "-C", root, "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*").Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

func (m Manifest) save(dir string) error {
	b, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the manifest: %w", err)
	}
	return disk.Replace(record.Path(dir, record.FileManifest), append(b, '\n'))
}

//go:build spark

package serverrig

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/drive"
	"sparkharness/harness/prompt"
	"sparkharness/harness/record"
	"sparkharness/harness/rig"
)

// coldPlan is H1 as a cold and a warm cell of some seconds, with four adapters.
const coldPlan = `base: BASE/hypotheses/h1.yaml
load:
  think_time: {mean: 300ms}
  output_tokens: {dist: constant, value: 2}
  request_timeout: 60s
  adapters: {list: lora_4.txt, dir: %s}
gates: {max_again: 1}
sweep: {ctx: [256], conc: [2]}
run:
  reps: 1
  early_looks: []
  duration: 5s
  max_duration: 10s
  min_requests: 24
  cadence: 200ms
  baseline: 2s
  observer: 100ms
  warmup: {min: 1s, max: 3s, passes: 1}
`

// adaptersIn writes the adapters of a list into a folder, of so many bytes of weights each, and returns the bytes of all files.
func adaptersIn(t *testing.T, dir, list, model string, size int) (bytes float64) {
	t.Helper()
	names, err := prompt.ReadAdapters(filepath.Join("..", "..", "..", "inputs", "lora_lists", list))
	require.NoError(t, err)
	for _, name := range names {
		bytes += writeAdapter(t, filepath.Join(dir, name), model, 16, size)
	}
	return bytes
}

// H1 from the flags to the verdict with real adapters' files: the page cache is emptied and the server restarted in one arm, its
// first touches read the files from the drive, and those of the other arm nothing. The verdict is printed and says nothing of hardware.
func TestColdAndWarmAdapters(t *testing.T) {
	for _, kind := range []string{"sim-trtllm", "sim-vllm"} {
		t.Run(kind, func(t *testing.T) {
			dir := t.TempDir()
			if _, err := drive.Of(dir, drive.Here()); errors.Is(err, drive.ErrNoDrive) {
				t.Skipf("NOT TESTED ON A REAL DRIVE: %v: set TMPDIR to a folder on one", err)
			}
			if err := mayDropCaches(); err != nil {
				t.Skipf("NOT TESTED COLD: the page cache cannot be emptied (%v): run as root", err)
			}
			adapters := filepath.Join(dir, "adapters")
			bytes := adaptersIn(t, adapters, "lora_4.txt", "nvidia/Llama-3.1-8B-Instruct-FP8", 6<<20)
			configs := overlay(t, map[string]string{"hypotheses/h1.yaml": fmt.Sprintf(coldPlan, adapters)})
			out, run := decided(t, "H1", configs, []string{"-launch", "A=" + kind, "-dir", dir})
			assert.Contains(t, out, "H1: 2 more times in its cold and warm cells, each of which starts it anew")
			assert.Contains(t, out, "serve --bind 127.0.0.1")
			assert.Contains(t, out, "--adapters "+adapters)
			assert.Contains(t, out, "not measured on hardware")
			codes := map[string]string{}
			for _, g := range reported(t, run).Verdict.Gates {
				codes[g.Name] = g.Code
				if g.Name == "adapter reads" && !g.Passed { // it looks at the drive, which others may use
					fmt.Println("THE GATE OF READS WAS NOT SEEN TO PASS, which depends on what else uses this drive:", g.Code, g.Detail)
				}
			}
			for _, name := range []string{"alignment", "treatment", "counters", "errors"} {
				assert.Contains(t, codes, name)
				assert.Empty(t, codes[name], name)
			}
			assert.Contains(t, codes, "adapter reads")
			assert.NotContains(t, []string{"size_unknown", "not_measured", "arm_missing"}, codes["adapter reads"])
			cells, err := filepath.Glob(filepath.Join(run, "cells", "*", "cell.json"))
			require.NoError(t, err)
			require.Len(t, cells, 2)
			for _, cell := range cells {
				var c record.CellInfo
				text, err := os.ReadFile(cell)
				require.NoError(t, err)
				require.NoError(t, json.Unmarshal(text, &c))
				sum := 0.0
				for _, size := range c.Settings.AdapterBytes {
					sum += size
				}
				assert.Equal(t, bytes, sum, "the bytes of the files themselves")
				read := 0.0 // by the server itself, whoever else uses the drive
				require.NoError(t, record.ReadComplete(filepath.Join(filepath.Dir(cell), record.FileSysmon), func(s *record.SysSample) error {
					if s.Server != nil {
						read += s.Server.ReadBytes
					}
					return nil
				}))
				fmt.Printf("%s: the server has read %.2f MB of %.2f MB of adapters\n", filepath.Base(filepath.Dir(cell)), read/1e6, bytes/1e6)
				if strings.HasPrefix(filepath.Base(filepath.Dir(cell)), "phase=warm") {
					require.Len(t, c.Treatments, 1)
					assert.Equal(t, rig.Restart, c.Treatments[0].Treatment)
					if cached := c.Settings.AdaptersCached; cached != nil {
						assert.Greater(t, *cached, 0.95*bytes, "warm, as the kernel says")
					}
					assert.Less(t, read, 0.1*bytes)
					continue
				}
				assert.InDelta(t, bytes, read, 0.1*bytes)
				require.Len(t, c.Treatments, 2)
				assert.Equal(t, rig.DropCaches, c.Treatments[0].Treatment)
				assert.Equal(t, rig.Restart, c.Treatments[1].Treatment)
				if c.Settings.AdaptersCached == nil {
					fmt.Println("NOT SEEN: this kernel does not tell what is in the page cache (cachestat)")
					continue
				}
				assert.Less(t, *c.Settings.AdaptersCached, 0.05*bytes, "cold, as the kernel says")
			}
		})
	}
}

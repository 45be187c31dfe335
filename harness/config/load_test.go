package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const configs = "../../configs"

// committed calls visit for each YAML file of a kind under configs/.
func committed(t testing.TB, pattern string, visit func(path string)) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(configs, pattern))
	require.NoError(t, err)
	require.NotEmpty(t, paths, pattern)
	for _, path := range paths {
		visit(path)
	}
}

// named is what a file's own name field must be, because other files refer to it by its file name.
func named(path string) string { return strings.TrimSuffix(filepath.Base(path), ".yaml") }

func TestCommittedFilesLoad(t *testing.T) {
	committed(t, "stack*.yaml", func(path string) {
		s, err := LoadStack(path)
		if assert.NoError(t, err) {
			assert.True(t, strings.HasPrefix(named(path), "stack"+s.Stack+"_"), path)
		}
		roundTrip(t, path, s, parseStack)
	})
	folder, err := OpenFolder(configs)
	require.NoError(t, err)
	committed(t, "hypotheses/*.yaml", func(path string) {
		h, err := LoadHypothesis(folder, path)
		if assert.NoError(t, err) {
			for letter, file := range h.Stacks {
				s, err := LoadStack(filepath.Join(configs, file))
				require.NoError(t, err)
				assert.Equal(t, letter, s.Stack, "%s names %s as Stack %s", path, file, letter)
			}
		}
		roundTrip(t, path, h, parseHypothesis)
	})
	committed(t, "worlds/*.yaml", func(path string) {
		w, err := LoadWorld(path)
		if assert.NoError(t, err) {
			assert.Equal(t, named(path), w.World)
		}
		roundTrip(t, path, w, parseWorld)
	})
	committed(t, "profiles/*.yaml", func(path string) {
		p, err := LoadProfile(path)
		if assert.NoError(t, err) {
			assert.Equal(t, named(path), p.Profile)
		}
		roundTrip(t, path, p, parseProfile)
	})
}

// roundTrip saves a configuration and reads it again.
func roundTrip[T any](t *testing.T, path string, v *T, parse func(string, []byte) (*T, error)) {
	t.Helper()
	text, err := Encode(v)
	require.NoError(t, err, path)
	again, err := parse("saved.yaml", text)
	require.NoError(t, err, "%s\n%s", path, text)
	assert.Equal(t, v, again, path)
	before, err := Digest(v)
	require.NoError(t, err)
	after, err := Digest(again)
	require.NoError(t, err)
	assert.Equal(t, before, after, path)
}

func TestStackHasWhatTheFileSays(t *testing.T) {
	s, err := parseStack("b.yaml", []byte(stackB))
	require.NoError(t, err)
	no, zero := false, 0
	reuse := true
	assert.Equal(t, &Stack{
		Stack: "B", Name: "KVBM, three tiers", Model: "L70B",
		Endpoint: Endpoint{
			URL: "http://127.0.0.1:9000", API: "completions",
			EngineMetrics: "http://127.0.0.1:8081/metrics", KVBMMetrics: "http://127.0.0.1:6880/metrics",
		},
		Runtime: Runtime{MaxBatchSize: 64, MaxNumTokens: 2048, KVDtype: "fp16", TokensPerBlock: 32, EnableBlockReuse: &reuse},
		Dynamo: &Dynamo{
			KVBlockSize: 32, PrefetchEnable: &no, PrefetchDepth: &zero, OffloadMinFrequency: 2,
			Tiers: Tiers{
				Tier0: Tier{CapacityBytes: 8 << 30, EvictionPolicy: "LRU"},
				Tier1: Tier{CapacityBytes: 24e9, EvictionPolicy: "FIFO"},
				Tier2: Tier{CapacityBytes: 512 << 30, EvictionPolicy: "LRU", Path: "/mnt/nvme/kvbm"},
			},
			Loader: Loader{QueueDepth: 1, IOBytes: 128 << 10, SoftwareTimePerIO: Duration(220 * time.Microsecond)},
		},
		Telemetry: Telemetry{Cadence: Duration(200 * time.Millisecond), Device: "nvme0n1"},
	}, s)
	assert.Empty(t, s.Warnings())
}

func TestHypothesisHasWhatTheFileSays(t *testing.T) {
	h, err := parseHypothesis("h.yaml", []byte(hypothesis))
	require.NoError(t, err)
	assert.Equal(t, Sweep{Ctx: []Tokens{256, 4096, 64000}, Conc: []int{1, 4}}, h.Sweep)
	assert.Equal(t, uint64(1), h.Run.Seed)
	assert.Equal(t, map[string]float64{"ratio": 2, "share": 0, "shift": -1.5}, h.Thresholds)
	assert.Equal(t, Distribution{Dist: LogNormal, Median: "48", Sigma: "0.7"}, h.Load.OutputTokens)
}

func TestWorldHasWhatTheFileSays(t *testing.T) {
	w, err := parseWorld("w.yaml", []byte("world: w\nnote: n\ntiers: {tier1_bytes: 80GiB, tier0_bytes: null}\nmechanisms: {unlimited_slots: true}\n"))
	require.NoError(t, err)
	size := Size(80 << 30)
	assert.Equal(t, &World{World: "w", Note: "n", Mechanisms: Mechanisms{UnlimitedSlots: true}, Tiers: WorldTiers{Tier1Bytes: &size}}, w)
}

func TestAnchorsAndMergeKeys(t *testing.T) {
	text := edit(t, stackB, `    tier0: {capacity_bytes: 8GiB, eviction_policy: LRU}
    tier1: {capacity_bytes: 24GB, eviction_policy: FIFO}`, `    tier0: &ram
      capacity_bytes: 8GiB
      eviction_policy: LRU
    tier1:
      <<: [*ram]
      eviction_policy: FIFO`)
	s, err := parseStack("b.yaml", []byte(text))
	require.NoError(t, err)
	assert.Equal(t, Tier{CapacityBytes: 8 << 30, EvictionPolicy: "FIFO"}, s.Dynamo.Tiers.Tier1)
}

func TestQueueBound(t *testing.T) {
	for text, want := range map[string]*int{"null": nil, "0": new(int), "64": func() *int { n := 64; return &n }()} {
		s, err := parseStack("b.yaml", []byte(edit(t, stackB, "max_queued_requests: null", "max_queued_requests: "+text)))
		require.NoError(t, err)
		assert.Equal(t, want, s.Runtime.MaxQueuedRequests)
	}
}

func TestWarnings(t *testing.T) {
	s, err := parseStack("b.yaml", []byte(edit(t, stackB, "24GB", "7GiB")))
	require.NoError(t, err)
	assert.Equal(t, Warnings{"dynamo.tiers: tier0 (8GiB) is larger than tier1 (7GiB); KVBM's documentation wants tier0 <= tier1 <= tier2"}, s.Warnings())
	s.Dynamo = nil
	assert.Empty(t, s.Warnings())
}

// folderOf writes a folder of configurations.
func folderOf(t *testing.T, of files) (dir string, folder *Folder) {
	t.Helper()
	dir = t.TempDir()
	for name, text := range of {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
	folder, err := OpenFolder(dir)
	require.NoError(t, err)
	return dir, folder
}

func TestLoadHypothesisFiles(t *testing.T) {
	dir, folder := folderOf(t, files{"gates.yaml": gates, "worlds/w1.yaml": "",
		"hypotheses/h.yaml": edit(t, hypothesis, "controls: {w1: a_check}", "controls: {w1: a_check, w2: a_check}\nprofile: spill")})
	path := filepath.Join(dir, "hypotheses", "h.yaml")

	_, err := LoadHypothesis(folder, path)
	require.EqualError(t, err, strings.Join([]string{
		path + ":3: stacks.A: there is no file stackA.yaml in the folder of configurations, " + dir,
		path + ":4: controls.w2: there is no file worlds/w2.yaml in the folder of configurations, " + dir,
		path + ":5: profile: there is no file profiles/spill.yaml in the folder of configurations, " + dir,
	}, "\n"))

	// A file elsewhere is read for the same folder.
	elsewhere := filepath.Join(t.TempDir(), "mine.yaml")
	require.NoError(t, os.WriteFile(elsewhere, []byte(edit(t, hypothesis, "controls: {w1: a_check}", "controls: {w2: a_check}")), 0o644))
	_, err = LoadHypothesis(folder, elsewhere)
	require.EqualError(t, err, elsewhere+":3: stacks.A: there is no file stackA.yaml in the folder of configurations, "+dir+"\n"+
		elsewhere+":4: controls.w2: there is no file worlds/w2.yaml in the folder of configurations, "+dir)
}

// A level of fio that has no job file is refused with those that have one.
func TestLoadHypothesisFio(t *testing.T) {
	swept := func(levels string) string {
		return edit(t, hypothesis, "conc: [1, 4]", "conc: [1, 4]\n  fio: "+levels)
	}
	dir, folder := folderOf(t, files{"gates.yaml": gates, "worlds/w1.yaml": "", "stackA.yaml": "",
		"hypotheses/h.yaml": swept("[none, hefty]")})
	path := filepath.Join(dir, "hypotheses", "h.yaml")
	_, err := LoadHypothesis(folder, path)
	require.EqualError(t, err, path+":14: sweep.fio[0]: there is no file fio/none.fio in the folder of configurations, "+dir+", where there is none\n"+
		path+":14: sweep.fio[1]: there is no file fio/hefty.fio in the folder of configurations, "+dir+", where there is none")
	require.NoError(t, os.Mkdir(filepath.Join(dir, "fio"), 0o755))
	for _, name := range []string{"none", "heavy"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "fio", name+".fio"), nil, 0o644))
	}
	_, err = LoadHypothesis(folder, path)
	require.EqualError(t, err, path+":14: sweep.fio[1]: there is no file fio/hefty.fio in the folder of configurations, "+dir+", where there are heavy, none")
	require.NoError(t, os.WriteFile(path, []byte(swept("[none, heavy]")), 0o644))
	h, err := LoadHypothesis(folder, path)
	require.NoError(t, err)
	assert.Equal(t, []string{"none", "heavy"}, h.Sweep.Fio)
	roundTrip(t, path, h, parseHypothesis)
}

// Windows of 1s and of 10s are windows, a sweep of the telemetry's cadence is read as durations, and both are
// saved with their units.
func TestWindowsAndCadence(t *testing.T) {
	for _, length := range []time.Duration{time.Second, 10 * time.Second} {
		text := edit(t, hypothesis, "gates:", "windows: {length: "+length.String()+", min_reads: 1000}\ngates:")
		h, err := parseHypothesis("h.yaml", []byte(edit(t, text, "conc: [1, 4]", "conc: [1, 4]\n  cadence: [100ms, 0.2s, 1m]")))
		require.NoError(t, err)
		assert.Equal(t, &Windows{Length: Duration(length), MinReads: 1000}, h.Windows)
		assert.Equal(t, []Duration{Duration(100 * time.Millisecond), Duration(200 * time.Millisecond), Duration(time.Minute)}, h.Sweep.Cadence)
		roundTrip(t, "h.yaml", h, parseHypothesis)
	}
	h, err := parseHypothesis("h.yaml", []byte(hypothesis))
	require.NoError(t, err)
	assert.Nil(t, h.Windows)
	assert.Empty(t, h.Sweep.Cadence)
}

// So is a world's.
func TestLoadWorldFio(t *testing.T) {
	dir, _ := folderOf(t, files{"worlds/w.yaml": "world: w\nnote: n\nload:\n  fio: none\n"})
	path := filepath.Join(dir, "worlds", "w.yaml")
	_, err := LoadWorld(path)
	require.EqualError(t, err, path+":4: load.fio: there is no file fio/none.fio in the folder of configurations, "+dir+", where there is none")
	require.NoError(t, os.Mkdir(filepath.Join(dir, "fio"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "fio", "none.fio"), nil, 0o644))
	w, err := LoadWorld(path)
	require.NoError(t, err)
	assert.Equal(t, &World{World: "w", Note: "n", Load: WorldLoad{Fio: "none"}}, w)
	roundTrip(t, path, w, parseWorld)

	// The folder above is found from inside the folder too.
	t.Chdir(filepath.Dir(path))
	_, err = LoadWorld("w.yaml")
	require.NoError(t, err)
}

func TestLoadWithoutFile(t *testing.T) {
	_, err := LoadStack(filepath.Join(t.TempDir(), "none.yaml"))
	require.ErrorIs(t, err, fs.ErrNotExist)
	var faults Faults
	assert.False(t, errors.As(err, &faults))
}

func TestDigest(t *testing.T) {
	digest := func(text string) string {
		t.Helper()
		s, err := parseStack("b.yaml", []byte(text))
		require.NoError(t, err)
		d, err := Digest(s)
		require.NoError(t, err)
		return d
	}
	base := digest(stackB)
	assert.Regexp(t, `^[0-9a-f]{64}$`, base)
	assert.Equal(t, base, digest("# a comment\n"+stackB), "comments")
	assert.Equal(t, base, digest(edit(t, stackB, "stack: B\nname: KVBM, three tiers\n", "name: 'KVBM, three tiers'\nstack: B\n")), "order and quotes")
	assert.Equal(t, base, digest(edit(t, stackB, "8GiB", "8192MiB")), "spelling of a size")
	assert.NotEqual(t, base, digest(edit(t, stackB, "8GiB", "8GB")), "another size")
	assert.NotEqual(t, base, digest(edit(t, stackB, "max_queued_requests: null", "max_queued_requests: 0")), "null is not zero")

	first, err := Digest("a", "bc")
	require.NoError(t, err)
	second, err := Digest("ab", "c")
	require.NoError(t, err)
	assert.NotEqual(t, first, second, "parts keep their borders")
	_, err = Digest(func() {})
	assert.Error(t, err)
}

package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"
)

// An overlay changes what it says and nothing else: mappings merge field by field, lists and scalars replace, and
// null takes away what need not be there.
func TestOverlay(t *testing.T) {
	f := files{
		"h.yaml": edit(t, edit(t, hypothesis, "controls: {w1: a_check}", "controls: {w1: a_check, w2: another}"),
			"gates:", "windows: {length: 10s, min_reads: 1000}\ngates:"),
		"short/h.yaml": `base: ../h.yaml
controls: {w2: null, w3: a_third}
sweep:
  conc: [8]
run: {duration: 60s}
windows: ~
thresholds: {shift: null, ratio: 3}
`,
		"short/shorter.yaml": "base: h.yaml\nrun: {duration: 30s, cadence: 1s}\n",
	}
	whole, err := parseFrom(f, "h.yaml", (*Hypothesis).check)
	require.NoError(t, err)
	require.NotNil(t, whole.Windows)
	want := *whole
	want.Controls = map[string]Shown{"w1": {"a_check"}, "w3": {"a_third"}}
	want.Sweep.Conc = []int{8}
	want.Run.Duration = Duration(time.Minute)
	want.Windows = nil
	want.Thresholds = map[string]float64{"ratio": 3, "share": 0}
	got, err := parseFrom(f, "short/h.yaml", (*Hypothesis).check)
	require.NoError(t, err)
	assert.Equal(t, &want, got)

	// A base may have a base.
	want.Run.Duration, want.Run.Cadence = Duration(30*time.Second), Duration(time.Second)
	got, err = parseFrom(f, "short/shorter.yaml", (*Hypothesis).check)
	require.NoError(t, err)
	assert.Equal(t, &want, got)

	// What is saved stands alone, and is the same configuration.
	roundTrip(t, "short/shorter.yaml", got, parseHypothesis)
}

// Null stays a value where null is one.
func TestOverlayNullQueueBound(t *testing.T) {
	f := files{"b.yaml": edit(t, stackB, "max_queued_requests: null", "max_queued_requests: 64"),
		"o.yaml": "base: b.yaml\nruntime: {max_queued_requests: null}\n"}
	s, err := parseFrom(f, "b.yaml", (*Stack).check)
	require.NoError(t, err)
	require.Equal(t, 64, *s.Runtime.MaxQueuedRequests)
	s, err = parseFrom(f, "o.yaml", (*Stack).check)
	require.NoError(t, err)
	assert.Nil(t, s.Runtime.MaxQueuedRequests)
}

// A list, a scalar or null hides all that is below it, also what a base of the base has.
func TestOverlayOverScalar(t *testing.T) {
	f := files{
		"a.yaml": "world: a\nnote: n\ntiers: {tier0_bytes: 1GiB, tier1_bytes: 2GiB}\n",
		"b.yaml": "base: a.yaml\ntiers: null\n",
		"c.yaml": "base: b.yaml\ntiers: {tier1_bytes: 3GiB}\n",
	}
	w, err := parseFrom(f, "c.yaml", (*World).check)
	require.NoError(t, err)
	assert.Nil(t, w.Tiers.Tier0Bytes)
	assert.EqualValues(t, 3<<30, *w.Tiers.Tier1Bytes)
}

// Merge keys and aliases belong to their own file.
func TestOverlayMergeKeys(t *testing.T) {
	f := files{
		"a.yaml": "world: a\nnote: n\ntiers: {tier0_bytes: 1GiB, tier1_bytes: 2GiB}\n",
		"o.yaml": "base: a.yaml\nworld: &name o\nnote: *name\ntiers:\n  <<: {tier1_bytes: 3GiB}\n  exclusive: true\n",
	}
	w, err := parseFrom(f, "o.yaml", (*World).check)
	require.NoError(t, err)
	assert.Equal(t, "o", w.Note)
	assert.EqualValues(t, 1<<30, *w.Tiers.Tier0Bytes)
	assert.EqualValues(t, 3<<30, *w.Tiers.Tier1Bytes)
	assert.True(t, w.Tiers.Exclusive)
}

// A fault points to the line of the file that holds it; the overlay's come first.
func TestOverlayFaults(t *testing.T) {
	for name, c := range map[string]struct {
		base    []string // edits of the good file: old, new
		overlay string
		want    []string
	}{
		"all at once": {[]string{"reps: 3", "repz: 3"}, "run: {seed: 0}\nsweep: {conc: [4, 1]}\nzebra: 1", []string{
			"o.yaml:2: run.seed: is zero, which would mean that it is not set",
			"o.yaml:3: sweep.conc[1]: levels must increase: 1 comes after 4",
			"o.yaml:4: zebra: unknown field",
			"h.yaml:14: run.reps: required field is missing",
			"h.yaml:15: run.repz: unknown field; did you mean reps?",
		}},
		"hidden by the overlay":       {[]string{"reps: 3", "reps: x"}, "run: {reps: 2}", nil},
		"the overlay breaks the base": {nil, "run: {duration: 400s}", []string{"h.yaml:18: run.max_duration: must be at least run.duration (6m40s), not 5m0s"}},
		"missing in the overlay":      {nil, "windows: {length: 5s}", []string{"o.yaml:2: windows.min_reads: required field is missing"}},
		"missing in the base":         {[]string{"model: L8B\n", ""}, "run: {reps: 2}", []string{"h.yaml:1: model: required field is missing"}},
		"twice in the overlay":        {nil, "run: {reps: 2, reps: 3}", []string{"o.yaml:2: run.reps: stands twice, first on line 2"}},
		"twice in the base":           {[]string{"reps: 3", "reps: 3\n  reps: 4"}, "run: {seed: 2}", []string{"h.yaml:16: run.reps: stands twice, first on line 15"}},
		"wrong kind":                  {nil, "run: 5", []string{"o.yaml:2: run: must be a mapping, not 5"}},
		"required taken away":         {nil, "run: {reps: null}\nsweep: null", []string{"o.yaml:2: run.reps: has no value", "o.yaml:3: sweep: has no value"}},
		"nothing to take away":        {nil, "controls: {w9: null}", []string{"o.yaml:2: controls.w9: has no value"}},
		"all taken away":              {nil, "controls: {w1: null}", []string{"o.yaml:2: controls: is empty"}},
		"parameters of another law": {nil, "load: {output_tokens: {dist: constant, value: 16}}", []string{
			"h.yaml:9: load.output_tokens.median: is no parameter of the constant distribution",
			"h.yaml:9: load.output_tokens.sigma: is no parameter of the constant distribution",
		}},
		"not YAML": {[]string{"model: L8B", "model: @"}, "run: {reps: 2}", []string{"h.yaml:2: is not YAML: found character that cannot start any token"}},
	} {
		t.Run(name, func(t *testing.T) {
			text := hypothesis
			for i := 0; i < len(c.base); i += 2 {
				text = edit(t, text, c.base[i], c.base[i+1])
			}
			_, err := parseFrom(files{"h.yaml": text, "o.yaml": "base: h.yaml\n" + c.overlay + "\n"}, "o.yaml", (*Hypothesis).check)
			if c.want == nil {
				require.NoError(t, err)
				return
			}
			require.EqualError(t, err, strings.Join(c.want, "\n"))
		})
	}
}

// A base that cannot be is one line.
func TestBaseFaults(t *testing.T) {
	const world = "world: w\nnote: n\n"
	for name, c := range map[string]struct {
		of   files
		want string
	}{
		"no such file":      {files{"d/w.yaml": "world: w\nbase: ../x.yaml\n"}, "d/w.yaml:2: base: there is no file x.yaml; a base is named relative to the file that names it"},
		"itself":            {files{"d/w.yaml": "base: ../d/w.yaml\nnote: n\n"}, "d/w.yaml:1: base: leads back to d/w.yaml; no file can be its own base"},
		"in a circle":       {files{"d/w.yaml": "base: ../a.yaml\n", "a.yaml": "# a\nbase: b.yaml\n", "b.yaml": "base: d/w.yaml\n"}, "b.yaml:1: base: leads back to d/w.yaml; no file can be its own base"},
		"circle further on": {files{"d/w.yaml": "base: ../a.yaml\n", "a.yaml": "base: b.yaml\n", "b.yaml": "base: ./a.yaml\n"}, "b.yaml:1: base: leads back to a.yaml; no file can be its own base"},
		"nothing":           {files{"d/w.yaml": world + "base:\n"}, "d/w.yaml:3: base: has no value; leave it out of a file that stands alone"},
		"empty":             {files{"d/w.yaml": world + "base: \"\"\n"}, "d/w.yaml:3: base: has no value; leave it out of a file that stands alone"},
		"a number":          {files{"d/w.yaml": world + "base: 5\n"}, "d/w.yaml:3: base: must be the path of a file, not 5"},
		"a list":            {files{"d/w.yaml": world + "base: [a.yaml]\n"}, "d/w.yaml:3: base: must be the path of a file, not a list"},
		"two lines":         {files{"d/w.yaml": "base: \"a\\nb\"\n"}, `d/w.yaml:1: base: "a\nb" is no path: it has characters that do not print`},
		"twice":             {files{"d/w.yaml": "base: a.yaml\n" + world + "base: b.yaml\n"}, "d/w.yaml:4: base: stands twice, first on line 1"},
		"merged":            {files{"d/w.yaml": world + "<<: {base: a.yaml}\n"}, "d/w.yaml:3: base: unknown field"},
		"not at the top":    {files{"d/w.yaml": world + "tiers: {base: a.yaml}\n"}, "d/w.yaml:3: tiers.base: unknown field"},
		"base broken":       {files{"d/w.yaml": "base: b.yaml\n", "d/b.yaml": ""}, "d/b.yaml:1: is empty"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parseFrom(c.of, "d/w.yaml", (*World).check)
			require.EqualError(t, err, c.want)
		})
	}
	// A folder is no file, on the disk too.
	dir := t.TempDir()
	path := filepath.Join(dir, "w.yaml")
	require.NoError(t, os.WriteFile(path, []byte("base: .\n"), 0o644))
	_, err := LoadProfile(path)
	require.ErrorContains(t, err, path+":1: base: cannot be read: ")
}

// An absolute base is taken as it is.
func TestBaseAbsolute(t *testing.T) {
	dir := t.TempDir()
	base := filepath.Join(dir, "p.yaml")
	require.NoError(t, os.WriteFile(base, []byte("profile: p\nnote: n\ntier0_bytes: 1GiB\ntier1_bytes: 1GiB\n"), 0o644))
	path := filepath.Join(t.TempDir(), "q.yaml")
	require.NoError(t, os.WriteFile(path, []byte("base: "+base+"\nprofile: q\ntier1_bytes: 2GiB\n"), 0o644))
	p, err := LoadProfile(path)
	require.NoError(t, err)
	assert.Equal(t, &Profile{Profile: "q", Note: "n", Tier0Bytes: 1 << 30, Tier1Bytes: 2 << 30}, p)
}

// A profile's tier 2 takes the place of the stack file's only where it is said.
func TestProfileTier2(t *testing.T) {
	of := func(line string) (*Profile, error) {
		path := filepath.Join(t.TempDir(), "p.yaml")
		require.NoError(t, os.WriteFile(path, []byte("profile: p\nnote: n\ntier0_bytes: 1GiB\ntier1_bytes: 1GiB\n"+line), 0o644))
		return LoadProfile(path)
	}
	p, err := of("tier2_bytes: 3GiB\n")
	require.NoError(t, err)
	assert.EqualValues(t, 3<<30, *p.Tier2Bytes)
	p, err = of("")
	require.NoError(t, err)
	assert.Nil(t, p.Tier2Bytes)
	_, err = of("tier2_bytes: 0GiB\n")
	require.ErrorContains(t, err, "tier2_bytes: must be above 0: leave it out for the stack file's")
}

// The short configurations say nothing that those below say already, and copy none of them.
func TestFixturesSayOnlyWhatDiffers(t *testing.T) {
	const fixtures = "../../fixtures/configs"
	read := func(path string) map[string]any {
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		var out map[string]any
		require.NoError(t, yaml.Unmarshal(data, &out), path)
		return out
	}
	n := 0
	for _, pattern := range []string{"*.yaml", "*/*.yaml"} {
		paths, err := filepath.Glob(filepath.Join(fixtures, pattern))
		require.NoError(t, err)
		for _, path := range paths {
			if filepath.Base(path) == folderFileName {
				continue
			}
			says := read(path)
			base, ok := says[baseField].(string)
			if !assert.True(t, ok, "%s is a whole file: name its base and leave out what is the same", path) {
				continue
			}
			delete(says, baseField)
			differs(t, path, says, read(filepath.Join(filepath.Dir(path), base)))
			n++
		}
	}
	assert.Equal(t, 15, n, "twelve hypotheses, the comparison of drives, two stacks")
}

func differs(t *testing.T, path string, over, below map[string]any) {
	t.Helper()
	for name, value := range over {
		was, ok := below[name]
		if deeper, is := value.(map[string]any); is {
			if inner, is := was.(map[string]any); is {
				differs(t, join(path, name), deeper, inner)
				continue
			}
		}
		assert.NotEqual(t, was, value, "%s: %s is what the base says", path, name)
		assert.True(t, ok || value != nil, "%s: %s takes away what the base does not have", path, name)
	}
}

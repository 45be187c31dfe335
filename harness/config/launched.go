package config

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// LaunchUnits are the bytes of the units in which servers count.
var LaunchUnits = map[string]int64{"B": 1, "MiB": 1 << 20, "GiB": 1 << 30, "MB": 1e6, "GB": 1e9}

// Launched are the settings with which the harness starts a server; what it does not take is zero.
type Launched struct {
	Model       string `yaml:"model"`      // as the server is given it: an id, or a folder
	StackFile   string `yaml:"stack_file"` // of the configurations
	MaxBatch    int    `yaml:"max_batch,omitempty"`
	MaxTokens   int    `yaml:"max_tokens,omitempty"`
	MaxLength   int    `yaml:"max_length,omitempty"`
	BlockTokens int    `yaml:"block_tokens,omitempty"`
	ChunkTokens int    `yaml:"chunk_tokens,omitempty"`
	KVPool      Size   `yaml:"kv_pool,omitempty"`
	Tier1       Size   `yaml:"tier1,omitempty"`
	Tier2       Size   `yaml:"tier2,omitempty"`
	Tier2Dir    string `yaml:"tier2_dir,omitempty"`
	Policy      string `yaml:"policy,omitempty"` // of tier 1
	KVDtype     string `yaml:"kv_dtype,omitempty"`
	// Adapters are the LoRA adapters that it is started for; nil: none.
	Adapters *LaunchedAdapters `yaml:"adapters,omitempty" json:",omitempty"`
	// TokenBytes are those of a token's KV, nil where the model is none of models/.
	TokenBytes *float64 `yaml:"token_bytes,omitempty"`
}

// NewLaunched are the settings of a stack file, as far as a launch takes them.
func NewLaunched(l *Launch, st *Stack) (*Launched, error) {
	out := &Launched{MaxBatch: st.Runtime.MaxBatchSize, MaxTokens: st.Runtime.MaxNumTokens, BlockTokens: st.Runtime.TokensPerBlock, KVPool: st.KVPool(), KVDtype: st.Runtime.KVDtype}
	if d := st.Dynamo; d != nil {
		out.Tier1, out.Tier2, out.Tier2Dir, out.Policy = d.Tiers.Tier1.CapacityBytes, d.Tiers.Tier2.CapacityBytes, d.Tiers.Tier2.Path, d.Tiers.Tier1.EvictionPolicy
	}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(launchSettings)) {
		s, declared := l.Settings[name]
		switch {
		case declared && s.Default != "" && out.text(name) == "":
			if err := out.set(name, s.Default); err != nil {
				errs = append(errs, fmt.Errorf("settings.%s.default: %w", name, err))
			}
		case !declared && slices.Contains([]string{"tier1", "tier2", "tier2_dir", "policy"}, name), // it has no such tier
			!declared && !l.Simulated && slices.Contains([]string{"kv_pool", "block_tokens"}, name): // nobody asks it for that
			errs = append(errs, out.set(name, ""))
		}
	}
	return out, errors.Join(errs...)
}

// text is a setting as a configuration spells it, "" where it has no value.
func (s *Launched) text(name string) string {
	count := func(n int) string {
		if n == 0 {
			return ""
		}
		return strconv.Itoa(n)
	}
	size := func(n Size) string {
		if n == 0 {
			return ""
		}
		return n.String()
	}
	switch name {
	case "max_batch":
		return count(s.MaxBatch)
	case "max_tokens":
		return count(s.MaxTokens)
	case "max_length":
		return count(s.MaxLength)
	case "block_tokens":
		return count(s.BlockTokens)
	case "chunk_tokens":
		return count(s.ChunkTokens)
	case "kv_pool":
		return size(s.KVPool)
	case "tier1":
		return size(s.Tier1)
	case "tier2":
		return size(s.Tier2)
	case "tier2_dir":
		return s.Tier2Dir
	case "policy":
		return s.Policy
	case "kv_dtype":
		return s.KVDtype
	}
	panic("config: no setting " + name)
}

// set is the inverse of text.
func (s *Launched) set(name, text string) (err error) {
	counts := map[string]*int{"max_batch": &s.MaxBatch, "max_tokens": &s.MaxTokens, "max_length": &s.MaxLength, "block_tokens": &s.BlockTokens, "chunk_tokens": &s.ChunkTokens}
	sizes := map[string]*Size{"kv_pool": &s.KVPool, "tier1": &s.Tier1, "tier2": &s.Tier2}
	words := map[string]*string{"tier2_dir": &s.Tier2Dir, "policy": &s.Policy, "kv_dtype": &s.KVDtype}
	switch {
	case counts[name] != nil && text == "":
		*counts[name] = 0
	case counts[name] != nil:
		*counts[name], err = strconv.Atoi(text)
	case sizes[name] != nil && text == "":
		*sizes[name] = 0
	case sizes[name] != nil:
		*sizes[name], err = ParseSize(text)
	default:
		*words[name] = text
	}
	return err
}

// Values are the settings that a launch takes as its server spells them, by name. One without a value is left out with its args
// and variables; a text that names it fails then.
func (s *Launched) Values(l *Launch) (map[string]string, error) {
	out := map[string]string{}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(l.Settings)) {
		text := s.text(name)
		if text == "" {
			continue
		}
		v, err := launchSettings[name].parse(l.Settings[name], text)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
			continue
		}
		out[name] = v
	}
	if s.Adapters != nil {
		maps.Copy(out, s.Adapters.values())
	}
	return out, errors.Join(errs...)
}

// parse is a setting as the server spells it. Bytes come exactly, as a decimal fraction where the server's unit does not divide
// them.
func (k settingKind) parse(s Setting, text string) (string, error) {
	switch k {
	case countSetting:
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > 1<<30 {
			return "", fmt.Errorf("%.40q is no number from 1", text)
		}
		return strconv.Itoa(n), nil
	case bytesSetting:
		size, err := ParseSize(text)
		if err != nil {
			return "", err
		}
		return strconv.FormatFloat(float64(size)/float64(LaunchUnits[s.Unit]), 'f', -1, 64), nil
	case wordSetting:
		if word, ok := s.Words[text]; ok {
			return word, nil
		}
		return "", fmt.Errorf("the server has no word for %s; it has those for %s", text, strings.Join(slices.Sorted(maps.Keys(s.Words)), ", "))
	default:
		return text, CheckLaunchPath(text)
	}
}

// CheckLaunchPath refuses a path that would mean something else in a mount, in JSON or in YAML.
func CheckLaunchPath(path string) error {
	for _, c := range path {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.ContainsRune("/._-+@", c):
		default:
			return fmt.Errorf("the path %.80q has a %q: letters, digits and / . _ - + @ mean the same everywhere", path, c)
		}
	}
	if !strings.HasPrefix(path, "/") {
		return fmt.Errorf("%.80q is no absolute path", path)
	}
	return nil
}

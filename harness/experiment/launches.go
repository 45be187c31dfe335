package experiment

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"sparkharness/harness/config"
)

// launchedStack is the stack that the harness starts a server as: the kind of server of its file, with the settings of the stack
// file that the hypothesis names.
func launchedStack(folder *config.Folder, name, file string, profile *config.Profile, hc *config.Hypothesis, o Choices) (*config.Stack, error) {
	kind, err := config.LoadServer(folder, o.Launches[name])
	if err != nil {
		return nil, fmt.Errorf("-launch: %w", err)
	}
	if kind.Launch == nil {
		return nil, fmt.Errorf("-launch %s=%s: servers/%s.yaml does not say how it is started (launch:); start it yourself and name its URL with -rig server", name, kind.Server, kind.Server)
	}
	planned, err := config.LoadStack(folder.Path(file))
	if err != nil {
		return nil, err
	}
	if planned.Stack != name {
		return nil, fmt.Errorf("stacks.%s names %s, which is stack %s", name, file, planned.Stack)
	}
	if profile != nil && planned.Dynamo != nil {
		planned.Dynamo.Tiers.Tier0.CapacityBytes, planned.Dynamo.Tiers.Tier1.CapacityBytes = profile.Tier0Bytes, profile.Tier1Bytes
	}
	settings, err := config.NewLaunched(kind.Launch, planned)
	if err != nil {
		return nil, fmt.Errorf("servers/%s.yaml: %w", kind.Server, err)
	}
	settings.StackFile = file
	if settings.Tier2Dir != "" && o.Dir != "" {
		settings.Tier2Dir = o.Dir
	}
	if a := hc.Load.Adapters; a != nil && kind.Launch.LoRA != nil {
		if settings.Adapters, err = config.NewLaunchedAdapters(a, planned); err != nil {
			return nil, err
		}
	}
	label, err := launchedModel(folder, cmp.Or(o.Model, hc.Model), settings)
	if err != nil {
		return nil, err
	}
	hc.Model = label
	st := &config.Stack{Stack: name, Name: kind.Note, Model: label, Engine: kind.Server, Server: kind, Launched: settings,
		Endpoint: config.Endpoint{API: kind.API}, Telemetry: config.Telemetry{Cadence: planned.Telemetry.Cadence, Device: cmp.Or(o.Device, o.Dir)}}
	st.Runtime.TokensPerBlock = settings.BlockTokens
	return st, nil
}

// launchedModel finds what a server is to be given of the model, and the bytes of its tokens' KV: of a file of models/, or of an
// id or a folder that a server finds by itself. label is its name in files.
func launchedModel(folder *config.Folder, model string, s *config.Launched) (label string, err error) {
	names := folder.Names("models", ".yaml")
	known, halved := slices.Contains(names, model), false // an id without its owner
	for _, name := range names {
		if !known {
			m, err := config.LoadModelFile(folder, name)
			halved = halved || err == nil && strings.HasSuffix(m.Served, "/"+model)
			if err == nil && m.Served == model {
				model, known = name, true
			}
		}
	}
	if !known {
		if strings.ContainsAny(model, " \t\r\n{}\"'\\,") || strings.HasPrefix(model, "-") {
			return "", fmt.Errorf("-model %.60q is no id and no folder of a model", model)
		}
		// Names of files are in capitals, and a server's own name, such as gpt2, hardly ever is.
		if !strings.Contains(model, "/") && (halved || strings.ToUpper(model) == model) {
			return "", fmt.Errorf("-model %s: there is no file models/%s.yaml (there are %s); an id is such as nvidia/Llama-3.1-8B-Instruct-FP8, and a folder has a /",
				model, model, strings.Join(names, ", "))
		}
		s.Model = model
		return plainName(model), nil
	}
	m, err := config.LoadModelFile(folder, model)
	if err != nil {
		return "", err
	}
	s.Model = m.Served
	bytes := float64(m.Shape.KVBytesPerToken)
	if s.KVDtype == "fp8" {
		bytes /= 2 // an element has one byte of the two
	}
	s.TokenBytes = &bytes
	return m.Model, nil
}

// plainName is the last part of an id or a path in letters that file names have.
func plainName(model string) string {
	name := strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("._-", c) {
			return c
		}
		return '-'
	}, model[strings.LastIndexByte(model, '/')+1:])
	return cmp.Or(strings.Trim(name, "."), "model")
}

// launches leaves out stacks that nothing was to be started for, where the hypothesis can do without; else it is a NoServerError.
func launches(h Demand, hc *config.Hypothesis, kinds map[string]string) error {
	var missing []string
	for _, name := range slices.Sorted(maps.Keys(hc.Stacks)) {
		if kinds[name] == "" {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 && (!h.EitherStack || len(missing) == len(hc.Stacks)) {
		return &NoServerError{h.ID, slices.Sorted(maps.Keys(hc.Stacks)), missing[0], true}
	}
	for _, name := range missing {
		delete(hc.Stacks, name)
	}
	return nil
}

package config

// Launch says how the harness starts a server by itself, learns from its log what it became, and stops it. Texts of commands,
// flags, mounts, variables and files may hold {name}: a setting, something of Given, or one of LaunchGiven. No shell reads them.
type Launch struct {
	// Note is what whoever starts it must know, in one line; it is printed at each start.
	Note string `yaml:"note,omitempty"`
	// Simulated says that no engine runs there but one of ours: what is measured is no hardware.
	Simulated bool `yaml:"simulated,omitempty"`
	// Container or Process is the part that has the engine in it: settings go there.
	Container *Container `yaml:"container,omitempty"`
	Process   *Process   `yaml:"process,omitempty"`
	// Beside are parts that the server cannot do without, by name, such as a frontend. All are started together.
	Beside map[string]Part `yaml:"beside,omitempty"`
	Port   int             `yaml:"port,omitempty"` // on loopback; absent: any that is free
	// Given are paths that this machine has its own of.
	Given map[string]Given `yaml:"given,omitempty"`
	// Files are written into {folder} before a start, by name.
	Files map[string]string `yaml:"files,omitempty"`
	// Settings are those of the harness's own that the server takes, by their name in LaunchSettings.
	Settings map[string]Setting `yaml:"settings,omitempty"`
	// LoRA is how it serves LoRA adapters; absent: it does not, as it is started.
	LoRA  *LoRA `yaml:"lora,omitempty" json:",omitempty"`
	Ready Ready `yaml:"ready"`
	Stop  Stop  `yaml:"stop"`
	// Log are lines to look for, by name.
	Log map[string]LogLine `yaml:"log,omitempty"`
}

// Part is a container or a process.
type Part struct {
	Container *Container `yaml:"container,omitempty"`
	Process   *Process   `yaml:"process,omitempty"`
}

// Container is run by docker run, in the foreground and removed when it ends.
type Container struct {
	Image   string            `yaml:"image"`             // with a tag other than latest, or a digest
	Flags   []string          `yaml:"flags,omitempty"`   // of docker run
	Mounts  []string          `yaml:"mounts,omitempty"`  // as docker's --volume takes them
	Env     map[string]string `yaml:"env,omitempty"`     // variables
	Secrets []string          `yaml:"secrets,omitempty"` // names of variables that are passed on where the harness has them, and never shown
	Command []string          `yaml:"command"`           // and its arguments
}

// Process is a program of this machine.
type Process struct {
	Command []string          `yaml:"command"` // and its arguments; the first is a path, or a name of PATH
	Env     map[string]string `yaml:"env,omitempty"`
	Secrets []string          `yaml:"secrets,omitempty"`
}

// Given is a path that is taken from a variable of the harness's environment.
type Given struct {
	Env     string `yaml:"env"`
	Default string `yaml:"default,omitempty"` // where the variable is not set; absent: it has to be
}

// Setting is how the server takes one of the harness's settings.
type Setting struct {
	// Unit is that in which the server counts a setting that is a number of bytes: B, MiB, GiB, MB or GB.
	Unit string `yaml:"unit,omitempty"`
	// Words are the server's for those of the harness, where the setting is a word.
	Words map[string]string `yaml:"words,omitempty"`
	// Default is taken where neither experiment nor stack file has a value.
	Default string `yaml:"default,omitempty" config:"verbatim"`
	// Args are appended to the engine's command, and Env are variables of it.
	Args []string          `yaml:"args,omitempty"`
	Env  map[string]string `yaml:"env,omitempty"`
}

// Ready is when a server counts as started: Path answers 200, a model is listed, and one token has come.
type Ready struct {
	Path  string   `yaml:"path"`
	Limit Duration `yaml:"limit"` // from its start; loading weights is part of it
}

// Stop is how it is ended: by a signal, and by SIGKILL after the grace.
type Stop struct {
	Signal string   `yaml:"signal"` // SIGTERM or SIGINT
	Grace  Duration `yaml:"grace"`
}

// LogLine is a line to look for in the log.
type LogLine struct {
	// Pattern is a regular expression (RE2). Its named groups are what is read back, by their name in LogReadings.
	Pattern string `yaml:"pattern"`
	Means   string `yaml:"means"` // one of LogMeanings
	Says    string `yaml:"says"`  // what it means, and what to do
}

// Meanings of lines.
const (
	LogFault      = "fault"      // what is measured would not be what was asked for: nothing is measured
	LogCorruption = "corruption" // answers may come of another prompt's KV: nothing is measured
	LogWarning    = "warning"    // is told
	LogReading    = "reading"    // tells a setting
)

// LogMeanings are all of them.
var LogMeanings = []string{LogFault, LogCorruption, LogWarning, LogReading}

// LogReadings are the names of groups: what a log may tell of a server, with the unit in which it does.
var LogReadings = []string{"connector", "kv_pool_B", "kv_pool_GiB", "kv_tokens", "kv_blocks", "policy",
	"tier1_B", "tier1_GiB", "tier1_GB", "tier1_blocks", "tier1_block_B", "tier2_B", "tier2_GiB", "tier2_GB", "tier2_blocks", "tier2_block_B"}

// LaunchGiven are the names that every launch has: the model as a server is given it, its file of models/, the address to
// listen on, the folder of its own Files, the folder of the checkout and that of the configurations, the user's home, the file
// of the stack.
var LaunchGiven = []string{"model", "model_name", "host", "port", "folder", "root", "configs", "home", "stack_file"}

// settingKind is what a setting is.
type settingKind int

const (
	countSetting settingKind = iota
	bytesSetting
	wordSetting
	pathSetting
)

// launchSettings are the harness's own settings.
var launchSettings = map[string]settingKind{
	"max_batch":    countSetting, // sequences that run at once
	"max_tokens":   countSetting, // token budget of an iteration
	"max_length":   countSetting, // tokens of a prompt and its answer
	"block_tokens": countSetting, // of a KV block
	"chunk_tokens": countSetting, // that are moved between tiers at once
	"kv_pool":      bytesSetting, // of the device
	"tier1":        bytesSetting, // host memory
	"tier2":        bytesSetting, // NVMe
	"tier2_dir":    pathSetting,  // folder on the NVMe
	"policy":       wordSetting,  // eviction policy of tier 1
	"kv_dtype":     wordSetting,  // fp16 or fp8
}

package config

import "gopkg.in/yaml.v3"

// World is configs/worlds/*.yaml: the physics of the simulated machine. The default world is calibrated
// to published measurements; every other one is the default with something removed or added.
type World struct {
	World   string `yaml:"world"`
	Note    string `yaml:"note"`              // what differs from the default, in one sentence
	Machine string `yaml:"machine,omitempty"` // a file of machines/; absent: dgx-spark
	Drive   string `yaml:"drive,omitempty"`   // a file of drives/ in place of the machine's own
	// SecondDrive is a file of drives/ in place of the one that a hypothesis compares with the machine's own.
	SecondDrive string     `yaml:"second_drive,omitempty" json:",omitempty"`
	Mechanisms  Mechanisms `yaml:"mechanisms,omitempty"`
	Load        WorldLoad  `yaml:"load,omitempty"`  // users and other programs of this world that are not those of the hypothesis
	Tiers       WorldTiers `yaml:"tiers,omitempty"` // memory that this world's machine gives the stack instead of what its file says
}

// UnmarshalYAML reads a world as a run saved it. Whoever judges the run needs to know which world it was and no more, so
// that fields of other versions of the simulated machine are passed over, and so is a field that means something else now.
// Files of worlds/ are read strictly, by LoadWorld.
func (w *World) UnmarshalYAML(n *yaml.Node) error {
	type fields World
	if err := n.Decode((*fields)(w)); err == nil {
		return nil
	}
	var name struct {
		World string `yaml:"world"`
		Note  string `yaml:"note"`
	}
	err := n.Decode(&name)
	*w = World{World: name.World, Note: name.Note}
	return err
}

// Mechanisms switches parts of the simulated machine. All are off in the default world.
type Mechanisms struct {
	UnlimitedSlots   bool `yaml:"unlimited_slots,omitempty"`   // any number of sequences runs at once
	UnlimitedCompute bool `yaml:"unlimited_compute,omitempty"` // a step costs the same whatever is in it
	KVSwapToNVMe     bool `yaml:"kv_swap_to_nvme,omitempty"`   // the engine admits beyond its KV pool and swaps sequences to NVMe

	LoRAPreloaded      bool `yaml:"lora_preloaded,omitempty"`       // the server reads every adapter when it starts
	IgnoreTierSettings bool `yaml:"ignore_tier_settings,omitempty"` // the KV manager runs with a host tier of its own choice, whatever it is told

	KVOnSecondDrive    bool     `yaml:"kv_on_second_drive,omitempty"`                      // the KV tier lies on a drive of its own, nvme1n1
	KVSystemDriveShare float64  `yaml:"kv_system_drive_share,omitempty" json:",omitempty"` // but for this share of prefixes
	AsyncKVLoader      bool     `yaml:"async_kv_loader,omitempty"`                         // no task sleeps on the I/O of the KV loader
	BlockingFetch      bool     `yaml:"blocking_fetch,omitempty"`                          // each request sleeps in I/O until its tier-2 blocks are there
	BufferedKVTier     bool     `yaml:"buffered_kv_tier,omitempty"`                        // the NVMe tier reads and writes through the page cache
	ScrapeStall        Duration `yaml:"scrape_stall,omitempty"`                            // each metrics page of a server holds the engine for that long

	PagedWeightsBytes Size `yaml:"paged_weights_bytes,omitempty"` // each iteration reads so much of the weights from the NVMe

	TierNeverFires bool `yaml:"tier_never_fires,omitempty" json:",omitempty"` // the NVMe tier takes writes, and no lookup finds anything there
	PhantomHits    bool `yaml:"phantom_hits,omitempty" json:",omitempty"`     // loads from the NVMe tier are counted, and nothing is read from the drive
	WrongKV        bool `yaml:"wrong_kv,omitempty" json:",omitempty"`         // loads from the NVMe tier leave another prompt's KV

	WriteOnlySpill  bool             `yaml:"write_only_spill,omitempty" json:",omitempty"`  // KV of sequences that end goes to the NVMe and never comes back
	RequestLogBytes Size             `yaml:"request_log_bytes,omitempty" json:",omitempty"` // the server appends them to a log when a request ends
	Bursts          *Bursts          `yaml:"bursts,omitempty" json:",omitempty"`            // the server moves bytes at once, and then nothing
	PolicyInverted  bool             `yaml:"policy_inverted,omitempty" json:",omitempty"`   // the host tier evicts what its policy should keep
	ThermalSlowdown *ThermalSlowdown `yaml:"thermal_slowdown,omitempty" json:",omitempty"`  // the GPU's clock falls while it is busy
	CronReads       *CronVisits      `yaml:"cron_reads,omitempty" json:",omitempty"`        // another program reads the system's drive now and then
	CronWrites      *CronVisits      `yaml:"cron_writes,omitempty" json:",omitempty"`       // another program writes to it now and then
	PowerSave       *PowerSave       `yaml:"power_save,omitempty" json:",omitempty"`        // an idle drive falls asleep
	CarryOver       *CarryOver       `yaml:"carry_over,omitempty" json:",omitempty"`        // the drive stays slow after a cell with writes beside it
	CountersFrozen  bool             `yaml:"counters_frozen,omitempty" json:",omitempty"`   // /proc/diskstats does not move
	IOStatsOff      bool             `yaml:"iostats_off,omitempty" json:",omitempty"`       // nor does it here, and queue/iostats says so: 0
	CountersReset   Duration         `yaml:"counters_reset,omitempty" json:",omitempty"`    // /proc/diskstats begins at zero again so long after the machine's start
	PageHangs       Duration         `yaml:"page_hangs,omitempty" json:",omitempty"`        // the KV manager's page gives out from then on what it held so long after the machine's start

	PromptFilter Duration     `yaml:"prompt_filter,omitempty" json:",omitempty"` // something before the server looks at each prompt first, so long in the mean
	IndexSearch  Size         `yaml:"index_search,omitempty" json:",omitempty"`  // the server searches an index on the drive for each prompt, and reads so much of it in the mean
	PinnedLimit  *PinnedLimit `yaml:"pinned_limit,omitempty" json:",omitempty"`  // a host tier that cannot be pinned is smaller than its manager says
	SmallPages   float64      `yaml:"small_pages,omitempty" json:",omitempty"`   // a GPU whose memory came in small pages takes that many times as long
	CPUSleep     *CPUSleep    `yaml:"cpu_sleep,omitempty" json:",omitempty"`     // idle CPUs take time to wake for what the loader waits for
}

// WorldLoad overrides what the users do, and what other programs do.
type WorldLoad struct {
	Popularity *Popularity `yaml:"popularity,omitempty"`
	Fio        string      `yaml:"fio,omitempty"` // the only level of a sweep over fio, whatever the hypothesis lists
}

// WorldTiers overrides tier capacities; null keeps the stack's own.
type WorldTiers struct {
	Tier0Bytes *Size `yaml:"tier0_bytes,omitempty"` // also Stack A's KV pool
	Tier1Bytes *Size `yaml:"tier1_bytes,omitempty"`
	Exclusive  bool  `yaml:"exclusive,omitempty"` // a block lives in one tier, whatever the stack says
}

// Profile is configs/profiles/*.yaml: a KV budget for Stack B.
type Profile struct {
	Profile    string `yaml:"profile"`
	Note       string `yaml:"note"`
	Tier0Bytes Size   `yaml:"tier0_bytes"`
	Tier1Bytes Size   `yaml:"tier1_bytes"`
	Tier2Bytes *Size  `yaml:"tier2_bytes,omitempty"` // absent: the stack file's
}

// Reduce gives the stack the memory that the world's machine has instead of what its file says. It
// changes the configuration itself, so that what is saved with a run is what it ran with.
func (w *World) Reduce(st *Stack) {
	if b := w.Tiers.Tier0Bytes; b != nil {
		if st.Dynamo != nil {
			st.Dynamo.Tiers.Tier0.CapacityBytes = *b
		} else {
			st.Runtime.KVPoolBytes = *b
		}
	}
	if b := w.Tiers.Tier1Bytes; b != nil && st.Dynamo != nil {
		st.Dynamo.Tiers.Tier1.CapacityBytes = *b
	}
	if w.Tiers.Exclusive && st.Dynamo != nil {
		st.Dynamo.ExclusiveTiers = true
	}
}

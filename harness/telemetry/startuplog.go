package telemetry

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// TierLog is what the servers' start-up log tells about the KV cache's tiers. A tier that it does not
// mention is nil.
type TierLog struct {
	Device, Host, Disk *TierLine
}

// TierLine is one tier's line.
type TierLine struct {
	Blocks       float64  // capacity
	BlockBytes   float64  // of one block over all layers
	Policy       string   // of eviction, "" if the line has none
	MinFrequency *float64 // how often a block must have been used to be offloaded here; nil if the line has none
}

// StartupLog reads the lines of the tiers,
//
//	trtllm: tier=device blocks=819 bytes_per_block=10485760 eviction_policy=LRU
//	kvbm: tier=host blocks=2457 bytes_per_block=10485760 eviction_policy=LRU
//	kvbm: tier=disk blocks=52428 bytes_per_block=10485760 eviction_policy=LRU offload_min_frequency=2
//
// wherever they stand in a log: other lines, what a logger puts in front, fields that are not known and
// tiers of other names are passed over. A line is a tier's if it gives the tier's blocks.
//
// A server that is started again logs its tiers again. The newest block of lines counts alone, and a tier
// that comes a second time begins a new one, so that a tier which was turned off is not kept.
//
// The numbers are whole, below 2^53. One that is missing or malformed is an error with the line's number.
func StartupLog(text string) (TierLog, error) {
	var log TierLog
	n := 0
	for line := range strings.Lines(text) {
		n++
		name, fields := tierFields(line)
		tier := log.tier(name)
		if tier == nil {
			continue
		}
		t, err := parseTier(fields)
		if err != nil {
			return TierLog{}, fmt.Errorf("start-up log, line %d, tier %s: %w", n, name, err)
		}
		if *tier != nil {
			log = TierLog{}
		}
		*tier = t
	}
	return log, nil
}

// tier is where the tier of that name goes, nil if no tier has it.
func (l *TierLog) tier(name string) **TierLine {
	switch name {
	case "device":
		return &l.Device
	case "host":
		return &l.Host
	case "disk":
		return &l.Disk
	}
	return nil
}

// tierFields are the words after "kvbm: tier=<name>" or "trtllm: tier=<name>", if one of them gives the
// blocks. Otherwise name is "".
func tierFields(line string) (name string, fields []string) {
	if !strings.Contains(line, "tier=") { // nearly every line of a long log
		return "", nil
	}
	words := strings.Fields(line)
	for i := range words[:len(words)-1] {
		name, ok := strings.CutPrefix(words[i+1], "tier=")
		if !ok || words[i] != "kvbm:" && words[i] != "trtllm:" {
			continue
		}
		for _, w := range words[i+2:] {
			if strings.HasPrefix(w, "blocks=") {
				return name, words[i+2:]
			}
		}
	}
	return "", nil
}

func parseTier(fields []string) (*TierLine, error) {
	var t TierLine
	var blocks, size *float64
	for _, f := range fields {
		key, value, _ := strings.Cut(f, "=")
		var err error
		switch key {
		case "blocks":
			blocks, err = whole(key, value)
		case "bytes_per_block":
			size, err = whole(key, value)
		case "eviction_policy":
			t.Policy = value
		case "offload_min_frequency":
			t.MinFrequency, err = whole(key, value)
		}
		if err != nil {
			return nil, err
		}
	}
	if size == nil || *size == 0 {
		return nil, errors.New("no bytes_per_block; is the line cut? read the log again when the server is up")
	}
	t.Blocks, t.BlockBytes = *blocks, *size
	return &t, nil
}

// whole parses a number that a float64 holds exactly.
func whole(key, value string) (*float64, error) {
	v, err := strconv.ParseUint(value, 10, 53)
	if err != nil {
		return nil, fmt.Errorf("%s=%.20q is no whole number below 2^53", key, value)
	}
	return new(float64(v)), nil
}

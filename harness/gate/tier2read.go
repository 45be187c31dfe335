package gate

import (
	"fmt"

	"sparkharness/harness/evidence"
	"sparkharness/harness/record"
)

// Tier2Claim is what a claim needs of tier 2.
type Tier2Claim int

// What a claim may need.
const (
	Tier2Free     Tier2Claim = iota // nothing, or nothing here: its rule asks itself
	Tier2Read                       // bytes are read from it where prefixes exceed the RAM tiers
	Tier2OnDevice                   // and they are read from the block device that is watched
)

const (
	// leastKVRead is from how many bytes on that the KV manager says it read the device's own are compared with them.
	leastKVRead = 1e9
	// leastOfKV is the share of those bytes that the device must have read. Less is no error of accounting, such as a fetch
	// across an edge of the phase or pages that the kernel still had: it is another source.
	leastOfKV = 0.1
)

// Tier2Reads asks whether tier 2 fired: where the prefixes that are asked for again exceed the device and host tiers, bytes
// were read from tier 2, and, if the claim needs that, from the block device, too. Where no level exceeds them nothing has
// to be read; that is said, and decides nothing. ok is false for a claim that needs none of it.
func Tier2Reads(ev *evidence.Evidence, claim Claim) (g Gate, ok bool) {
	const name = "tier_2_reads"
	if claim.Tier2 == Tier2Free {
		return Gate{}, false
	}
	fullest, least := worst{}, worst{}
	phantom := ""
	for _, group := range ev.Groups() {
		kv := ev.KV(group)
		if kv == nil {
			continue
		}
		prefixes, ram, key := ev.PrefixBytes(group), ev.RAMTierBytes(group), group.Cell.String()
		fullest.high(prefixes/ram, fmt.Sprintf("%.2f GiB of prefixes against %.2f GiB (%s)", gib(prefixes), gib(ram), key))
		if prefixes <= ram {
			continue
		}
		switch {
		case kv.Tier2Bytes == nil:
			return Fail(name, Invalid, "not_reported", key+": the KV manager does not tell what it read from tier 2"), true
		case *kv.Tier2Bytes == 0:
			return Fail(name, Invalid, "never_read", fmt.Sprintf("%s: %.1f GB were written to tier 2 and nothing was read from it, "+
				"though %.2f GiB of prefixes were asked for again and the device and host tiers hold %.2f GiB: lookups find nothing there, "+
				"or nothing was evicted; a flood of more than %.2f GiB between two uses of a prefix evicts it from both",
				key, record.OrZero(group.Tier2Written())/1e9, gib(prefixes), gib(ram), gib(ram))), true
		}
		least.high(-*kv.Tier2Bytes/1e9, key)
		if p := deviceLacks(ev, group); p != "" && phantom == "" {
			phantom = p
		}
	}
	switch {
	case !fullest.seen:
		return Fail(name, Invalid, "no_tiers", "no cell has a KV manager"), true
	case phantom != "" && claim.Tier2 == Tier2OnDevice:
		return Fail(name, Invalid, "phantom_hits", phantom), true
	case phantom != "":
		return Grade(name, false, phantom), true
	case !least.seen:
		return Grade(name, false, "no level's prefixes exceed the device and host tiers, so nothing has to be read from tier 2: at most "+
			fullest.where+"; a larger flood would evict"), true
	}
	return Pass(name, fmt.Sprintf("at least %.1f GB read where prefixes exceed the device and host tiers (least: %s; at most %s)",
		-least.value, least.where, fullest.where)), true
}

// deviceLacks says that a group's device did not read what the KV manager says was read from tier 2; "" if it did.
func deviceLacks(ev *evidence.Evidence, g *evidence.Group) string {
	for _, a := range ev.Accounts([]*evidence.Group{g}) {
		if a.Direction != "read" || a.KVGB == nil || *a.KVGB < leastKVRead/1e9 {
			continue
		}
		if own := a.DeviceGB - a.IdleGB - record.OrZero(a.FioGB) - record.OrZero(a.ProbeGB); own < leastOfKV**a.KVGB {
			return fmt.Sprintf("%s: the KV manager counts %.1f GB as read from tier 2, and the device read %.1f GB "+
				"beyond what it reads when idle and for others: hits that no read stands behind, or another device",
				a.Cell, *a.KVGB, max(0, own))
		}
	}
	return ""
}

func gib(bytes float64) float64 { return bytes / (1 << 30) }

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
	// A server that counts hits and no bytes has read at least leastOfHit for each: a token of the smallest models has a kilobyte of
	// KV, and a hit is one token or more. Of fewer than leastHits that is less than what an idle drive's traffic varies by.
	leastOfHit = 512
	leastHits  = 1e4
	// leastOfKV is the share of those bytes that the device must have read. Less is no error of accounting, such as a fetch
	// across an edge of the phase or pages that the kernel still had: it is another source.
	leastOfKV = 0.1
)

// Tier2Reads asks whether tier 2 fired: where the prefixes that are asked for again exceed the device and host tiers, bytes
// were read from tier 2, and, if the claim needs that, from the block device, too. Where no level exceeds them nothing has
// to be read; that is said, and decides nothing. Of servers that were started by somebody else nobody knows what their tiers
// hold, so that only the device is asked. ok is false for a claim that needs none of it.
func Tier2Reads(ev *evidence.Evidence, claim Claim) (g Gate, ok bool) {
	const name = "tier_2_reads"
	if claim.Tier2 == Tier2Free {
		return Gate{}, false
	}
	fullest, least := worst{}, worst{}
	phantom := ""
	unsized := &unsized{}
	for _, group := range ev.Groups() {
		kv := ev.KV(group)
		if kv == nil {
			continue
		}
		if p := deviceLacks(ev, group); p != "" && phantom == "" {
			phantom = p
		}
		if group.Cells[0].Info.Settings.Unasked {
			unsized.add(group)
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
	}
	switch {
	case !fullest.seen && unsized.groups == 0:
		return Fail(name, Invalid, "no_tiers", "no cell has a KV manager"), true
	case phantom != "" && claim.Tier2 == Tier2OnDevice:
		return Fail(name, Invalid, "phantom_hits", phantom), true
	case phantom != "":
		return Grade(name, false, phantom), true
	case unsized.groups > 0:
		return unsized.gate(name), true
	case !least.seen:
		return Grade(name, false, "no level's prefixes exceed the device and host tiers, so nothing has to be read from tier 2: at most "+
			fullest.where+"; a larger flood would evict"), true
	}
	return Pass(name, fmt.Sprintf("at least %.1f GB read where prefixes exceed the device and host tiers (least: %s; at most %s)",
		-least.value, least.where, fullest.where)), true
}

// unsized are groups whose servers tell neither what a block holds nor what their tiers do.
type unsized struct {
	groups, told int
	bytes, hits  float64 // of tier 2, where they are told
}

func (u *unsized) add(g *evidence.Group) {
	u.groups++
	told := false
	for _, c := range g.Cells {
		if c.KV == nil {
			continue
		}
		told = told || c.KV.Tier2BytesOut != nil || c.KV.Tier2Hits != nil
		u.bytes += record.OrZero(c.KV.Tier2BytesOut)
		u.hits += record.OrZero(c.KV.Tier2Hits)
	}
	if told {
		u.told++
	}
}

func (u *unsized) gate(name string) Gate {
	const unknown = "whether prefixes exceed the tiers of servers that somebody else started is not known"
	switch {
	case u.told < u.groups:
		return Fail(name, Invalid, "not_reported", fmt.Sprintf("in %d of %d groups the server tells neither bytes nor hits of tier 2", u.groups-u.told, u.groups))
	case u.bytes == 0 && u.hits == 0:
		return Grade(name, false, "nothing was read from tier 2; "+unknown)
	case u.bytes == 0:
		return Pass(name, fmt.Sprintf("%.0f hits of tier 2, of which no bytes are told; %s", u.hits, unknown))
	}
	return Pass(name, fmt.Sprintf("%.1f GB read from tier 2; %s", u.bytes/1e9, unknown))
}

// deviceLacks says that a group's device did not read what the KV manager says was read from tier 2; "" if it did.
func deviceLacks(ev *evidence.Evidence, g *evidence.Group) string {
	for _, a := range ev.Accounts([]*evidence.Group{g}) {
		if a.Direction != "read" {
			continue
		}
		own := a.DeviceGB - a.IdleGB - record.OrZero(a.FioGB) - record.OrZero(a.ProbeGB)
		counted, least := "", 0.0
		switch hits := tier2Hits(g); {
		case a.KVGB != nil && *a.KVGB >= leastKVRead/1e9:
			counted, least = fmt.Sprintf("%.1f GB as read from tier 2", *a.KVGB), leastOfKV**a.KVGB
		case a.KVGB == nil && hits != nil && *hits >= leastHits:
			counted, least = fmt.Sprintf("%.0f hits of tier 2", *hits), leastOfHit**hits/1e9
		default:
			continue
		}
		if own < least {
			return fmt.Sprintf("%s: the KV manager counts %s, and the device read %s beyond what it reads when idle and for others: %s",
				a.Cell, counted, amount(max(0, own)), elsewhere(g, a.DeviceGB, least))
		}
	}
	return ""
}

// amount is in GB, of less than a tenth of one in MB.
func amount(gb float64) string {
	if gb > 0 && gb < 0.1 {
		return fmt.Sprintf("%.1f MB", gb*1e3)
	}
	return fmt.Sprintf("%.1f GB", gb)
}

// elsewhere says where the hits may have come from, as far as the server's own processes tell, and the device of all that it read.
func elsewhere(g *evidence.Group, deviceGB, leastGB float64) string {
	read := 0.0
	for _, c := range g.Cells {
		if c.Sys.Measure.ServerRead.Seconds == 0 {
			return "hits that no read stands behind, or another device"
		}
		read += c.Sys.Measure.ServerRead.Bytes / 1e9
	}
	if read >= leastGB && deviceGB >= read {
		return fmt.Sprintf("the server's own processes read %s from storage and the device %s in all: others read less during the load than before it, "+
			"or that is another device", amount(read), amount(deviceGB))
	}
	if read >= leastGB {
		return fmt.Sprintf("the server's own processes read %s from storage, which is another device", amount(read))
	}
	return fmt.Sprintf("the server's own processes read %s from any storage: hits that no read stands behind, or that the page cache answered", amount(read))
}

// tier2Hits is what the group's servers count as found in tier 2; nil if one does not tell.
func tier2Hits(g *evidence.Group) *float64 {
	sum := new(float64)
	for _, c := range g.Cells {
		if c.KV == nil {
			return nil
		}
		sum = record.SumIfAll(sum, c.KV.Tier2Hits)
	}
	return sum
}

func gib(bytes float64) float64 { return bytes / (1 << 30) }

package sim

// Exclusive tiers: a block lives in one tier. It enters on the device; what the device evicts goes to
// the host tier, what the host tier evicts goes to the NVMe; and when a prompt has been computed its
// blocks are on the device and nowhere else.
//
// What follows from it, compared with inclusive tiers:
//   - the tiers' capacities add up, instead of the biggest being all there is;
//   - a byte goes down only if the tier above had to evict. Write-through writes each block that passes
//     the filter once, even if nothing is ever evicted;
//   - a hit below takes the block away, so that the host and NVMe tiers see no second use: their LRU is
//     close to FIFO and their frequencies stay at 1;
//   - a sighting for the frequency filter is, as in inclusive tiers, a prompt that has the block. One
//     that was seen too rarely when the host tier evicts it is lost;
//   - a block on its way to the NVMe is in no tier, and a prompt that asks for it computes it again.
//
// A block that a request loads stays where it is until the prompt has been computed, so that another
// request may load it too. Its place below may be given away meanwhile: the copy counts as made.

// exclude makes the tiers exclusive.
func (k *kvManager) exclude() {
	k.exclusive = true
	k.device.demote = func(b *block) { k.toHost(b.hash, b.content) }
	if k.disk != nil {
		k.host.demote = func(b *block) {
			k.demoted = append(k.demoted, b.hash)
			k.keepContent(b.hash, b.content)
		}
	}
}

// promoted is called for a block that has come onto the device: it leaves the tiers below.
func (k *kvManager) promoted(hash uint64) {
	k.host.drop(hash)
	if k.disk != nil {
		k.disk.drop(hash)
	}
}

// toWrite returns the blocks that the host tier has evicted since the last call and that the filter lets
// pass; they have to be written to the NVMe.
func (k *kvManager) toWrite(now int64) []StoredBlock {
	var write []StoredBlock
	for _, h := range k.demoted {
		if k.filter.passes(h, now) && !k.writing[h] {
			write = append(write, k.write(h))
		}
	}
	k.demoted = k.demoted[:0]
	return write
}

package sim

// vLLM's SimpleCPUOffloadConnector with its disk backend (manager disk): there is no host tier. One file of as many
// slots as the capacity has blocks, allocated at the start; LRU over the slots; a thread for loads and a thread for
// stores, each with one O_DIRECT call for a block in flight and a pinned buffer of a few blocks, so that the DMA between
// buffer and device runs beside the call for the next block (vllm/v1/simple_kv_offload/disk_backend.py). A slot that is
// being read or written is not given away.
//
// Assumed: a store takes no time on the device; one that finds no slot is dropped.

// storeDirect returns the blocks of a prompt that have to be written, each into a slot that was free or has been freed
// for it. The end goes first, so that within a prompt it is also evicted first.
func (k *kvManager) storeDirect(s *sequence) []StoredBlock {
	var write []StoredBlock
	for i := len(s.hashes) - 1; i >= 0; i-- {
		h := s.hashes[i]
		switch {
		case k.disk.has(h):
			k.disk.use(h)
		case k.writing[h]:
		case len(k.disk.blocks)+len(k.writing) < k.disk.capacity || k.disk.evict(1):
			write = append(write, k.write(h))
		default:
			k.offload.StoresDropped++
		}
	}
	if len(write) > 0 {
		k.offload.PendingStores++
	}
	return write
}

// unpin gives the blocks of a load back to the LRU.
func (k *kvManager) unpin(blocks []StoredBlock) {
	if !k.direct {
		return
	}
	for i := len(blocks) - 1; i >= 0; i-- {
		k.disk.unpin(blocks[i].Key)
	}
}

// buffered is how many blocks are still to be copied when the last of a load has been read: with a single buffer slot no
// copy runs beside a read, else only that of the last block has not.
func (k *kvManager) buffered(blocks int) int {
	if k.buffer == 1 {
		return blocks
	}
	return 1
}

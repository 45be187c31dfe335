package sim

// PinSpec is what may be pinned of the memory (mechanism PinnedLimit): a limit of locked memory, or of what the GPU can map. A
// host tier larger than Most cannot be pinned. Its manager goes on with a pool of Instead, and neither its log nor its page
// says so: both tell what was configured. The tier's memory is allocated, and of no use. Zero: everything can be pinned.
type PinSpec struct{ Most, Instead int64 }

// pinned makes of a host tier what can be pinned of it.
func (k *kvManager) pinned(s PinSpec) {
	if k.host == nil || s.Most == 0 || int64(k.host.capacity)*k.blockBytes <= s.Most {
		return
	}
	k.host.told, k.host.capacity = k.host.capacity, int(s.Instead/k.blockBytes)
}

package diskrig

import (
	"errors"
	"fmt"
	"math/bits"
	"syscall"

	"sparkharness/harness/sim"
)

// lay divides the transfer into its units, and says how one is moved. No I/O of the drive crosses a block or a chunk: with
// blocks smaller than an I/O of the stream there are more of them than the stream would have, each with its software time.
func (t *transfer) lay() error {
	s, io := t.s, t.io
	t.step = whole(io.Stream.IOBytes)
	missing := func(what string) error {
		return fmt.Errorf("the storage has no %s: open it with the options of this machine", what)
	}
	switch io.Area {
	case sim.AreaKV:
		if s.chunks != nil {
			return s.chunks.lay(t)
		}
		if s.kv == nil {
			return missing("KV tier")
		}
		t.slots(s.kv)
	case sim.AreaSwap:
		if s.swap == nil {
			return missing("file for swapped sequences")
		}
		t.slots(s.swap)
	case sim.AreaAdapters:
		if s.adapters[io.Name] == nil {
			return missing("adapter " + io.Name)
		}
		t.stream(s.adapters[io.Name], inOrder(0))
	case sim.AreaWeights:
		if s.weights == nil {
			return missing("weights")
		}
		t.stream(s.weights, inOrder(0))
	case sim.AreaSpill:
		if s.spill == nil {
			return missing("file for KV that nobody reads")
		}
		t.stream(s.spill, inOrder(s.spill.written.Add(io.Bytes)-io.Bytes))
	case sim.AreaOther:
		if s.other == nil {
			return missing("other file")
		}
		t.stream(s.other, anywhere(s.content.nonce^uint64(io.ID), io.Stream.IOBytes))
	default:
		return missing(fmt.Sprintf("area %d", io.Area))
	}
	return nil
}

// slots are the blocks of the transfer in a file of slots.
func (t *transfer) slots(a *slotFile) {
	t.step = min(t.step, a.stride)
	parts := int((a.stride + t.step - 1) / t.step)
	t.units = parts * len(t.io.Blocks)
	t.move = func(w *worker, unit int) error {
		b, from := t.io.Blocks[unit/parts], int64(unit%parts)*t.step
		if t.io.Write() {
			if err := a.extend(b.Slot); err != nil {
				return err
			}
		}
		id := identity{area: uint32(t.io.Area), key: b.Key, first: uint32(from / page)}
		return w.one(a.f, int64(b.Slot)*a.stride+from, min(t.step, a.stride-from), id)
	}
}

// stream are the bytes of the transfer in a file. The place of each I/O is counted in I/Os; behind the file's end is its start.
func (t *transfer) stream(st *stream, place func(unit uint64, step int64) uint64) {
	t.step = min(t.step, st.size)
	t.units = int((t.io.Bytes + t.step - 1) / t.step)
	places := uint64((st.size + t.step - 1) / t.step)
	t.move = func(w *worker, unit int) error {
		at := int64(place(uint64(unit), t.step)%places) * t.step
		id := st.id
		id.first = uint32(at / page)
		return w.one(st.f, at, min(t.step, st.size-at, whole(t.io.Bytes-int64(unit)*t.step)), id)
	}
}

// inOrder is one I/O behind the other, from a byte on.
func inOrder(from int64) func(unit uint64, step int64) uint64 {
	return func(unit uint64, step int64) uint64 { return uint64(from/step) + unit }
}

// anywhere is a burst from anywhere on, or a search, whose reads of a page are each anywhere.
func anywhere(seed uint64, ioBytes int64) func(unit uint64, step int64) uint64 {
	return func(unit uint64, _ int64) uint64 {
		if ioBytes <= page {
			return scattered(seed + unit)
		}
		return scattered(seed)>>1 + unit
	}
}

// scattered maps a number to another: the first product of wyhash (Wang Yi).
func scattered(x uint64) uint64 {
	hi, lo := bits.Mul64(x^0xa0761d6478bd642f, x^0xe7037ed1a0b428db)
	return hi ^ lo
}

// isFull says that there is no space.
func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

package sim

// nvmeHeap is a binary heap on the event time. Equal times come out in an order that depends only on
// the pushes and pops before, so runs repeat.
type nvmeHeap []nvmeEvent

func (h *nvmeHeap) push(e nvmeEvent) {
	*h = append(*h, e)
	q := *h
	i := len(q) - 1
	for i > 0 {
		parent := (i - 1) / 2
		if q[parent].at <= e.at {
			break
		}
		q[i] = q[parent]
		i = parent
	}
	q[i] = e
}

func (h *nvmeHeap) pop() nvmeEvent {
	q := *h
	top := q[0]
	last := q[len(q)-1]
	q = q[:len(q)-1]
	*h = q
	i := 0
	for {
		child := 2*i + 1
		if child >= len(q) {
			break
		}
		if child+1 < len(q) && q[child+1].at < q[child].at {
			child++
		}
		if last.at <= q[child].at {
			break
		}
		q[i] = q[child]
		i = child
	}
	if len(q) > 0 {
		q[i] = last
	}
	return top
}

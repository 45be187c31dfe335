package sim

import (
	"cmp"
	"slices"
)

// copies are the copies inside the one memory that are under way: out of the host tier, out of the page cache, of an
// adapter to the device. Each first takes a CPU for a while, at a rate of its own, and then moves its bytes. The second
// parts share the machine's copy rate equally, because they all go through the same memory.
type copies struct {
	bytesPerSec float64 // of all second parts together
	cpuPerSec   float64 // of each first part, which copies too
	list        []job   // by the time of their end
	atNS        int64   // up to which work has been taken off
	copied      float64 // bytes of second parts until then
	cpuNS       float64 // CPU time of first parts until then
}

// add starts a copy that takes a CPU for cpuNS and then moves bytes.
func (c *copies) add(j job, cpuNS float64, bytes int64, now int64) {
	c.until(now)
	j.startedNS, j.cpuLeft, j.bytesLeft, j.moving = now, cpuNS, float64(bytes), cpuNS == 0
	c.list = append(c.list, j)
	c.schedule()
}

// drop gives copies up.
func (c *copies) drop(now int64, gone func(job) bool) {
	c.until(now)
	c.list = slices.DeleteFunc(c.list, gone)
	c.schedule()
}

// moving is how many are in their second part.
func (c *copies) moving() int {
	n := 0
	for i := range c.list {
		if c.list[i].moving {
			n++
		}
	}
	return n
}

// next is when the next copy ends or goes over to its second part, or Never.
func (c *copies) next() int64 {
	if len(c.list) == 0 {
		return Never
	}
	return c.list[0].endNS
}

// until takes off the work that has been done until now.
func (c *copies) until(now int64) {
	dt := float64(now - c.atNS)
	if dt <= 0 {
		return
	}
	c.atNS = now
	share := dt / 1e9 * c.bytesPerSec / float64(max(1, c.moving()))
	for i := range c.list {
		j := &c.list[i]
		if !j.moving {
			took := min(dt, j.cpuLeft)
			j.cpuLeft -= took
			c.cpuNS += took
			continue
		}
		took := min(share, j.bytesLeft)
		j.bytesLeft -= took
		c.copied += took
	}
}

// schedule says when each copy next changes, if nothing else does: on the grid of whole microseconds.
func (c *copies) schedule() {
	rate := c.bytesPerSec / float64(max(1, c.moving()))
	for i := range c.list {
		j := &c.list[i]
		ns := j.cpuLeft
		if j.moving {
			ns = j.bytesLeft / rate * 1e9
		}
		j.endNS = c.atNS + max(1, int64(ns/1000+0.5))*1000
	}
	slices.SortStableFunc(c.list, func(a, b job) int { return cmp.Compare(a.endNS, b.endNS) })
}

// take removes the copies that have ended by now, in order. What the grid has cut off a part's end is done by then, too.
func (c *copies) take(now int64) []job {
	var ended []job
	for len(c.list) > 0 && c.list[0].endNS <= now {
		c.until(c.list[0].endNS)
		j := &c.list[0]
		c.cpuNS += j.cpuLeft
		j.cpuLeft = 0
		if !j.moving && j.bytesLeft > 0 {
			j.moving = true
		} else {
			c.copied += j.bytesLeft
			ended = append(ended, *j)
			c.list = slices.Delete(c.list, 0, 1)
		}
		c.schedule()
	}
	return ended
}

// traffic is what the copies under way read and write now, B/s.
func (c *copies) traffic() float64 {
	moving := c.moving()
	rate := float64(len(c.list)-moving) * c.cpuPerSec
	if moving > 0 {
		rate += c.bytesPerSec
	}
	return 2 * rate
}

// cpuAt is the CPU time that copies have taken until now, ns.
func (c *copies) cpuAt(now int64) float64 {
	total := c.cpuNS
	for i := range c.list {
		if j := &c.list[i]; !j.moving {
			total += max(0, min(j.cpuLeft, float64(now-c.atNS)))
		}
	}
	return total
}

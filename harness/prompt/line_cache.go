package prompt

import (
	"strings"
	"sync"
)

const (
	// generationBytes bounds one generation of the cache: all prompt files together need about 2 MB, and
	// the rest is for nonces and replies, which come once and age out.
	generationBytes = 8 << 20
	// entryOverhead is the rough cost of one map entry beyond the bytes of its line and tokens.
	entryOverhead = 96
	// largestShare keeps one line without breaks from evicting all others.
	largestShare = 64
)

// lineCache maps a line to its tokens in two generations. Lines enter the young one; when that is
// full it becomes the old one and the former old one is dropped, so a line that is used at least once a
// generation stays. Memory is at most two generations. Safe for concurrent use.
type lineCache struct {
	limit int // bytes of one generation

	mu    sync.RWMutex
	young map[string][]uint32
	old   map[string][]uint32
	size  int // bytes of the young generation
}

func newLineCache(limit int) *lineCache {
	return &lineCache{limit: limit, young: map[string][]uint32{}}
}

func (c *lineCache) get(line string) ([]uint32, bool) {
	c.mu.RLock()
	ids, ok := c.young[line]
	if ok {
		c.mu.RUnlock()
		return ids, true
	}
	ids, ok = c.old[line]
	c.mu.RUnlock()
	if ok {
		c.put(line, ids)
	}
	return ids, ok
}

// put keeps ids, which nobody may change afterwards.
func (c *lineCache) put(line string, ids []uint32) {
	cost := len(line) + 4*len(ids) + entryOverhead
	if cost > c.limit/largestShare {
		return
	}
	// A copy, because a line is a slice of a whole prompt and would keep all of it in memory.
	line = strings.Clone(line)

	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.young[line]; ok {
		return // two callers missed at once; both have the same tokens
	}
	if c.size+cost > c.limit {
		c.old, c.young, c.size = c.young, map[string][]uint32{}, 0
	}
	c.young[line] = ids
	c.size += cost
}

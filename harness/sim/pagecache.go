package sim

import (
	"container/list"
	"context"
)

// pageCache is what the kernel keeps of what was read or written through it: whole files and, with the
// mechanism BufferedKVTier, blocks of the KV tier's file; without it that tier reads and writes around the
// cache (O_DIRECT). The least recently used goes first. The zero value is empty.
type pageCache struct {
	other   int64 // bytes of the files of other programs; they go only when the cache is dropped
	order   list.List
	entries map[pageKey]*list.Element
	bytes   int64 // of entries
	drops   int   // how often the cache was dropped
}

// pageKey is what the pages belong to: a file, or, without a name, a block of the KV tier.
type pageKey struct {
	file  string
	block uint64
}

type cachedPages struct {
	key   pageKey
	bytes int64
}

// hit tells whether the pages are in the cache, and takes note of their use.
func (c *pageCache) hit(key pageKey) bool {
	e := c.entries[key]
	if e == nil {
		return false
	}
	c.order.MoveToBack(e)
	return true
}

// keep puts what has been read or written into the cache, in place of others where memory is short. A file
// larger than the room for all is not kept: its own end pushes its start out.
func (c *pageCache) keep(key pageKey, bytes, room int64) {
	if bytes > room || c.hit(key) {
		return
	}
	for c.bytes > room-bytes {
		c.forget(c.order.Front().Value.(cachedPages).key)
	}
	if c.entries == nil {
		c.entries = map[pageKey]*list.Element{}
	}
	c.entries[key] = c.order.PushBack(cachedPages{key: key, bytes: bytes})
	c.bytes += bytes
}

// forget drops the pages of one file or block, if they are there.
func (c *pageCache) forget(key pageKey) {
	if e := c.entries[key]; e != nil {
		c.bytes -= c.order.Remove(e).(cachedPages).bytes
		delete(c.entries, key)
	}
}

// forgetBlocks drops the pages of the KV tier's file.
func (c *pageCache) forgetBlocks() {
	for e := c.order.Front(); e != nil; {
		key := e.Value.(cachedPages).key
		e = e.Next()
		if key.file == "" {
			c.forget(key)
		}
	}
}

// drop empties the cache.
func (c *pageCache) drop() { *c = pageCache{drops: c.drops + 1} }

// fileRoom is how many bytes of memory files can fill: what neither a process nor the rest of the page
// cache holds.
func (h *host) fileRoom() int64 { return h.p.MemTotalBytes - h.allocated() - h.cache.other }

// fileRead is a task that reads a file which is not in the page cache.
func (p HostParams) fileRead() NVMeStream {
	return NVMeStream{Name: "file-read", ReadShare: 1, IOBytes: p.ReadaheadBytes, Depth: 1, SoftwareNS: p.ReadaheadNS, Sync: true}
}

// DropCaches empties the page cache, files of other programs included, as `echo 3 >
// /proc/sys/vm/drop_caches` does. Of a file that is being read at the time nothing stays either.
func (m *Machine) DropCaches(ctx context.Context) error {
	return m.query(ctx, m.host.cache.drop)
}

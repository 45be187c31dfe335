package sim

import (
	"context"
	"slices"
)

// pageCache is what the kernel keeps of files that were read through it: whole files, the least recently
// used goes first. KV tiers read and write around it (O_DIRECT).
type pageCache struct {
	other int64        // bytes of the files of other programs; they go only when the cache is dropped
	files []cachedFile // least recently used first
	bytes int64        // of files
	drops int          // how often the cache was dropped
}

type cachedFile struct {
	name  string
	bytes int64
}

// hit tells whether a file is in the cache, and takes note of its use.
func (c *pageCache) hit(name string) bool {
	i := slices.IndexFunc(c.files, func(f cachedFile) bool { return f.name == name })
	if i < 0 {
		return false
	}
	f := c.files[i]
	c.files = append(slices.Delete(c.files, i, i+1), f)
	return true
}

// keep puts a file that has been read into the cache, in place of others where memory is short. A file
// larger than the room for all is not kept: its own end pushes its start out.
func (c *pageCache) keep(name string, bytes, room int64) {
	if bytes > room {
		return
	}
	for c.bytes > room-bytes {
		c.bytes -= c.files[0].bytes
		c.files = c.files[1:]
	}
	c.files = append(c.files, cachedFile{name: name, bytes: bytes})
	c.bytes += bytes
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

package record

// Device is what the kernel says of the block device whose counters are read, as far as it decides what they tell.
type Device struct {
	Name string `json:"name"`
	// Counted is queue/iostats: whether the kernel counts the device's I/O at all. Null if it does not say.
	Counted *bool `json:"iostats"`
	// Number is major:minor, as a cgroup's io.stat names the device; empty if unknown.
	Number string `json:"number,omitempty"`
	// Paths are the devices that are each a path to an NVMe namespace with native multipath, such as nvme0c0n1, and Head is
	// the namespace's own, such as nvme0n1, where Name is one of the paths. Both are empty without multipath.
	Paths []string `json:"paths,omitempty"`
	Head  string   `json:"head,omitempty"`
}

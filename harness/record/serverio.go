package record

// ServerIO is what the server's own processes have moved from and to storage in the interval, on whatever device: deltas
// of their /proc/<pid>/io. Of a server in a cgroup they are deltas of its io.stat, of the watched device alone.
type ServerIO struct {
	RMBs float64 `json:"rMBs"` // 1e6 B/s
	WMBs float64 `json:"wMBs"`

	ReadBytes  float64 `json:"read_bytes"`
	WriteBytes float64 `json:"write_bytes"` // of buffered writes: counted when the page is made dirty, not when it is written back
	// CancelledWriteBytes were counted as written, now or earlier, and truncated before they were; null of a cgroup, which
	// counts no such.
	CancelledWriteBytes *float64 `json:"cancelled_write_bytes"`
}

func (s *ServerIO) fields(c codec) {
	c.key(`{"rMBs":`)
	c.number(&s.RMBs)
	c.key(`,"wMBs":`)
	c.number(&s.WMBs)
	c.key(`,"read_bytes":`)
	c.number(&s.ReadBytes)
	c.key(`,"write_bytes":`)
	c.number(&s.WriteBytes)
	c.key(`,"cancelled_write_bytes":`)
	c.optNumber(&s.CancelledWriteBytes)
	c.key(`}`)
}

package record

// CountersProof is a small read and a small write that the rig made on the watched device before the cell's first sample,
// and what the device's counters showed of them: counters that cannot move say nothing when they stand still.
type CountersProof struct {
	AskedReadBytes  float64 `json:"asked_read_bytes"`
	AskedWriteBytes float64 `json:"asked_write_bytes"`
	// ReadBytes and WriteBytes are by how much the counters moved meanwhile, others' I/O included; null if that is unknown.
	ReadBytes  *float64 `json:"read_bytes"`
	WriteBytes *float64 `json:"write_bytes"`
	// Lacking says why nothing was read and written, or why the counters could not be read; empty otherwise.
	Lacking string `json:"lacking,omitempty"`
}

// Shown reports whether the counters moved by what was read and written, at least; known is false if nobody can say.
func (p *CountersProof) Shown() (shown, known bool) {
	if p.Lacking != "" || p.ReadBytes == nil || p.WriteBytes == nil {
		return false, false
	}
	return *p.ReadBytes >= p.AskedReadBytes && *p.WriteBytes >= p.AskedWriteBytes, true
}

package record

// Price is what a cell was expected to take and to wear before it was measured.
type Price struct {
	Seconds      float64 `json:"s"` // of the machine's time, all phases
	WrittenBytes float64 `json:"written_bytes"`
}

// Add sums prices.
func (p *Price) Add(o Price) {
	p.Seconds += o.Seconds
	p.WrittenBytes += o.WrittenBytes
}

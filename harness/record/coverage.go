package record

// Coverage says how much of a cell its samples cover.
type Coverage struct {
	Slots   int              `json:"slots"` // that were due after the first one, missed ones included
	Sources []SourceCoverage `json:"sources"`
}

// SourceCoverage is the part of one source: Samples of Coverage.Slots were obtained.
type SourceCoverage struct {
	Name      string `json:"name"`
	Samples   int    `json:"samples"`
	LastError string `json:"last_error,omitempty"`
}

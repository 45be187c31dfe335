package verdict

// Figure is a plot as data: figures/<name>.csv holds its points, figures/<name>.svg draws them.
type Figure struct {
	Name   string  `json:"name"` // file name without extension
	Title  string  `json:"title"`
	Panels []Panel `json:"panels"` // drawn below each other
}

// Panel is one pair of axes.
type Panel struct {
	XLabel string   `json:"x_label"` // with unit
	YLabel string   `json:"y_label"`
	LogX   bool     `json:"log_x"`
	LogY   bool     `json:"log_y"`
	Series []Series `json:"series"`
	Marks  []Mark   `json:"marks"`
	Levels []Level  `json:"levels,omitempty"`
}

// Series is a line with optional bounds; Lo and Hi are empty or as long as Y, nil entries are open.
type Series struct {
	Name string     `json:"name"`
	X    []float64  `json:"x"`
	Y    []float64  `json:"y"`
	Lo   []*float64 `json:"lo,omitempty"`
	Hi   []*float64 `json:"hi,omitempty"`
}

// Level is a horizontal line with a label, such as the margin that a reading must keep.
type Level struct {
	Y     float64 `json:"y"`
	Label string  `json:"label"`
}

// Mark is a vertical line with a label.
type Mark struct {
	X     float64 `json:"x"`
	Label string  `json:"label"`
}

package record

// Arms of a comparison of two drives, levels of its factor: A is the machine's own drive where that is simulated.
const (
	DriveA = "A"
	DriveB = "B"
)

// ArmDrive is one of two drives that are compared, as a cell saw it: which device it is and by how much its counters moved, so that
// the arm of a cell is read back and not believed.
type ArmDrive struct {
	Arm     string   `json:"arm"`
	Devices []string `json:"devices"` // whose counters are summed
	// ReadBytes and WriteBytes are what the counters moved by from before the cell's baseline to the end of its load, whoever moved
	// them; null if they could not be read.
	ReadBytes  *float64 `json:"read_bytes"`
	WriteBytes *float64 `json:"write_bytes"`
	// LoaderReadBytes is what the loader itself counts that it read in the arm's folder; null of a modelled drive.
	LoaderReadBytes *float64 `json:"loader_read_bytes,omitempty"`
}

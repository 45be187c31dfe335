package launch

// Journal notes what outlives this process if it is killed, so that the next start can end it.
type Journal interface {
	// Note says that something is there from now on: of a process its number, its start in clock ticks after boot and that it leads
	// its group; of a container its name; of a file its path. done says that it is gone.
	Note(kind, detail string) (done func() error, err error)
}

// Kinds of what is noted.
const (
	NotedProcess   = "process"
	NotedContainer = "container"
)

// NoJournal forgets.
type NoJournal struct{}

// Note notes nothing.
func (NoJournal) Note(string, string) (func() error, error) {
	return func() error { return nil }, nil
}

package rates

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"sync"

	"sparkharness/harness/disk"
	"sparkharness/harness/record"
	"sparkharness/harness/regular"
)

// machines are the fingerprints of machines, by hypothesis and world, as this program has seen them. They are kept in a file,
// because a program behaves alike whenever it is asked.
type machines struct {
	path string

	mu    sync.Mutex
	known map[string]machine // by "H2A/default"
}

// machine is what a program has seen of one.
type machine struct {
	Program record.Program `json:"program"`
	Design  string         `json:"design"`  // under the seed of the fingerprint
	Machine string         `json:"machine"` // fingerprint
}

// fingerprintSeed is that of the run of which a machine's fingerprint is taken.
const fingerprintSeed = 1

// maxMachines is the most bytes of their file: two hundred a machine.
const maxMachines = 4 << 20

// readMachines takes those of a file, none if there is no such file.
func readMachines(path string) (*machines, error) {
	m := &machines{path: path, known: map[string]machine{}}
	b, err := regular.Read(path, maxMachines)
	if errors.Is(err, fs.ErrNotExist) {
		return m, nil
	}
	if err == nil {
		err = json.Unmarshal(b, &m.known)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w (remove it: it is made again)", path, err)
	}
	return m, nil
}

func (m *machines) save() error {
	b, err := json.MarshalIndent(m.known, "", " ")
	if err != nil {
		return err
	}
	return disk.Replace(m.path, append(b, '\n'))
}

// fingerprint is that of the machine of a world, taken if this program has not taken it. It is of the machine as rules see it: a
// change of how lines are reduced shows, too.
func (c *Count) fingerprint(known *machines, world job) (string, error) {
	seeded, err := c.seeded(world, fingerprintSeed)
	if err != nil {
		return "", err
	}
	name := world.Hypothesis.ID + "/" + world.World
	known.mu.Lock()
	before, ok := known.known[name]
	known.mu.Unlock()
	if ok && before.Program == c.Program && before.Design == seeded.key.Design && before.Machine != "" {
		return before.Machine, nil
	}
	fmt.Fprintf(c.Door.Out, "error rates: fingerprint of %s\n", name)
	scratch, err := disk.NewScratch(c.Door.Scratch())
	if err != nil {
		return "", err
	}
	defer func() { _ = scratch.Close() }() // what is left is swept by the next run
	ev, err := c.Door.FirstBlock(seeded.Run, scratch.Dir())
	if err != nil {
		return "", err
	}
	print, err := ev.Fingerprint()
	if err != nil {
		return "", err
	}
	print = print[:digits]
	known.mu.Lock()
	defer known.mu.Unlock()
	known.known[name] = machine{c.Program, seeded.key.Design, print}
	return print, nil
}

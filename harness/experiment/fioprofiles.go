package experiment

import (
	"fmt"

	"sparkharness/harness/config"
	"sparkharness/harness/fio"
	"sparkharness/harness/regular"
)

// loadFio reads the job files of the profiles that the sweep names. Their text is part of the effective
// configuration: what a run did to the drive can be read in its results.
func loadFio(folder *config.Folder, profiles []string) (map[string]string, error) {
	if len(profiles) == 0 {
		return nil, nil
	}
	out := map[string]string{}
	for _, name := range profiles {
		path := folder.Fio(name)
		b, err := regular.Read(path, fio.MaxFile)
		if err != nil {
			return nil, fmt.Errorf("fio profile %q: %w", name, err)
		}
		if _, err := fio.Parse(path, b); err != nil {
			return nil, err
		}
		out[name] = string(b)
	}
	return out, nil
}

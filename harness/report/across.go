package report

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"sparkharness/harness/regular"
)

// maxAcross is the most bytes of a file over all runs that is compared.
const maxAcross = 256 << 20

// NotFollowing names the files over all runs of a results directory, its page and its summary, that are there and do not follow from
// the reports below it: somebody has edited them, another program has rendered them, or runs have come or gone since.
func NotFollowing(resultsDir string) (names []string, err error) {
	for _, file := range []struct {
		name   string
		render func(string) ([]byte, []string, error)
	}{{IndexName, index}, {SummaryName, summary}} {
		there, err := regular.Read(filepath.Join(resultsDir, file.name), maxAcross)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return names, fmt.Errorf("a file over all runs: %w", err)
		}
		follows, _, err := file.render(resultsDir)
		if err != nil {
			return names, err
		}
		if !bytes.Equal(there, follows) {
			names = append(names, file.name)
		}
	}
	return names, nil
}

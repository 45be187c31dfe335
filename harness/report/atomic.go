package report

import (
	"fmt"
	"os"
	"path/filepath"

	"sparkharness/harness/regular"
)

// writeFile puts data at path in one step. The folder is made if it is missing.
func writeFile(path string, data []byte) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make the folder of %s: %w", path, err)
	}
	if err := regular.Write(path, data); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

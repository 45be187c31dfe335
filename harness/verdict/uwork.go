package verdict

import (
	"encoding/json"
	"fmt"
	"path/filepath"

	"sparkharness/harness/disk"
)

// UWork is a usable concurrency that H0 found: uwork.json.
type UWork struct {
	Stack         string `json:"stack"`
	Model         string `json:"model"`
	ContextTokens int    `json:"context_tokens"`
	Users         int    `json:"users"`
}

// FileUWork is where a run's usable concurrencies stand.
const FileUWork = "uwork.json"

// SaveUWork writes what a run found into its folder; nothing if it found none.
func SaveUWork(dir string, found []UWork) error {
	b, err := EncodeUWork(found)
	if err != nil || b == nil {
		return err
	}
	return disk.Replace(filepath.Join(dir, FileUWork), b)
}

// EncodeUWork is the text of uwork.json; nil if a run found none, and has no such file.
func EncodeUWork(found []UWork) ([]byte, error) {
	if len(found) == 0 {
		return nil, nil
	}
	b, err := json.MarshalIndent(found, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", FileUWork, err)
	}
	return append(b, '\n'), nil
}

package verdict

import (
	"encoding/json"
	"fmt"

	"sparkharness/harness/disk"
)

// UWork is a usable concurrency that H0 found: uwork.json.
type UWork struct {
	Stack         string `json:"stack"`
	Model         string `json:"model"`
	ContextTokens int    `json:"context_tokens"`
	Users         int    `json:"users"`
}

// SaveUWork writes what a run found; nothing if it found none.
func SaveUWork(path string, found []UWork) error {
	if len(found) == 0 {
		return nil
	}
	b, err := json.MarshalIndent(found, "", "  ")
	if err != nil {
		return fmt.Errorf("encode uwork.json: %w", err)
	}
	return disk.Replace(path, append(b, '\n'))
}

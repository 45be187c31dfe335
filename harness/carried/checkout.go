package carried

import (
	"os"
	"path/filepath"
)

// IsCheckout tells whether a folder holds configs/ and inputs/.
func IsCheckout(dir string) bool {
	for name := range rooms {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || !info.IsDir() {
			return false
		}
	}
	return true
}

// Checkout is the nearest folder from the working one upwards that holds configs/ and inputs/, relative to the working one; false
// where none does.
func Checkout() (root string, found bool) {
	working, err := os.Getwd()
	for up := "."; err == nil; up = filepath.Join(up, "..") {
		if IsCheckout(up) {
			return up, true
		}
		parent := filepath.Dir(working)
		if parent == working {
			break
		}
		working = parent
	}
	return "", false
}

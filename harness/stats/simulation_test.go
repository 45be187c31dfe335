package stats

import "testing"

// simulation marks a test that counts over many simulated data sets: seconds each, left out with -short.
func simulation(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("counts over many simulated data sets: left out with -short")
	}
}

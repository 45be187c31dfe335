package hypotheses

import (
	"os"
	"testing"

	"sparkharness/harness"
)

func TestMain(m *testing.M) { os.Exit(harness.Main(m, all...)) }

// all are the hypotheses in the order of their names.
var all = []harness.Hypothesis{h0, h1, h2a, h2b, h3, h4a, h4b, h5, h6, h7, h8a, h8b}

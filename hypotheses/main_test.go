package hypotheses

import (
	"os"
	"testing"

	"sparkharness/harness"
)

func TestMain(m *testing.M) { os.Exit(harness.Main(m)) }

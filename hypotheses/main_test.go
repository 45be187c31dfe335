package hypotheses

import (
	"embed"
	"os"
	"slices"
	"testing"

	"sparkharness/harness"
)

// rules are the sources of this package: part of what identifies the program that judges.
//
//go:embed *.go
var rules embed.FS

func TestMain(m *testing.M) { os.Exit(harness.Main(m, rules, judged...)) }

// all are the hypotheses in the order of their names.
var all = []harness.Hypothesis{h0, h1, h2a, h2b, h3, h4a, h4b, h5, h6, h7, h8a, h8b}

// judged are they and what is no hypothesis of the plan: the comparison of two drives.
var judged = append(slices.Clip(all), drives)

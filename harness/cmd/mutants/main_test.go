package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// What is not understood is refused, instead of trying other faults than were meant, or none.
func TestArgumentsAreRefused(t *testing.T) {
	require.NoError(t, noArguments(nil))
	require.EqualError(t, noArguments([]string{"foo", "-only", "x"}),
		`"foo" is no flag, and flags behind it are not read: a switch takes its value with = (-check=false)`)

	_, err := try("../../..", t.TempDir(), "^no such fault$", 2, true)
	require.ErrorContains(t, err, "-only ^no such fault$ matches no name and no area of the ")
	for _, jobs := range []int{-4, 0, maxJobs + 1} {
		_, err = try("../../..", t.TempDir(), "^gates$", jobs, true)
		require.ErrorContains(t, err, "is needed")
	}
	ok, err := try("../../..", t.TempDir(), "^gates$", 1, true)
	require.NoError(t, err)
	require.True(t, ok)
}

package prompt

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCommittedAdapterLists(t *testing.T) {
	shorter := []string{}
	for _, n := range []int{4, 16, 64} {
		names, err := ReadAdapters(fmt.Sprintf("../../inputs/lora_lists/lora_%d.txt", n))
		require.NoError(t, err)
		require.Len(t, names, n)
		assert.Equal(t, shorter, names[:len(shorter)], "a shorter list is the start of a longer one")
		shorter = names[:n:n]
	}
	assert.Equal(t, "incident-triage-01", shorter[0])
}

func TestReadAdapters(t *testing.T) {
	long := strings.Repeat("a", 64)
	for _, tc := range []struct {
		name, text string
		want       []string
		faults     []string
	}{
		{"plain", "b-01\na-01\n", []string{"b-01", "a-01"}, nil},
		{"comments and blanks", "# list\n\n  a-01  \n\t# end", []string{"a-01"}, nil},
		{"carriage returns", "a-01\r\nb_2.x\r\n", []string{"a-01", "b_2.x"}, nil},
		{"longest name", long + "\n", []string{long}, nil},
		{"empty", "", nil, []string{":1: no adapter is listed"}},
		{"only comments", "# a\n# b\n", nil, []string{":2: no adapter is listed"}},
		{"twice", "a\nb\na\n", nil, []string{`:3: adapter "a" is already on line 1`}},
		{"path", "../secret\n", nil, []string{`:1: adapter name "../secret"`}},
		{"two words", "a b\n", nil, []string{`:1: adapter name "a b"`}},
		{"comment after a name", "a # first\n", nil, []string{":1:"}},
		{"too long", "ok\n" + long + "a\n", nil, []string{":2:"}},
		{"not ascii", "adaptér\n", nil, []string{":1:"}},
		{"all faults at once", "-a\nb\nb\n", nil, []string{":1:", ":3:"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "list.txt")
			require.NoError(t, os.WriteFile(path, []byte(tc.text), 0o644))
			names, err := ReadAdapters(path)
			assert.Equal(t, tc.want, names)
			if tc.faults == nil {
				require.NoError(t, err)
			}
			for _, f := range tc.faults {
				assert.ErrorContains(t, err, path+f)
			}
		})
	}
	_, err := ReadAdapters(filepath.Join(t.TempDir(), "none.txt"))
	assert.ErrorIs(t, err, os.ErrNotExist)
}

func FuzzReadAdapters(f *testing.F) {
	for _, s := range []string{"a-01\nb-01\n", "# only\n", "a\na\n", "\xff\n", "a\r\n", "a\x00b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		names, err := parseAdapters("list", text)
		if err != nil {
			assert.Nil(t, names)
			assert.ErrorContains(t, err, "list:")
			return
		}
		require.NotEmpty(t, names)
		// A list that was read says the same when it is written and read again, so no name came twice.
		again, err := parseAdapters("list", strings.Join(names, "\n"))
		require.NoError(t, err)
		assert.Equal(t, names, again)
	})
}

package prompt

import (
	"fmt"
	"strings"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestLineCacheIsBounded(t *testing.T) {
	const limit = 16 << 10
	c := newLineCache(limit)
	hot := "a line in steady use\n"
	c.put(hot, []uint32{7})
	for i := range 5000 {
		c.put(fmt.Sprintf("line %d\n", i), []uint32{1, 2, 3})
		ids, ok := c.get(hot)
		require.True(t, ok, "after %d lines", i)
		require.Equal(t, []uint32{7}, ids)
		require.LessOrEqual(t, c.size, limit)
	}
	assert.LessOrEqual(t, len(c.young)+len(c.old), 2*limit/entryOverhead)
	_, ok := c.get("line 0\n")
	assert.False(t, ok, "a line out of use is dropped")
	_, ok = c.get("line 4999\n")
	assert.True(t, ok)
}

func TestLineCacheSizeIsThatOfItsEntries(t *testing.T) {
	c := newLineCache(1 << 20)
	for range 3 { // putting a line again costs nothing
		c.put("twelve bytes", []uint32{1, 2})
	}
	assert.Equal(t, 12+2*4+entryOverhead, c.size)
}

func TestLineCacheKeepsNoHugeLine(t *testing.T) {
	c := newLineCache(64 << 10)
	huge := strings.Repeat("x", 2<<10)
	c.put(huge, []uint32{1})
	_, ok := c.get(huge)
	assert.False(t, ok)
}

// A key that were a slice of the prompt would keep the whole prompt in memory for one line.
func TestLineCacheCopiesTheLine(t *testing.T) {
	c := newLineCache(1 << 20)
	text := strings.Repeat("one line\n", 3)
	c.put(text[:9], []uint32{1})
	require.Len(t, c.young, 1)
	for key := range c.young {
		assert.NotSame(t, unsafe.StringData(text), unsafe.StringData(key))
	}
}

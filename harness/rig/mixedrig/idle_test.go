package mixedrig

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// A reading counts for the next cell if that follows at once, on the same files: a drive that was written in between is another one.
func TestReadingIsShared(t *testing.T) {
	files, now := &kept{}, time.Now()
	read := idleDrive{at: now, files: files}
	assert.True(t, read.still(now.Add(14*time.Second), files))
	assert.False(t, read.still(now.Add(15*time.Second), files))
	assert.False(t, read.still(now.Add(time.Second), &kept{}), "files were laid out since")
	assert.False(t, read.still(now.Add(time.Second), nil))
	assert.True(t, idleDrive{at: now}.still(now, nil), "stacks that store nothing")
	assert.False(t, idleDrive{}.still(now, nil), "nobody has read")
}

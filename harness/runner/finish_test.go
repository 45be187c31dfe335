package runner

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/record"
	"sparkharness/harness/rig"
)

// What each drive moved for the load is asked for before the idle drive is read, which would count as the load's.
func TestDrivesAreAskedBeforeTheIdleDriveIsRead(t *testing.T) {
	var asked []string
	src := rig.Sources{
		Storage: func(context.Context) *record.StorageUse {
			asked = append(asked, "storage")
			return &record.StorageUse{}
		},
		Drives: func(context.Context) []record.ArmDrive {
			asked = append(asked, "drives")
			return []record.ArmDrive{{Arm: record.DriveA}}
		},
	}
	c := &cellRun{dir: t.TempDir()}
	require.NoError(t, c.finish(t.Context(), src))
	assert.Equal(t, []string{"drives", "storage"}, asked)
	assert.NotNil(t, c.info.Storage)
	assert.Len(t, c.info.Drives, 1)
}

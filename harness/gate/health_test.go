package gate

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/evidence"
	"sparkharness/harness/record"
)

// A complaint of one cell is enough, a log that nobody may read is neither good nor a fault, and where nobody looked is no gate.
func TestHealth(t *testing.T) {
	_, ok := Health(&evidence.Evidence{Cells: []*evidence.Cell{{}}})
	assert.False(t, ok)
	cell := func(key string, a *record.Around) *evidence.Cell {
		return &evidence.Cell{PlannedCell: record.PlannedCell{Key: key}, Info: record.CellInfo{Health: a}}
	}
	quiet := func() *record.Around {
		one := record.Health{Kernel: &record.KernelLog{Lines: 4},
			Drives: []record.DriveHealth{{Device: "nvme0n1", CriticalWarning: new(0.0), MediaErrors: new(0.0), Throttled1: new(0.0)}}}
		two := one
		two.Drives = append([]record.DriveHealth(nil), one.Drives...)
		two.Kernel = new(*one.Kernel)
		return &record.Around{Before: one, After: two}
	}
	for code, change := range map[string]func(*record.Around){
		"":                  func(*record.Around) {},
		"kernel_complained": func(a *record.Around) { a.After.Kernel.IOErrors++ },
		"drive_faults":      func(a *record.Around) { a.After.Drives[0].MediaErrors = new(1.0) },
		"drive_throttled":   func(a *record.Around) { a.After.Drives[0].Throttled1 = new(1.0) },
		"untold": func(a *record.Around) {
			a.After.Drives[0].Throttled1, a.Before.Untold = nil, []string{"wear of nvme0n1 is not told"}
		},
		"overwritten": func(a *record.Around) {
			a.Before.Kernel.Wrapped, a.After.Kernel.Wrapped, a.After.Untold = true, true, []string{"the log was overwritten"}
		},
	} {
		t.Run(code, func(t *testing.T) {
			around := quiet()
			change(around)
			ev := &evidence.Evidence{Cells: []*evidence.Cell{cell("a", quiet()), cell("b", around), cell("c", nil)}}
			g, ok := Health(ev)
			require.True(t, ok)
			switch code {
			case "":
				assert.Equal(t, Pass("health", "of 2 cells the kernel's log is told of 2, the drives' faults of 2, their throttling of 2: no complaint"), g)
			case "untold":
				assert.Equal(t, Grade("health", false, "of 2 cells the kernel's log is told of 2, the drives' faults of 2, their throttling of 1: "+
					"what is not told is not known to be good; wear of nvme0n1 is not told"), g)
			case "overwritten":
				assert.Equal(t, Grade("health", false, "of 2 cells the kernel's log is told of 1, the drives' faults of 2, their throttling of 2: "+
					"what is not told is not known to be good; the log was overwritten"), g)
			default:
				assert.Equal(t, Invalid, g.OnFailure)
				assert.Equal(t, code, g.Code)
				assert.Contains(t, g.Detail, "b: ")
				assert.False(t, g.Passed)
			}
		})
	}
}

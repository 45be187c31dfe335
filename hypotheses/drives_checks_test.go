package hypotheses

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/record"
	"sparkharness/harness/verdict"
)

// onDriveB multiplies the TTFT of drive B, in the first and in the second block.
func onDriveB(first, second float64) func(*recording) {
	return func(r *recording) {
		r.answers(func(cell record.Cell) []answer {
			out := even(60, 1)
			for i := range out {
				if cell.Level("drive") == record.DriveB {
					out[i].ttft *= inRep(cell, first, second)
				}
				out[i].e2e = 2 * out[i].ttft
			}
			return out
		})
	}
}

// What decides is the interval of TTFT p99 against the margin, in whichever direction.
func TestChecksOfDRIVES(t *testing.T) {
	t.Parallel()
	const p99 = "p99_differs"
	base := recorded(t, drives).gates("min_samples", 20) // which two short blocks have
	judge(t, base, []edited{
		{"B is slower", onDriveB(1.11, 1.11), nil, "is 1.110 [1.110, 1.110] times that on drive A (95 % interval over 2 blocks; margin 10 %): better is A: on B it is at least 1.11 times as long"},
		{"B is faster", onDriveB(1/1.11, 1/1.11), nil, "better is B: on A it is at least 1.11 times as long"},
		{"alike", onDriveB(1, 1), states{p99: verdict.Contradicted}, "better is neither, alike within 10 %"},
		{"just inside, slower", onDriveB(1.09, 1.09), states{p99: verdict.Contradicted}, "is 1.090"},
		{"just inside, faster", onDriveB(1/1.09, 1/1.09), states{p99: verdict.Contradicted}, "is 0.917"},
		{"beyond, the interval is not", onDriveB(1.05, 1.4), states{p99: verdict.Undecided}, "better is not known"},
		{"slower for sure, perhaps within the margin", onDriveB(1.092, 1.099), states{p99: verdict.Undecided}, "which may be less than the margin of 1.10"},
		{"a larger margin", allOf(onDriveB(1.11, 1.11), given("p99_margin", 1.2)), states{p99: verdict.Contradicted}, "margin 20 %"},
		{"a block without drive B", allOf(onDriveB(1.5, 1.5), without("drive=B*rep=2")), states{p99: verdict.Undecided}, "an arm or a repetition was not measured"},
	})
}

// What the fetch takes is printed beside it and decides nothing.
func TestFetchOfDRIVESDecidesNothing(t *testing.T) {
	t.Parallel()
	r := recorded(t, drives)
	onDriveB(1, 1)(r)
	c := r.check("fetch_p50")
	assert.Equal(t, verdict.Noted, c.State)
	assert.Contains(t, c.Detail, "tier-2 fetch p50 on drive B is 2.")
	assert.Contains(t, c.Detail, "better is A: on B it is at least")
	found := false
	for _, f := range r.replay().Findings {
		if f.Name == "better drive" {
			found = true
			assert.Contains(t, f.Detail, "by TTFT p99: neither, alike within 10 %; by the fetch itself: A: ")
		}
	}
	assert.True(t, found)
}

// armDrive edits what a cell says of an arm's drive, in all cells of a pattern.
func armDrive(pattern, arm string, edit func(d object)) func(*recording) {
	return func(r *recording) {
		r.json("cells/"+pattern+"/cell.json", func(c object) {
			for _, d := range c["drives"].([]any) {
				if d.(object)["arm"] == arm {
					edit(d.(object))
				}
			}
		})
	}
}

// An arm is the device whose counters moved, and no label.
func TestDrivesAreReadBack(t *testing.T) {
	t.Parallel()
	base := recorded(t, drives)
	require.True(t, base.gate("drives").Passed, base.gate("drives").Detail)
	set := func(key string, v any) func(object) { return func(d object) { d[key] = v } }
	const b1 = "drive=B,*rep=1"
	same := func(r *recording) {
		r.json("plan.json", func(p object) { p["rig"].(object)["same_drive"] = true })
		for _, arm := range []string{"A", "B"} {
			armDrive("*", arm, set("devices", []any{"vda"}))(r)
			armDrive("*", arm, set("loader_read_bytes", 0))(r)
			armDrive("drive="+arm+",*", arm, set("loader_read_bytes", 1e15))(r)
		}
	}
	for _, tc := range []struct {
		what string
		edit func(*recording)
		code string
	}{
		{"nothing is edited", func(*recording) {}, ""},
		{"its own stood still", armDrive(b1, "B", set("read_bytes", 0)), "not_on_its_drive"},
		{"the other was read, too", armDrive(b1, "A", set("read_bytes", 1e12)), "on_the_other_drive"},
		{"its own is not known", armDrive(b1, "B", set("read_bytes", nil)), "not_read_back"},
		{"the other is not known", armDrive(b1, "A", set("read_bytes", nil)), "not_read_back"},
		{"nothing was read back", func(r *recording) {
			r.json("cells/"+b1+"/cell.json", func(c object) { delete(c, "drives") })
		}, "not_read_back"},
		{"another device in one cell", armDrive(b1, "B", set("devices", []any{"nvme7n1"})), "device_changed"},
		{"both are one device", armDrive("*", "B", set("devices", []any{"nvme0n1"})), "one_device"},
		{"more is asked of its own", given("own_drive_share", 1000), "not_on_its_drive"},
		{"less is allowed of the other", given("other_drive_share", 1e-9), "on_the_other_drive"},
		{"an A/A control", same, ""},
		{"an A/A control on two devices", allOf(same, armDrive("*", "B", set("devices", []any{"vdb"}))), "one_device"},
		{"an A/A control in one folder", allOf(same, armDrive(b1, "A", set("loader_read_bytes", 1e15))), "on_the_other_drive"},
		{"an A/A control without the loader's account", allOf(same, armDrive(b1, "B", func(d object) { delete(d, "loader_read_bytes") })), "not_read_back"},
	} {
		t.Run(tc.what, func(t *testing.T) {
			t.Parallel()
			r := base.again(t)
			tc.edit(r)
			g := r.gate("drives")
			assert.Equal(t, tc.code, g.Code, g.Detail)
			assert.Equal(t, tc.code == "", g.Passed)
		})
	}
}

package serverrig

import (
	"context"
	"fmt"
	"io"

	"sparkharness/harness/record"
)

// condition is what state the machine was in before a cell and after it, and before the first.
type condition struct {
	drives []string
	out    io.Writer
	read   func(ctx context.Context, before *record.Health, drives ...string) record.Health
	first  *record.Health
	last   *record.Health
}

// begin reads the state before a cell.
func (c *condition) begin(ctx context.Context) *record.Around {
	around := &record.Around{Before: c.read(ctx, nil, c.drives...)}
	if c.first == nil {
		c.first = &around.Before
		for _, line := range around.Before.Untold {
			fmt.Fprintf(c.out, "warning: %s\n", line)
		}
	}
	return around
}

// end reads the state after a cell, once, and tells what the kernel has complained of meanwhile.
func (c *condition) end(ctx context.Context, cell string, around *record.Around) {
	if around == nil || around.After.At != 0 {
		return
	}
	around.After = c.read(ctx, &around.Before, c.drives...)
	c.last = &around.After
	lines, _ := around.Complaints()
	for _, line := range lines {
		fmt.Fprintf(c.out, "warning: cell %s: %s (dmesg): the run will be Invalid by its gate health\n", cell, line)
	}
}

// tell says what the cells together have done to the machine.
func (c *condition) tell() {
	if c.first == nil || c.last == nil {
		return
	}
	for i, after := range c.last.Drives {
		before := c.first.Drives[i]
		if before.WriteBytes != nil && after.WriteBytes != nil {
			fmt.Fprintf(c.out, "%s: %.1f GB were written to it from the first cell to the last, as it says itself\n",
				after.Device, (*after.WriteBytes-*before.WriteBytes)/1e9)
		}
		if after.TemperatureC != nil {
			fmt.Fprintf(c.out, "%s: %.0f degrees Celsius after the last cell\n", after.Device, *after.TemperatureC)
		}
	}
	var hottest *record.Temperature
	for i := range c.last.Temperatures {
		if t := &c.last.Temperatures[i]; hottest == nil || t.C > hottest.C {
			hottest = t
		}
	}
	if hottest != nil {
		fmt.Fprintf(c.out, "hottest after the last cell: %s %s, %.0f degrees Celsius\n", hottest.Chip, hottest.Label, hottest.C)
	}
}

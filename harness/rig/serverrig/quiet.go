package serverrig

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"sparkharness/harness/record"
	"sparkharness/harness/telemetry"
)

// quiet is when a drive counts as left alone after the page cache was emptied: all programs of the machine read anew what they need,
// and an idle baseline of these reads would be taken off what the adapters are read by.
type quiet struct {
	span, within time.Duration // no more than bytes are read in a span; it is waited for so long
	bytes        float64
}

// afterDrop is the quiet that is waited for.
var afterDrop = quiet{span: 2 * time.Second, within: time.Minute, bytes: 500e3}

// wait returns when the drive is quiet, or its time is over: then with the bytes that were read in the last span, else 0.
func (q quiet) wait(ctx context.Context, drive telemetry.SysSource) (bytes float64, err error) {
	for began := time.Now(); ; {
		var s record.SysSample
		if err := drive.Sample(ctx, &s); err != nil {
			return 0, err
		}
		switch { // the first sample has no reading
		case s.NVMe != nil && s.NVMe.ReadBytes <= q.bytes:
			return 0, nil
		case s.NVMe != nil && time.Since(began) > q.within:
			return s.NVMe.ReadBytes, nil
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(q.span):
		}
	}
}

// settle waits until the drive is quiet, and tells if it is not.
func (r *Launching) settle(ctx context.Context) error {
	source, err := r.device.source()
	if err != nil {
		return err
	}
	q := cmp.Or(r.quiet, afterDrop)
	bytes, err := q.wait(ctx, source)
	if bytes > 0 {
		fmt.Fprintf(r.out, "warning: %.1f MB/s are still read from %s, %v after the page cache was emptied: end what else uses it, or the adapters' "+
			"reads are hard to tell apart\n",
			bytes/q.span.Seconds()/1e6, strings.Join(r.device.names, ", "), q.within)
	}
	if cerr := source.Close(); err == nil {
		err = cerr
	}
	return err
}

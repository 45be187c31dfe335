package serverrig

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"sparkharness/harness/config"
	"sparkharness/harness/drive"
	"sparkharness/harness/lora"
	"sparkharness/harness/record"
	"sparkharness/harness/rig"
)

// adapters are the LoRA adapters that the load names, as they lie on this machine; the zero value is none.
type adapters struct {
	found map[string]lora.Adapter // by name
	amiss error                   // what keeps the servers from serving them, or from being watched at it
}

// findAdapters looks for the adapters before any server does.
func (r *Launching) findAdapters(e *config.Experiment) (out adapters) {
	for _, name := range e.StackNames() {
		st := e.Stacks[name]
		if st.Launched.Adapters == nil { // that a kind serves none is a capability that it lacks
			return adapters{}
		}
		w := lora.Wanted{Dir: st.Launched.Adapters.Dir, Names: e.Adapters, Rank: st.Launched.Adapters.Rank, Mounted: st.Server.Launch.Container != nil}
		if st.Server.Launch.LoRA.NamesModel {
			w.Model = st.Launched.Model
		}
		found, err := lora.Look(os.DirFS("/"), w)
		if err == nil {
			err = r.elsewhere(w.Dir)
		}
		if err != nil {
			out.amiss = errors.Join(out.amiss, fmt.Errorf("stack %s (%s): %w", name, st.Server.Server, err))
			continue
		}
		out.found = found
	}
	return out
}

// elsewhere says that the adapters lie on another drive than the one that is watched, whose counters would not see them read.
func (r *Launching) elsewhere(dir string) error {
	if r.device.drive == nil {
		return nil
	}
	names := func(d *drive.Drive) (out []string) {
		for _, l := range d.Leaves {
			out = append(out, l.Name)
		}
		slices.Sort(out)
		return out
	}
	d, err := drive.Of(dir, drive.Here())
	if err != nil {
		return fmt.Errorf("the LoRA adapters: %w", err)
	}
	if on, watched := names(d), names(r.device.drive); !slices.Equal(on, watched) {
		return fmt.Errorf("the LoRA adapters lie in %s on %s, and the drive that is watched is %s: name a folder on theirs with -dir, or put them on this one",
			dir, strings.Join(on, ", "), strings.Join(watched, ", "))
	}
	return nil
}

// lacks refuses what the servers could not serve.
func (a adapters) lacks() error {
	if a.amiss == nil {
		return nil
	}
	return &rig.UndecidableError{Why: a.amiss.Error()}
}

// sizes are the bytes of each, by name.
func (a adapters) sizes() map[string]float64 {
	if len(a.found) == 0 {
		return nil
	}
	out := map[string]float64{}
	for name, found := range a.found {
		out[name] = float64(found.Bytes)
	}
	return out
}

// When a drive counts as left alone after the page cache was emptied: all programs of the machine read anew what they need, and an
// idle baseline that was that of these reads would be taken off what adapters are read by.
const (
	quietFor    = 2 * time.Second
	quietBytes  = 500e3 // read in that time
	quietWithin = time.Minute
)

// quiet returns when the drive is hardly read, or is told that it still is.
func (r *Launching) quiet(ctx context.Context) error {
	source, err := r.device.source()
	if err != nil {
		return err
	}
	defer source.Close()
	for began := time.Now(); ; {
		var s record.SysSample
		if err := source.Sample(ctx, &s); err != nil {
			return err
		}
		switch {
		case s.NVMe != nil && s.NVMe.ReadBytes <= quietBytes:
			return nil
		case s.NVMe != nil && time.Since(began) > quietWithin:
			fmt.Fprintf(r.out, "warning: %.1f MB/s are still read from %s, %v after the page cache was emptied: end what else uses it, or the adapters' reads are hard to tell apart\n",
				s.NVMe.ReadBytes/quietFor.Seconds()/1e6, strings.Join(r.device.names, ", "), quietWithin)
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(quietFor):
		}
	}
}

// mostCached is the share of the adapters' bytes that may be in the page cache when they are to be cold.
const mostCached = 0.2

// cold says how many of the adapters' bytes are in the page cache, after it has been emptied and the server restarted; nil where
// that is not told. It refuses what would be measured as cold and is not.
func (a adapters) cold() (*float64, error) {
	if len(a.found) == 0 {
		return nil, nil
	}
	cached, err := lora.Cached(lora.Paths(a.found))
	if err != nil || cached == nil {
		return nil, err
	}
	if bytes := float64(lora.Bytes(a.found)); *cached > mostCached*bytes {
		return cached, fmt.Errorf("cold did not take place: %.1f of %.1f MB of LoRA adapters are in the page cache after it was emptied and the server restarted: "+
			"take a server that does not read them at its start, and end what else has them open (fuser -v on their folder)", *cached/1e6, bytes/1e6)
	}
	return cached, nil
}

package serverrig

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"sparkharness/harness/config"
	"sparkharness/harness/drive"
	"sparkharness/harness/lora"
	"sparkharness/harness/rig"
)

// adapters are the LoRA adapters that the load names, as they lie on this machine; the zero value is none.
type adapters struct {
	wanted *lora.Wanted            // of the last stack
	found  map[string]lora.Adapter // by name
	amiss  error                   // what keeps the servers from serving them, or from being watched at it
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
		out.wanted = &w
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

// mostCached is the share of the adapters' bytes that may be in the page cache when they are to be cold, and out of it when warm.
const mostCached = 0.2

// inCache says how many of the adapters' bytes are in the page cache when the server has been restarted; nil where that is not
// told. It refuses what would be measured as cold, or as warm, and is not.
func (a adapters) inCache(cold bool) (*float64, error) {
	if len(a.found) == 0 {
		return nil, nil
	}
	cached, err := lora.Cached(lora.Paths(a.found))
	if err != nil || cached == nil {
		return nil, err
	}
	bytes := float64(lora.Bytes(a.found))
	switch {
	case !cold && *cached < (1-mostCached)*bytes:
		return cached, fmt.Errorf("warm did not take place: %.1f of %.1f MB of LoRA adapters are in the page cache after the server was restarted: "+
			"end what else takes the memory, or take fewer adapters (load.adapters.list)", *cached/1e6, bytes/1e6)
	case cold && *cached > mostCached*bytes:
		return cached, fmt.Errorf("cold did not take place: %.1f of %.1f MB of LoRA adapters are in the page cache after it was emptied and the server restarted: "+
			"take a server that does not read them at its start, and end what else has them open (fuser -v on their folder)", *cached/1e6, bytes/1e6)
	}
	return cached, nil
}

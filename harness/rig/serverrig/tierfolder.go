package serverrig

import (
	"fmt"

	"sparkharness/harness/config"
	"sparkharness/harness/restore"
)

// tierFolder is where a server that has been started keeps its tier on the drive: in a folder of its own below -dir, which no other
// server finds anything in. It outlives a restart, and no more.
type tierFolder struct {
	path string
	undo restore.Undo // removes it; nil: there is none
}

// tierOf makes the folder for a stack's server, if that has a tier on the drive, and returns the settings that name it.
func (r *Launching) tierOf(st *config.Stack, kept *tierFolder) (*config.Launched, *tierFolder, error) {
	if st.Launched.Tier2Dir == "" {
		return st.Launched, &tierFolder{}, nil
	}
	if kept == nil {
		kept = &tierFolder{}
		var by restore.Writer
		if c := st.Server.Launch.Container; c != nil {
			by = restore.Writer{Runtime: dockerCommand, Image: c.Image}
		}
		var err error
		if kept.path, kept.undo, err = r.journal.Folder(st.Launched.Tier2Dir, "tier2-"+st.Stack, by); err != nil {
			return nil, nil, fmt.Errorf("a folder for tier 2 (-dir): %w: name a folder that this user may write", err)
		}
	}
	at := *st.Launched
	at.Tier2Dir = kept.path
	return &at, kept, nil
}

// remove removes the folder with all that the server has left there.
func (f *tierFolder) remove() error {
	if f == nil {
		return nil
	}
	if err := undone(f.undo); err != nil {
		return fmt.Errorf("what the server has stored stays on the drive: %w", err)
	}
	return nil
}

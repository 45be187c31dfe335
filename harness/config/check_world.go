package config

func (w *World) check(r *reader) {
	r.plain("world", w.World)
	if w.Machine != "" {
		r.plain("machine", w.Machine)
	}
	if w.Drive != "" {
		r.plain("drive", w.Drive)
	}
	if w.SecondDrive != "" {
		r.plain("second_drive", w.SecondDrive)
	}
	if p := w.Load.Popularity; p != nil {
		p.check(r, "load.popularity")
	}
	if w.Load.Fio != "" {
		r.plain("load.fio", w.Load.Fio)
	}
	w.Mechanisms.check(r, "mechanisms")
	capacities := []struct {
		path string
		size *Size
	}{
		{"tiers.tier0_bytes", w.Tiers.Tier0Bytes},
		{"tiers.tier1_bytes", w.Tiers.Tier1Bytes},
	}
	for _, c := range capacities {
		if c.size != nil && *c.size == 0 {
			r.refuse(c.path, "is zero; leave the field out to keep the stack's own capacity")
		}
	}
}

// checkFiles refuses a profile of fio that the folder of configurations does not have.
func (w *World) checkFiles(r *reader, folder *Folder) {
	if name := w.Load.Fio; name != "" {
		folder.asksFio(r, "load.fio", name)
	}
}

func (p *Profile) check(r *reader) {
	r.plain("profile", p.Profile)
	if p.Tier2Bytes != nil && *p.Tier2Bytes == 0 {
		r.refuse("tier2_bytes", "must be above 0: leave it out for the stack file's")
	}
}

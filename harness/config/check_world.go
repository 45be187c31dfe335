package config

import "os"

func (w *World) check(r *reader) {
	r.plain("world", w.World)
	if p := w.Load.Popularity; p != nil {
		p.check(r, "load.popularity")
	}
	if w.Load.Fio != "" {
		r.plain("load.fio", w.Load.Fio)
	}
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
func (w *World) checkFiles(r *reader, configs string) {
	if name := w.Load.Fio; name != "" {
		fioExists(r, configs, "load.fio", name)
	}
}

// fioExists refuses a level of fio without a job file.
func fioExists(r *reader, configs, path, name string) {
	if info, err := os.Stat(FioFile(configs, name)); r.ok(path) && (err != nil || info.IsDir()) {
		r.refuse(path, "there is no file fio/%s.fio in the folder of configurations, where there %s", name, fioFiles(configs))
	}
}

func (p *Profile) check(r *reader) { r.plain("profile", p.Profile) }

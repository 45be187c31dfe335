package report

// rigLine names where the numbers come from, in the form that every rendering carries.
func rigLine(r *Report) string {
	s := "rig=" + clean(r.Rig) + " clock=" + clean(r.Clock)
	if r.World != "" {
		s += " world=" + clean(r.World)
	}
	return s
}

// origin says in words how far a rig's numbers speak about hardware.
func origin(rig string) string {
	switch rig {
	case "sim":
		return "simulated, not measured on hardware"
	case "disk":
		return "compute simulated, storage measured on a real drive"
	case "spark":
		return "measured on hardware"
	}
	return "of an unknown rig"
}

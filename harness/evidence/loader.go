package evidence

// LoaderRequestBytes is the size of the requests in which the KV loader reads from the NVMe, 0 without one:
// its I/O size, or what the kernel splits it into, where the rig has told that.
func (ev *Evidence) LoaderRequestBytes() float64 {
	for _, name := range ev.Exp.StackNames() {
		if d := ev.Exp.Stacks[name].Dynamo; d != nil {
			size := float64(d.Loader.IOBytes)
			if split := ev.Plan.Facts.MaxRequestBytes; split != nil {
				size = min(size, *split)
			}
			return size
		}
	}
	return 0
}

package sim

// tierFaults are mechanisms by which a tier does not do what it says, the NVMe tier in its counters, beside PhantomHits, which is the
// mover's. Owners have reported each of them; all managers have them alike.
type tierFaults struct {
	// neverFires (TierNeverFires): the tier takes writes, and no lookup finds anything there, as when keys never meet.
	neverFires bool
	// wrong (WrongKV): a load leaves other KV in memory, without an error, as when the transfer fails and the staging
	// buffer still holds what the load before it brought (github.com/ai-dynamo/dynamo/issues/15079). Time, counters and
	// drive are those of a load that works.
	wrong bool
	// inverted (PolicyInverted): the host tier evicts what its policy should keep (inverted.go).
	inverted bool
}

func (m Mechanisms) tierFaults() tierFaults {
	return tierFaults{neverFires: m.TierNeverFires, wrong: m.WrongKV, inverted: m.PolicyInverted}
}

// breaks gives a manager its faults, once.
func (k *kvManager) breaks(f tierFaults) {
	k.faults = f
	if f.inverted {
		k.invert()
	}
}

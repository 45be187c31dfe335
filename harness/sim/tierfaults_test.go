package sim_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/sim"
)

// faulty is a small machine on which a prompt of five blocks has been computed and pushed out of the memory tiers, and what
// is seen of it when it is asked for again.
type faulty struct {
	cold, warm    string
	cached        int
	took          time.Duration
	read, written int64
	kv            sim.KVCounters
	later, other  string // the prompt from the device, and another that shares three blocks with it
	otherCold     string
}

func withFault(t *testing.T, manager string, mech sim.Mechanisms) (f faulty) {
	synctest.Test(t, func(t *testing.T) {
		m := start(t, offloadSpec(manager, 7, 6, 60), quiet(mech))
		say := func(text string, tokens int) string {
			out := m.text(text, tokens)
			time.Sleep(time.Second)
			return out
		}
		long := prompt("a", 161)
		shares := prompt("a", 97) + " another end"
		f.cold = say(long, 30)
		f.otherCold = start(t, offloadSpec(manager, 7, 6, 60), quiet(sim.Mechanisms{})).text(shares, 30)
		for _, tag := range []string{"b", "c"} {
			say(prompt(tag, 161), 30)
		}
		require.Zero(t, m.stats().KV.Disk.BytesOut)
		began := time.Now()
		f.warm = m.text(long, 30)
		f.took = time.Since(began)
		st := m.stats()
		f.cached, f.kv = int(st.CachedTokens), st.KV
		time.Sleep(time.Second)
		f.read, f.written = m.drive()
		f.later, f.other = say(long, 30), say(shares, 30)
	})
	return f
}

// Each world of a tier that does not do what it says, with each manager, against the tier that works.
func TestTierFaults(t *testing.T) {
	for _, manager := range sim.Offloads() {
		t.Run(manager, func(t *testing.T) {
			sound := withFault(t, manager, sim.Mechanisms{})
			require.Equal(t, 160, sound.cached)
			require.Positive(t, sound.read)
			for _, text := range []string{sound.warm, sound.later} {
				require.Equal(t, sound.cold, text)
			}
			require.Equal(t, sound.otherCold, sound.other)

			t.Run("never fires", func(t *testing.T) {
				f := withFault(t, manager, sim.Mechanisms{TierNeverFires: true})
				assert.Equal(t, f.cold, f.warm)
				assert.Positive(t, f.written)
				assert.Zero(t, f.read)
				assert.Zero(t, f.cached)
				assert.Zero(t, f.kv.Disk.Hits+f.kv.DiskHitBlocks+f.kv.OnboardD2D+f.kv.OnboardD2H)
			})
			t.Run("phantom hits", func(t *testing.T) {
				f := withFault(t, manager, sim.Mechanisms{PhantomHits: true})
				assert.Equal(t, f.cold, f.warm)
				assert.Equal(t, sound.kv, f.kv, "all counters are those of a tier that works")
				assert.Equal(t, sound.cached, f.cached)
				assert.Equal(t, sound.written, f.written)
				assert.Zero(t, f.read, "and nothing came from the drive")
				assert.Less(t, f.took, sound.took-50*time.Microsecond)
			})
			t.Run("wrong KV", func(t *testing.T) {
				f := withFault(t, manager, sim.Mechanisms{WrongKV: true})
				assert.Equal(t, sound.cold, f.cold, "computed")
				assert.NotEqual(t, f.cold, f.warm)
				assert.Equal(t, len(oneTokenAWord(f.cold)), len(oneTokenAWord(f.warm)), "as many tokens")
				assert.Equal(t, f.warm, f.later, "the device has kept what it was given")
				assert.NotEqual(t, sound.otherCold, f.other, "and serves it to whoever shares the prefix")
				assert.Equal(t, sound.kv, f.kv)
				assert.Equal(t, sound.took, f.took)
				assert.Equal(t, sound.read, f.read)
			})
		})
	}
}

// Wrong KV goes down the tiers with the blocks that were computed on top of it, exclusive ones and prefetched ones too.
func TestWrongKVSpreads(t *testing.T) {
	for name, change := range map[string]func(*sim.Spec){
		"inclusive": func(*sim.Spec) {},
		"exclusive": func(s *sim.Spec) { s.ExclusiveTiers = true },
		"prefetch":  func(s *sim.Spec) { s.PrefetchDepth = 4 },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				spec := offloadSpec(sim.OffloadKVBM, 12, 12, 60)
				change(&spec)
				m := start(t, spec, quiet(sim.Mechanisms{WrongKV: true}))
				base, grown := prompt("a", 161), prompt("a", 257)
				want := start(t, spec, quiet(sim.Mechanisms{})).text(grown, 30)
				for _, text := range []string{base, prompt("b", 257), prompt("c", 257), prompt("d", 257)} {
					m.text(text, 1)
					time.Sleep(time.Second)
				}
				assert.NotEqual(t, want, m.text(grown, 30), "computed on top of wrong KV")
				time.Sleep(time.Second)
				assert.NotEqual(t, want, m.text(grown, 30), "from the device")
			})
		})
	}
}

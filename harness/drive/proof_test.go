package drive

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/record"
)

const asked = float64(SmallProof)

// counting is a toucher that writes and reads nothing: it moves the counters of a recorded tree.
type counting struct {
	tr     *tree
	move   func(try int, dir direction) map[string]float64 // bytes by the device's name
	tries  [2]int
	moved  map[string][2]float64
	after  func(dir direction) // what happens beside it
	closed bool
}

func (c *counting) step(ctx context.Context, dir direction) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	for name, n := range c.move(c.tries[dir], dir) {
		one := c.moved[name]
		one[dir] += n
		c.moved[name] = one
	}
	c.tries[dir]++
	c.tr.show(c.moved)
	if c.after != nil {
		c.after(dir)
	}
	return nil
}

func (c *counting) write(ctx context.Context) error { return c.step(ctx, writing) }
func (c *counting) read(ctx context.Context) error  { return c.step(ctx, reading) }
func (c *counting) close() error                    { c.closed = true; return nil }

// show writes diskstats with every device of the tree, each as if it had started with a million sectors of both kinds.
func (tr *tree) show(moved map[string][2]float64) {
	tr.t.Helper()
	names := append(entries(tr.root, "sys/block"), "nvme0n1p2")
	text := ""
	for i, name := range names {
		m := moved[name]
		r, w := 1e6+m[reading]/512, 1e6+m[writing]/512
		text += fmt.Sprintf(" 259 %d %s %.0f 0 %.0f %.0f %.0f 0 %.0f %.0f 0 0 0 0 0 0 0 0 0\n", i, name, 1000+r/8, r, r/100, 1000+w/8, w, w/100)
	}
	tr.set("proc/diskstats", text)
}

func TestProve(t *testing.T) {
	all := func(names ...string) func(int, direction) map[string]float64 {
		return func(int, direction) map[string]float64 {
			out := map[string]float64{}
			for _, name := range names {
				out[name] = asked
			}
			return out
		}
	}
	only := func(name string, written, read float64) func(int, direction) map[string]float64 {
		return func(_ int, dir direction) map[string]float64 {
			return map[string]float64{name: [2]float64{written, read}[dir]}
		}
	}
	nvme, multi, md := Number{259, 2}, Number{259, 1}, Number{9, 0}
	for name, tc := range map[string]struct {
		tree     string
		on       Number
		level    string // of md0
		move     func(try int, dir direction) map[string]float64
		after    func(*tree) func(direction)
		w, r     float64
		tries    int
		counters []string
		fault    string // "" if it is proved
		lacking  string
	}{
		"as asked": {tree: "nvme", on: nvme, move: all("nvme0n1", "nvme0n1p2"), w: asked, r: asked, tries: 2, counters: []string{"nvme0n1"}},
		"2 % more": {tree: "nvme", on: nvme, move: only("nvme0n1", 1.019*asked, 1.019*asked),
			w: 1.019 * asked, r: 1.019 * asked, tries: 2, counters: []string{"nvme0n1"}},
		"2 % less": {tree: "nvme", on: nvme, move: only("nvme0n1", .981*asked, asked), w: .981 * asked, r: asked, tries: 2, counters: []string{"nvme0n1"}},
		"others twice": {tree: "nvme", on: nvme, w: asked, r: asked, tries: 6, counters: []string{"nvme0n1"},
			move: func(try int, _ direction) map[string]float64 {
				return map[string]float64{"nvme0n1": asked * float64(max(1, 3-try))}
			}},
		"others all the time, least in the third try": {tree: "nvme", on: nvme, w: 2 * asked, r: 2 * asked, tries: 12, counters: []string{"nvme0n1"},
			move: func(try int, _ direction) map[string]float64 {
				return map[string]float64{"nvme0n1": asked * float64(2+max(try-2, 2-try))}
			},
			fault: "4.0 MiB were written, and the counters of nvme0n1 moved by 8.0 MiB at least, in 6 tries: this looks like other programs that use the drive"},
		"less once is told, though others hid it before": {tree: "nvme", on: nvme, w: 0, r: asked, tries: 3, counters: []string{"nvme0n1"},
			move: func(try int, dir direction) map[string]float64 {
				if dir == writing {
					return map[string]float64{"nvme0n1": asked * float64(max(0, 2-2*try))}
				}
				return map[string]float64{"nvme0n1": asked}
			}, fault: "4.0 MiB were written, and the counters of nvme0n1 moved by 0.0 MiB: this looks like dead counters"},
		"dead": {tree: "nvme", on: nvme, move: all(), tries: 2, counters: []string{"nvme0n1"},
			fault: "moved by 0.0 MiB: this looks like dead counters, or the wrong device; 4.0 MiB were read, " +
				"and the counters of nvme0n1 moved by 0.0 MiB: this looks like a cache that answered all of it, or dead counters"},
		"switched off meanwhile": {tree: "nvme", on: nvme, move: all(), tries: 2, counters: []string{"nvme0n1"},
			after: func(tr *tree) func(direction) {
				return func(direction) { tr.set("sys/block/nvme0n1/queue/iostats", "0\n") }
			},
			fault: "dead counters, for queue/iostats is 0: as root, echo 1 > /sys/block/nvme0n1/queue/iostats"},
		"another device": {tree: "lvm-on-crypt", on: Number{253, 1}, move: all("dm-0", "dm-1", "sda"), tries: 2, counters: []string{"nvme0n1"},
			after: func(tr *tree) func(direction) {
				tr.set("sys/block/sda/dev", "8:0\n")
				tr.set("sys/block/sdb/dev", "8:16\n")
				return nil
			},
			fault: "4.0 MiB were written, and the counters of nvme0n1 moved by 0.0 MiB: this looks like the wrong device, " +
				"for those of sda moved by as much: watch that; 4.0 MiB were read"},
		"the second reading from a cache": {tree: "nvme", on: nvme, move: only("nvme0n1", asked, asked/2),
			w: asked, r: asked / 2, tries: 2, counters: []string{"nvme0n1"},
			fault: "4.0 MiB were read, and the counters of nvme0n1 moved by 2.0 MiB: this looks like a cache that answered the rest: O_DIRECT is not direct here"},
		"all from a cache": {tree: "nvme", on: nvme, move: only("nvme0n1", asked, 0), w: asked, tries: 2, counters: []string{"nvme0n1"},
			fault: "4.0 MiB were read, and the counters of nvme0n1 moved by 0.0 MiB: this looks like a cache that answered all of it"},
		"hidden paths of a head that stands still": {tree: "multipath", on: multi,
			w: asked, r: asked, tries: 2, counters: []string{"nvme0c0n1", "nvme0c1n1"},
			move: func(int, direction) map[string]float64 {
				return map[string]float64{"nvme0c0n1": asked * 3 / 4, "nvme0c1n1": asked / 4}
			}},
		"a head that counts, too": {tree: "multipath", on: multi, move: all("nvme0n1", "nvme0c0n1"),
			w: asked, r: asked, tries: 2, counters: []string{"nvme0n1"}},
		"a head that counts after a try": {tree: "multipath", on: multi, w: asked, r: asked, tries: 2, counters: []string{"nvme0n1"},
			move: func(_ int, dir direction) map[string]float64 {
				return map[string]float64{"nvme0c0n1": asked, "nvme0n1": asked * float64(dir)}
			}},
		"head and paths dead": {tree: "multipath", on: multi, move: all(), tries: 2, counters: []string{"nvme0n1"}, fault: "dead counters"},
		"two drives, striped": {tree: "md", on: md, w: asked, r: asked, tries: 2, counters: []string{"nvme0n1", "nvme1n1"},
			move: func(int, direction) map[string]float64 {
				return map[string]float64{"md0": asked, "nvme0n1": asked / 2, "nvme1n1": asked / 2}
			}},
		"two drives, mirrored": {tree: "md", on: md, level: "raid1", w: 2 * asked, r: asked, tries: 2, counters: []string{"nvme0n1", "nvme1n1"},
			move: func(_ int, dir direction) map[string]float64 {
				return map[string]float64{"md0": asked, "nvme0n1": asked, "nvme1n1": asked * float64(1-dir)}
			}},
		"a stripe that writes twice": {tree: "md", on: md, move: all("nvme0n1", "nvme1n1"),
			w: 2 * asked, r: 2 * asked, tries: 12, counters: []string{"nvme0n1", "nvme1n1"},
			fault: "or a layer that moves more than it is asked to"},
		"a mirror that others read": {tree: "md", on: md, level: "raid1", move: all("nvme0n1", "nvme1n1"),
			w: 2 * asked, r: 2 * asked, tries: 7, counters: []string{"nvme0n1", "nvme1n1"}, fault: "4.0 MiB were read, and the counters of nvme0n1, nvme1n1 moved by 8.0 MiB"},
		"a mirror whose reads are short": {tree: "md", on: md, level: "raid1", move: only("nvme0n1", asked, asked/2),
			w: asked, r: asked / 2, tries: 2, counters: []string{"nvme0n1", "nvme1n1"},
			fault: "a cache that answered the rest"},
		"counters that fall": {tree: "nvme", on: nvme, move: only("nvme0n1", -asked, 0), tries: 0,
			lacking: "whether the counters move is not known: the counters of nvme0n1 are not in diskstats, or fell: was the drive taken out"},
		"no diskstats": {tree: "nvme", on: nvme, move: all(), lacking: "whether the counters move is not known: read the devices' counters: ",
			after: func(tr *tree) func(direction) {
				return func(direction) { require.NoError(tr.t, os.Remove(filepath.Join(tr.root, "proc/diskstats"))) }
			}},
	} {
		t.Run(name, func(t *testing.T) {
			tr := recorded(t, tc.tree, tc.on)
			if tc.level != "" {
				tr.set("sys/block/md0/md/level", tc.level+"\n")
			}
			c := &counting{tr: tr, move: tc.move, moved: map[string][2]float64{}}
			if tc.after != nil {
				c.after = tc.after(tr)
			}
			d, err := tr.of()
			require.NoError(t, err)
			tr.show(nil)
			synctest.Test(t, func(t *testing.T) {
				p, err := d.prove(t.Context(), asked, c)
				require.NoError(t, err)
				assert.Equal(t, []float64{asked, asked}, []float64{p.AskedReadBytes, p.AskedWriteBytes})
				shown, known := p.Shown()
				if tc.lacking != "" {
					assert.Contains(t, p.Lacking, tc.lacking)
					assert.False(t, known || p.Within())
					return
				}
				assert.Empty(t, p.Lacking)
				assert.InDelta(t, tc.w, *p.WriteBytes, 512)
				assert.InDelta(t, tc.r, *p.ReadBytes, 512)
				assert.Equal(t, tc.tries, p.Tries)
				assert.Equal(t, tc.counters, p.Counters)
				assert.Equal(t, tc.fault == "", p.Within(), p.Fault)
				assert.Contains(t, p.Fault, tc.fault)
				assert.True(t, known)
				assert.Equal(t, min(tc.w, tc.r) >= asked, shown, "what the record says")
			})
		})
	}
}

// What it could not write or read is an error, and a proof that is broken off ends.
func TestProveFails(t *testing.T) {
	tr := recorded(t, "nvme", Number{259, 2})
	d, err := tr.of()
	require.NoError(t, err)
	tr.show(nil)
	broken := errors.New("input/output error")
	_, err = d.prove(t.Context(), asked, failing{broken})
	require.ErrorIs(t, err, broken)

	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		c := &counting{tr: tr, moved: map[string][2]float64{}, move: func(int, direction) map[string]float64 { return map[string]float64{"nvme0n1": 9 * asked} }}
		start := time.Now()
		_, err := d.prove(ctx, asked, c)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, 50*time.Millisecond, time.Since(start))
		assert.Equal(t, 2, c.tries[writing], "it waits 20 ms, then 40")
	})
}

type failing struct{ err error }

func (f failing) write(context.Context) error { return f.err }
func (f failing) read(context.Context) error  { return f.err }
func (f failing) close() error                { return nil }

// The paths that a proof has seen to move are read in the head's place: 2000 reads of 128 KiB in 141 ms.
func TestSource(t *testing.T) {
	tr := recorded(t, "multipath", Number{259, 1})
	d, err := tr.of()
	require.NoError(t, err)
	before, err := os.ReadFile(filepath.Join(tr.root, "proc/diskstats"))
	require.NoError(t, err)
	after := strings.Replace(string(before), "nvme0c0n1 1000 0 8000 100 ", "nvme0c0n1 3000 0 520000 241 ", 1)
	for name, tc := range map[string]struct {
		proof   *Proof
		reads   float64
		devices int
		first   [2]uint64 // reads and sectors of the first of them
	}{
		"paths": {&Proof{Counters: []string{"nvme0c0n1", "nvme0c1n1"}}, 2000, 2, [2]uint64{3000, 520000}},
		"head":  {&Proof{Counters: []string{"nvme0n1"}}, 0, 1, [2]uint64{}},
		"no proof: the head has counted nothing since the boot": {nil, 2000, 2, [2]uint64{3000, 520000}},
	} {
		t.Run(name, func(t *testing.T) {
			tr.set("proc/diskstats", string(before))
			b, err := d.Source(tc.proof)
			require.NoError(t, err)
			defer func() { require.NoError(t, b.Close()) }()
			var s record.SysSample
			require.NoError(t, b.Sample(t.Context(), &s))
			tr.set("proc/diskstats", after)
			require.NoError(t, b.Sample(t.Context(), &s))
			assert.Equal(t, tc.reads, s.NVMe.Reads)
			devices, err := d.Watched(tc.proof)
			require.NoError(t, err)
			stats, err := d.Diskstats(devices)
			require.NoError(t, err)
			require.Len(t, stats, tc.devices)
			assert.Equal(t, tc.first, [2]uint64{stats[0].ReadIOs, stats[0].ReadSectors})
			if tc.reads > 0 {
				assert.Equal(t, 262144000., s.NVMe.ReadBytes)
				assert.Equal(t, new(0.0705), s.NVMe.RAwait)
			}
		})
	}
	_, err = d.Source(&Proof{Counters: []string{"nvme9n1"}})
	require.ErrorContains(t, err, "is no whole disk of this machine")
	_, err = d.Diskstats([]string{"nvme9n1"})
	require.ErrorContains(t, err, "the counters of nvme9n1 are not in diskstats: was the drive taken out")
}

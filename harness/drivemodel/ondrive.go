package drivemodel

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"sparkharness/harness/drive"
	"sparkharness/harness/record"
	"sparkharness/harness/regular"
	"sparkharness/harness/restore"
	"sparkharness/harness/treatment"
)

// Options are what a measurement needs beside the folder.
type Options struct {
	Out io.Writer // the user
	// What follows has a default, and is for tests.
	Journal string // folder of journals: the user's
	Fio     string // the program: fio, from PATH
	File    int64  // bytes of the file that is read and written: 1 GiB
}

// aLook is how long the drive is watched beforehand.
const aLook = time.Second

// OnDrive measures the drive that holds a folder. All files lie in a folder of their own below it, which is noted in the journal
// before it is made and removed at the end, when ctx ends, too; what a kill leaves the next start removes. No device is opened.
func OnDrive(ctx context.Context, dir string, o Options) (f *Figures, err error) {
	defer func() {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
	}()
	if o.File == 0 {
		o.File = fileBytes
	}
	d, err := drive.Of(dir, drive.Here())
	if err != nil {
		return nil, err
	}
	limits, err := d.Limits()
	if err != nil {
		return nil, err
	}
	home := o.Journal
	if home == "" {
		if home, err = restore.Home(); err != nil {
			return nil, err
		}
	}
	journal, err := restore.Open(home, o.Out)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, journal.Close()) }()
	if len(journal.Left) > 0 {
		return nil, fmt.Errorf("an earlier run has left what could not be undone, so this machine is not as it was found: %s", strings.Join(journal.Left, "; "))
	}
	t, err := treatment.New(treatment.Options{Drive: d, Journal: journal, Rng: rand.New(rand.NewPCG(1, 1)), Noise: rand.NewChaCha8([32]byte{1}),
		Out: o.Out, Fio: o.Fio})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	tasks := max(1, min(mostTasks, runtime.NumCPU()))
	all := map[string]string{}
	for _, m := range measurements(o.File, tasks) {
		all[m.name] = m.text
	}
	if _, err := t.Check(ctx, all, false); err != nil {
		return nil, err
	}
	before := waited()
	others, err := moved(ctx, d)
	if err != nil {
		return nil, err
	}
	waiting := (waited() - before).Seconds() / aLook.Seconds()
	if f, err = measure(ctx, t, o.File, tasks, func(line string) { fmt.Fprintln(o.Out, line) }); err != nil {
		return nil, err
	}
	f.Limits, f.Leaf, f.Others, f.Waiting, f.Date = limits, named(d), others, waiting, time.Now().UTC().Format(time.DateOnly)
	f.System, err = system()
	return f, err
}

// moved are the bytes/s that others move on the drive.
func moved(ctx context.Context, d *drive.Drive) (perSecond float64, err error) {
	source, err := d.Source(nil)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	var s record.SysSample
	for i := range 2 {
		if i > 0 {
			select {
			case <-ctx.Done():
				return 0, context.Cause(ctx)
			case <-time.After(aLook):
			}
		}
		s = record.SysSample{}
		if err := source.Sample(ctx, &s); err != nil {
			return 0, err
		}
	}
	if s.NVMe == nil {
		return 0, nil
	}
	return (s.NVMe.ReadBytes + s.NVMe.WriteBytes) / aLook.Seconds(), nil
}

// waited is how long some program waited for a processor since the boot, 0 where the kernel does not tell.
func waited() time.Duration {
	const mostText = 1 << 12
	text, err := regular.Read("/proc/pressure/cpu", mostText)
	if err != nil {
		return 0
	}
	_, after, _ := strings.Cut(string(text), "total=")
	number, _, _ := strings.Cut(after, "\n")
	us, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		return 0
	}
	return time.Duration(us) * time.Microsecond
}

// named is the first device of a drive, with the names of all.
func named(d *drive.Drive) record.DriveLeaf {
	l := d.Leaves[0]
	for _, more := range d.Leaves[1:] {
		l.Name += "+" + more.Name
	}
	l.SerialHash = "" // of nobody's concern
	return l
}

// system is the kernel's name and release.
func system() (string, error) {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return "", fmt.Errorf("the kernel's release: %w", err)
	}
	return unix.ByteSliceToString(u.Sysname[:]) + " " + unix.ByteSliceToString(u.Release[:]), nil
}

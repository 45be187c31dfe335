package treatment

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/disk"
	"sparkharness/harness/record"
	"sparkharness/harness/rig"
)

// fake is a program that is called as fio is: it says with $begin what it says at first, reads the file that was laid out past the
// page cache until told to end, and then does $end.
func fake(t *testing.T, begin, end string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "fio")
	script := `#!/bin/sh
case $1 in --enghelp=*) exit 0;; esac
for a in "$@"; do case $a in --directory=*) dir=${a#--directory=};; esac; done
cat >/dev/null
over=
trap 'over=1' INT
` + begin + `
while [ -z "$over" ]; do
	dd if="$dir/load.dat" of=/dev/null bs=1M count=4 iflag=direct 2>/dev/null
	[ -e "$dir/die" ] && exit 3
done
` + end + "\n"
	require.NoError(t, os.WriteFile(path, []byte(script), 0o755))
	return path
}

// told is a document of fio's, with an error of its job, and without disk_util.
func told(jobError string) string { return toldOf(jobError, "8192") }

// toldOf is the same of so many bytes read. The shell says it itself: a process of its own would be asked to end as soon as it is there.
func toldOf(jobError, bytes string) string {
	return `printf '%s\n' '{
  "fio version" : "fio-0",
  "timestamp_ms" : 1000,
  "jobs" : [ { "jobname" : "he\"}avy", "error" : ` + jobError + `,
    "read" : { "io_bytes" : ` + bytes + `, "total_ios" : 2, "clat_ns" : { "N" : 2, "mean" : 5000.5, "percentile" : { "99.000000" : 7000 } } },
    "write" : { "io_bytes" : 0, "total_ios" : 0, "clat_ns" : { "N" : 0, "mean" : 0.0 } } } ]
}'
`
}

// How a fio can fail, and what is made of it: never a cell that passes for treated.
func TestFaultsOfFio(t *testing.T) {
	note := "echo 'note: both iodepth >= 1 and synchronous I/O engine are selected {'\n"
	for name, tc := range map[string]struct {
		begin, end string
		die        bool // in the middle
		apply      string
		undo       string
	}{
		"well, with a note":   {begin: note + told("0"), end: "echo; echo 'fio: terminating on signal 2'\n" + told("0")},
		"dies at once":        {begin: "echo 'fio: engine libaio not loadable' >&2; exit 1", apply: `exit status 1; it said "fio: engine libaio not loadable"`},
		"ends at once":        {begin: "exit 0", apply: "it exited without an error; it said nothing"},
		"dies in the middle":  {begin: told("0"), die: true, undo: "fio x ended by itself after at most"},
		"dies without space":  {begin: told("28"), die: true, undo: `fio job "he\"}avy" failed: error 28: no space left on device`},
		"reports no space":    {begin: told("0"), end: told("28") + "exit 1", undo: `error 28: no space left on device`},
		"does not listen":     {begin: told("0") + "trap '' INT", end: "", undo: "did not end 300ms after it was asked to, and was killed"},
		"does not show":       {begin: toldOf("0", "0"), apply: "does not show 2s after its start: it moved 0 bytes by its own figures"},
		"shows elsewhere":     {begin: toldOf("0", "999999999999") + "while [ -z \"$over\" ]; do :; done", apply: "does not show 2s after its start: it moved 999999999999 bytes by its own figures, "},
		"says nothing":        {end: "echo bye", apply: `does not show 2s after its start: it moved 0 bytes by its own figures`},
		"is cut off":          {begin: told("0"), end: told("0") + `echo '{ "jobs" : ['`, undo: "fio's last figures are cut off"},
		"says something else": {begin: told("0"), end: `echo '{ "jobs" : 3 }'`, undo: "fio's figures cannot be read: json: cannot unmarshal number"},
	} {
		t.Run(name, func(t *testing.T) {
			elsewhere, begun := 0, 0
			tr, dir, _ := treating(t, func(o *Options) {
				o.Span = 100 * time.Millisecond
				o.Fio = fake(t, tc.begin, tc.end)
				o.Elsewhere = func(start func() error) error { elsewhere++; return start() }
				if name == "does not listen" {
					o.GraceToEnd = 300 * time.Millisecond
				}
				if tc.apply != "" {
					o.Showing = 2 * time.Second
				}
			})
			done, err := tr.Apply(t.Context(), rig.Treatment{Kind: rig.Fio, Name: "x", Text: profile, Begins: func(context.Context) error {
				assert.Zero(t, elsewhere, "fio has not been started")
				begun++
				return nil
			}})
			assert.Equal(t, 1, begun)
			assert.Equal(t, 1, elsewhere, "fio alone is started on other CPUs")
			if tc.apply != "" {
				require.ErrorContains(t, err, tc.apply)
				assert.Nil(t, done.Undo)
				assert.Nil(t, tr.fioRuns)
				return
			}
			require.NoError(t, err)
			run := tr.fioRuns
			if tc.die {
				folders, err := filepath.Glob(dir + "/sparkharness-load-*")
				require.NoError(t, err)
				require.NoError(t, os.WriteFile(folders[0]+"/die", nil, 0o644))
				<-run.process.Ended
			}
			err = done.Undo(t.Context())
			_, runs := disk.OwnerOf(run.process.PID)
			assert.False(t, runs)
			if tc.undo != "" {
				require.ErrorContains(t, err, tc.undo)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, "fio-0", done.Fio.End.Version)
			assert.Nil(t, done.Fio.End.Write)
			read := done.Fio.End.Read
			assert.EqualValues(t, 8192, read.Bytes)
			assert.InDelta(t, 5.0005, *read.MeanUS, 1e-9)
			assert.Nil(t, read.P50US)
			assert.EqualValues(t, 7, *read.P99US)
		})
	}
}

// What cannot be run is refused before anything is written, with what to do.
func TestRefusedBeforehand(t *testing.T) {
	for want, tc := range map[string]struct {
		change func(*Options)
		text   string
	}{
		"fio is not installed: exec: \"no-such-fio\": executable file not found in $PATH: apt install fio": {func(o *Options) { o.Fio = "no-such-fio" }, profile},
		"fio has no engine libaio (exit status 1; it said \"fio: engine libaio not loadable\"): apt install fio brings it, or set ioengine=psync": {func(o *Options) {
			o.Fio = filepath.Join(t.TempDir(), "fio")
			require.NoError(t, os.WriteFile(o.Fio, []byte("#!/bin/sh\necho 'fio: engine libaio not loadable'; exit 1\n"), 0o755))
		}, profile},
		"is an absolute name: of a device":                     {nil, "[a]\ndirect=1\nsize=1m\nfilename=/dev/vda\nthread\ntime_based\nruntime=1h\n"},
		"would end after one pass":                             {nil, "[a]\ndirect=1\nsize=1m\nfilename=a\nthread\n"},
		"is the probe's file":                                  {nil, "[a]\ndirect=1\nsize=1m\nfilename=sparkharness-probe.dat\nthread\ntime_based\nruntime=1h\n"},
		"GB that are free there they may take 20 %: make room": {nil, "[a]\ndirect=1\nsize=8000t\nfilename=a\nthread\ntime_based\nruntime=1h\n"},
	} {
		change := func(o *Options) {
			o.Fio = fake(t, "", "")
			if tc.change != nil {
				tc.change(o)
			}
		}
		tr, dir, _ := treating(t, change)
		require.ErrorContains(t, tr.Prepare(t.Context(), map[string]string{"x": tc.text}, true), want)
		entries, err := os.ReadDir(dir)
		require.NoError(t, err)
		assert.Empty(t, entries, want)
		_, err = tr.Apply(t.Context(), rig.Treatment{Kind: rig.Fio, Name: "x", Text: tc.text})
		require.Error(t, err)
		require.NoError(t, tr.Close())
	}
	tr, _, _ := treating(t, nil)
	_, err := tr.Apply(t.Context(), rig.Treatment{Kind: rig.Restart})
	require.EqualError(t, err, "restart cannot be done here")
}

// A look writes nothing, and says what the files take. Of an engine without options, which it has, fio 3.33 says so and ends with 1.
func TestLook(t *testing.T) {
	tr, dir, _ := treating(t, func(o *Options) {
		o.Fio = filepath.Join(t.TempDir(), "fio")
		require.NoError(t, os.WriteFile(o.Fio, []byte("#!/bin/sh\necho 'IO engine psync has no options'; exit 1\n"), 0o755))
	})
	bytes, err := tr.Check(t.Context(), map[string]string{"x": profile}, true)
	require.NoError(t, err)
	without, err := tr.Check(t.Context(), map[string]string{"x": profile}, false)
	require.NoError(t, err)
	assert.Equal(t, tr.o.ProbeFile, bytes-without)
	assert.EqualValues(t, 4<<20, without)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Empty(t, entries)
	require.NoError(t, tr.Close())
}

// A fall of the rate of writing in fio's own documents, which come each second, is named in the record.
func TestCliffIsRecorded(t *testing.T) {
	documents := `awk 'BEGIN { for (s = 1; s <= 60; s++) { sum += s <= 25 ? 3e9 : 1e9; ios += 100
	printf "{ \"fio version\" : \"fio-0\", \"timestamp_ms\" : %d, \"jobs\" : [ { \"jobname\" : \"a\", \"error\" : 0, ", s * 1000
	printf "\"read\" : {}, \"write\" : { \"io_bytes\" : %.0f, \"total_ios\" : %d } } ] }\n", sum, ios } }'
`
	for text, named := range map[string]bool{
		profile: true,
		strings.Replace(profile, "[heavy]", "[heavy]\nthinktime=2s\nthinktime_iotime=1s", 1): false, // its rate falls by design
	} {
		tr, _, _ := treating(t, func(o *Options) {
			o.Span, o.Fio = 100*time.Millisecond, fake(t, told("0")+"documents=$("+documents+")\n", `printf '%s\n' "$documents"`)
		})
		done, err := tr.Apply(t.Context(), rig.Treatment{Kind: rig.Fio, Name: "x", Text: text})
		require.NoError(t, err)
		require.NoError(t, done.Undo(t.Context()))
		assert.InDelta(t, 25*3e9+35*1e9, done.Fio.End.Write.Bytes, 1)
		writes := done.Fio.End.Writes
		require.Equal(t, named, writes != nil)
		if named {
			assert.Equal(t, record.CacheCliff, writes.Cause)
			assert.InDelta(t, 24, *writes.AtS, 1e-9)
			assert.InDelta(t, 24*3e9/(1<<30), *writes.AfterGiB, 1e-6)
		}
	}
}

// What is asked of the program itself is asked before the first cell: in a cell its files would be read in the baseline.
func TestEnginesAreAskedForOnce(t *testing.T) {
	program := fake(t, told("0"), "echo; "+told("0"))
	script, err := os.ReadFile(program)
	require.NoError(t, err)
	asked := filepath.Join(t.TempDir(), "asked")
	noted := strings.Replace(string(script), "exit 0;;", "echo asked >>"+asked+"; exit 0;;", 1)
	require.NotEqual(t, string(script), noted)
	require.NoError(t, os.WriteFile(program, []byte(noted), 0o755))
	tr, _, _ := treating(t, func(o *Options) { o.Span, o.Fio = 100*time.Millisecond, program })
	require.NoError(t, tr.Prepare(t.Context(), map[string]string{"x": profile}, false))
	before, err := os.ReadFile(asked)
	require.NoError(t, err)
	done, err := tr.Apply(t.Context(), rig.Treatment{Kind: rig.Fio, Name: "x", Text: profile})
	require.NoError(t, err)
	require.NoError(t, done.Undo(t.Context()))
	after, err := os.ReadFile(asked)
	require.NoError(t, err)
	assert.Equal(t, string(before), string(after))
}

package doctor

import (
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/config"
)

// worldOf is a world in which a check comes out so, and what it says there.
type worldOf struct {
	id     string
	status Status
	says   string
	change func(*world)
}

var errBroken = errors.New("input/output error")

func noGPU(w *world) {
	for line := range w.commands {
		if strings.HasPrefix(line, "nvidia-smi") {
			delete(w.commands, line)
		}
	}
}

func smiLine(line string) func(*world) {
	return func(w *world) { w.commands["nvidia-smi"] = reply{smiHeader + line, nil} }
}

func noServers(w *world) { w.needs.Servers = nil }

// onlyA leaves stack A alone, of that kind.
func onlyA(w *world, of ...string) {
	w.needs.Servers = w.needs.Servers[:1]
	for _, k := range of {
		w.needs.Servers[0].Kind = kind(w.t, k)
	}
}

// unsureB is a stack B of a kind that does not tell whether it has a KV connector, without a log.
func unsureB(of string, change func(*world)) func(*world) {
	return func(w *world) {
		change(w)
		w.needs.Servers[1].Kind, w.needs.Servers[1].Log = kind(w.t, of), nil
	}
}

func littleLocked(w *world) { w.instead("proc/4711/limits", "unlimited", "65536") }
func unseeded(w *world)     { inspected("PYTHONHASHSEED=0", "OTHER=0")(w) }
func onlyB(w *world)        { w.needs.Servers = w.needs.Servers[1:] }
func noProcess(w *world) {
	for i := range w.needs.Servers {
		w.needs.Servers[i].Container = ""
	}
}

// native is a server outside of containers.
func native(environ string) func(*world) {
	return func(w *world) {
		noProcess(w)
		w.needs.Servers[1].PID = 4711
		w.mounts("mnt:[4026531841]", "mnt:[4026531841]")
		if environ != "" {
			w.set("proc/4711/environ", environ)
		}
	}
}

// listens is a process that was not named, on the port of stack B.
func listens(comm string) func(*world) {
	return func(w *world) {
		noProcess(w)
		w.set("proc/4711/comm", comm)
		w.set("proc/net/tcp", "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"+
			"   0: 0100007F:1F41 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 91234 1 0000000000000000 100 0 0 10 0\n")
		w.files["proc/4711/fd/7"] = &fstest.MapFile{Data: []byte("socket:[91234]"), Mode: fs.ModeSymlink}
	}
}

func noLogs(w *world) { w.needs.Servers[0].Log, w.needs.Servers[1].Log = nil, nil }
func logs(line string) func(*world) {
	return func(w *world) { w.needs.Servers[1].Log = new(*w.needs.Servers[1].Log + line + "\n") }
}

// kindLogs are a line in the log of a stack B of that kind.
func kindLogs(of, line string) func(*world) {
	return func(w *world) {
		logs(line)(w)
		w.needs.Servers[1].Kind = kind(w.t, of)
	}
}

// lineOf changes a line that stack B's kind looks for.
func lineOf(w *world, name, pattern string) {
	lines := w.needs.Servers[1].Kind.Launch.Log
	line, there := lines[name]
	require.True(w.t, there, name)
	line.Pattern = pattern
	lines[name] = line
}

// What any file of servers/ calls a fault of a tier of files or of loads is one for kinds without a file of their own, too.
func TestLogPatternsAreThoseOfTheKinds(t *testing.T) {
	lines := map[string]string{
		"o_direct": "WARNING O_DIRECT is unavailable, falling back", "hma": "HMA is disabled", "memlock": "cudaHostRegister failed",
		"full": "write: ENOSPC", "load_failed": "WARNING failed to load block 7", "gds": "cuFileHandleRegister: error 5", "xfer": "createXferReq",
	}
	rows := map[string]func(*visit, *Instance) seen{"o_direct": lookLogDirect, "hma": lookLogHybrid}
	folder, err := config.OpenFolder("../../configs")
	require.NoError(t, err)
	found := map[string]bool{}
	for _, name := range config.ServerNames(folder) {
		k := kind(t, name)
		if k.Launch == nil {
			continue
		}
		for of, line := range k.Launch.Log {
			if lines[of] == "" {
				assert.Contains(t, []string{config.LogReading, config.LogFault}, line.Means, of)
				continue
			}
			found[of] = true
			look := rows[of]
			if look == nil {
				look = lookLogErrors
			}
			require.Regexp(t, line.Pattern, lines[of], "%s: %s", name, of)
			for _, server := range []*config.Server{k, kind(t, "openai")} {
				got := look(nil, &Instance{Stack: "B", Kind: server, Log: new("vllm startup complete\n" + lines[of] + "\n")})
				assert.Contains(t, []Status{Missing, Warning}, got.status, "%s as %s: %s", lines[of], server.Server, got.text)
			}
		}
	}
	assert.Len(t, found, len(lines))
}

// Lines that only have words of a fault in them are none: to no kind, neither here nor at a launch.
func TestLogPatternsSpareHonestLines(t *testing.T) {
	folder, err := config.OpenFolder("../../configs")
	require.NoError(t, err)
	for _, line := range []string{
		"WARNING [config.py:12] promoted dtype to float32 to avoid overflow",
		"WARNING dtype promoted to float32 by default: errors of rounding are smaller",
		"WARNING Loading block-scaled FP8 weights may avoid errors",
		"WARNING Loading KV scales to avoid overflow",
		"WARNING cuFile log level is ERROR",
		"INFO cuFile: loaded, logging level ERROR",
		"INFO O_DIRECT enabled; fallback: none",
		"INFO O_DIRECT enabled; unbuffered, of 4 KiB",
		"INFO loaded weights in 12.3 s, no promotion, nothing failed to start",
		"ERROR download job failed, the next mirror is tried",
	} {
		for _, name := range config.ServerNames(folder) {
			k := kind(t, name)
			if k.Launch != nil {
				for of, l := range k.Launch.Log {
					assert.NotRegexp(t, l.Pattern, line, "%s: %s", name, of)
				}
			}
			s := &Instance{Stack: "B", Kind: k, Log: new("vllm startup complete\n" + line + "\n")}
			for _, look := range []func(*visit, *Instance) seen{lookLogDirect, lookLogHybrid, lookLogErrors} {
				assert.Equal(t, OK, look(nil, s).status, "%s as %s", line, name)
			}
		}
	}
}

// A fault is found however it is put, by what is looked for in the log of any server as by the kinds that have a tier of files.
func TestLogPatternsFindFaultsInOtherWords(t *testing.T) {
	faults := map[string][]string{
		"o_direct": {"does not support O_DIRECT, falling back to page cache", "O_DIRECT not supported on /kv: using buffered I/O",
			"O_DIRECT is unavailable, fallback to the page cache", "open with O_DIRECT: EINVAL, fell back to the page cache"},
		"load_failed": {"ERROR kv load job 17 failed", "ERROR load job 17: error 5", "ERROR Failed to promote block 7",
			"ERROR promotion of chunk 0x12 failed",
			"WARNING promotion failed for block 7", "WARNING failed promotion of job 3", "WARNING chunk 3: promoted bytes are void",
			"WARNING block 3 failed its promotion", "WARNING failed block promotion", "WARNING loading block 3: OSError",
			"WARNING loading kv failed",
			"WARNING failed to load chunk 9"},
		"": {"Failed to promote block", "promotion of chunk 7 failed", "cudaHostRegister failed", "cuFile error 5017", "cuFile read error",
			"cuFileDriverOpen error", "cuFile: registration failed", "cuFile returned error code -5"},
	}
	for of, lines := range faults {
		look := lookLogErrors
		if of == "o_direct" {
			look = lookLogDirect
		}
		for _, line := range lines {
			got := look(nil, &Instance{Stack: "B", Kind: kind(t, "openai"), Log: new("vllm startup complete\n" + line + "\n")})
			assert.Equal(t, Missing, got.status, line)
			for _, name := range []string{"vllm-fs", "vllm-disk", "dynamo"} {
				if of != "" {
					assert.Regexp(t, kind(t, name).Launch.Log[of].Pattern, line, name)
				}
			}
		}
	}
}

// wholeLogs are the logs of all servers.
func wholeLogs(text string) func(*world) {
	return func(w *world) {
		for i := range w.needs.Servers {
			w.needs.Servers[i].Log = new(text)
		}
	}
}

func lacksFile(path string) func(*world) { return func(w *world) { w.remove(path) } }
func file(path, content string) func(*world) {
	return func(w *world) { w.set(path, content) }
}
func command(line, out string, err error) func(*world) {
	return func(w *world) { w.commands[line] = reply{out, err} }
}
func noCommand(line string) func(*world) { return func(w *world) { delete(w.commands, line) } }
func noDirectory(w *world)               { w.needs.Dir = "" }
func inspected(old, new string) func(*world) {
	return func(w *world) { w.prints("docker inspect --type container -- vllm", old, new) }
}
func page(old, new string) func(*world) {
	return func(w *world) {
		require.Contains(w.t, w.b.page, old)
		w.b.page = strings.ReplaceAll(w.b.page, old, new)
	}
}
func memory(name, kb string) func(*world) {
	return func(w *world) {
		w.set("proc/meminfo", strings.Replace(string(w.files["proc/meminfo"].Data), name+":", name+": "+kb+" kB\nOld:", 1))
	}
}

// worlds have, for each check, one in which it is well, one in which it is not, and one in which it cannot be told.
var worlds = slices.Concat(hostWorlds, gpuWorlds, driveWorlds, serverWorlds, processWorlds, toolWorlds)

func TestChecks(t *testing.T) {
	for _, tt := range worlds {
		t.Run(tt.id+" "+string(tt.status)+" "+tt.says, func(t *testing.T) {
			w := well(t)
			tt.change(w)
			f := w.see(tt.id)
			assert.Equal(t, tt.status, f.Status, f.Seen)
			assert.Contains(t, f.Seen, tt.says)
			assert.NotContains(t, f.Seen+f.Fix+f.Why, "sekret")
			assert.NotContains(t, f.Seen, "\n")
		})
	}
}

// Each check has a world for each of the three: well, not well, and not told.
func TestEachCheckCanComeOutEachWay(t *testing.T) {
	seen := map[string]map[Status]bool{}
	for _, tt := range worlds {
		if seen[tt.id] == nil {
			seen[tt.id] = map[Status]bool{}
		}
		seen[tt.id][tt.status] = true
	}
	for _, c := range checks() {
		of := seen[c.id]
		assert.True(t, of[OK], "%s: no world in which it is ok", c.id)
		assert.True(t, of[Warning] || of[Missing], "%s: no world in which it is not", c.id)
		assert.True(t, of[Unknown], "%s: no world in which it is unknown", c.id)
		delete(seen, c.id)
	}
	assert.Empty(t, seen, "worlds of checks that there are not")
}

// In a world without anything nothing is ok: what cannot be told is unknown.
func TestNothingIsOKUnseen(t *testing.T) {
	w := well(t)
	clear(w.files)
	clear(w.commands)
	w.spaceErr, w.syncErr, w.writeErr, w.driveErr, w.lagErr = errBroken, errBroken, errBroken, errBroken, errBroken
	w.a.down, w.b.down = true, true
	noLogs(w)
	for _, f := range Run(t.Context(), w.needs) {
		if f.ID != "go-test-timeout" && f.ID != "tier-holds-prompt" { // of which everything was told
			assert.NotEqual(t, OK, f.Status, "%s: %s", f.ID, f.Seen)
		}
	}
}

// A file that is there and cannot be read is not one that is not there.
func TestUnreadableIsUnknown(t *testing.T) {
	w := well(t)
	w.needs.Machine.Files = unreadable{w.files}
	for _, id := range []string{"psi", "nvidia-driver", "dgx-os", "kernel", "swap"} {
		assert.Equal(t, Unknown, w.see(id).Status, id)
	}
}

type unreadable struct{ fs.FS }

func (unreadable) Open(name string) (fs.File, error) {
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
}

package restore

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/disk"
)

// deadOwner is a process of this boot that has ended.
func deadOwner() disk.Owner {
	o, _ := disk.OwnerOf(os.Getpid())
	o.PID, o.Start = 1<<22-1, 1
	return o
}

// swept opens a folder with one journal of an owner, these entries and a tail, and returns what the user is told and what is
// there afterwards.
func swept(t *testing.T, root string, owner disk.Owner, tail string, entries ...Entry) (told string, left []string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "state")
	require.NoError(t, os.Mkdir(dir, 0o700))
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	require.NoError(t, enc.Encode(line{Event: eventBegun, Owner: &owner}))
	for i := range entries {
		require.NoError(t, enc.Encode(line{Event: eventDoing, ID: i + 1, Entry: &entries[i]}))
	}
	b.WriteString(tail)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "7-x.jsonl"), b.Bytes(), 0o600))
	var out bytes.Buffer
	j, err := open(dir, root, &out)
	require.NoError(t, err)
	for _, l := range j.Left {
		assert.Contains(t, out.String(), "not restored: "+l+"\n")
	}
	require.NoError(t, j.Close())
	return out.String(), names(t, dir)
}

// sleeper is a process that a test has started as leader of a group.
func sleeper(t *testing.T, env ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("sleep", "300")
	cmd.Env = append(os.Environ(), env...)
	cmd.SysProcAttr = ownGroup()
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return cmd
}

// running says whether the process of a test runs, and is no zombie.
func running(cmd *exec.Cmd) bool {
	o, runs := disk.OwnerOf(cmd.Process.Pid)
	return runs && o.Start != 0
}

// A process is ended if its number, its start and the boot are those of the entry, or if it has its mark. Another one that
// has the number by now is never touched.
func TestWhichProcessIsEnded(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*disk.Owner)
		marked bool
		ended  bool
	}{
		"the one":                    {func(*disk.Owner) {}, false, true},
		"another of that number":     {func(o *disk.Owner) { o.Start-- }, false, false},
		"of another boot":            {func(o *disk.Owner) { o.Boot = "before" }, false, false},
		"of another host":            {func(o *disk.Owner) { o.Host = "elsewhere" }, false, false},
		"whose start is not known":   {func(o *disk.Owner) { o.Start = 0 }, false, false},
		"marked, of another number":  {func(o *disk.Owner) { o.PID = 1<<22 - 2 }, true, true},
		"marked, number not noted":   {func(o *disk.Owner) { o.PID = 0 }, true, true},
		"unmarked, number not noted": {func(o *disk.Owner) { o.PID = 0 }, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			mark := "none"
			if tc.marked {
				mark = envName + "=tok" + name
			}
			cmd := sleeper(t, mark)
			leader, runs := disk.OwnerOf(cmd.Process.Pid)
			require.True(t, runs)
			tc.change(&leader)
			e := Entry{Kind: Process, What: "server", Token: "tok" + name, Leader: &leader}
			if leader.PID == 0 {
				e.Leader = nil
			}
			told, left := swept(t, "/", deadOwner(), "", e)
			assert.Equal(t, tc.ended, !running(cmd), told)
			assert.Equal(t, tc.ended, strings.Contains(told, "process "+fmt.Sprint(cmd.Process.Pid)+" ended (server)"), told)
			assert.Equal(t, leader.Start == 0, len(left) == 1, "that one is told, and stays")
		})
	}
}

// This process, and those that have started it, carry marks of harnesses that started them: they are never ended.
func TestNeverEndsItself(t *testing.T) {
	cmd := exec.Command("sh", "-c", `exec "$0" -test.run '^TestWhichProcessIsEnded$'`, os.Args[0])
	cmd.Env = append(os.Environ(), envName+"=tokmarked, number not noted")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
}

// Members of a group whose leader is gone, and that carry no mark, may be anybody's: that is told, and they stay.
func TestGroupWithoutALeader(t *testing.T) {
	cmd := exec.Command("sh", "-c", "sleep 300 >/dev/null 2>&1 & echo $!")
	cmd.SysProcAttr = ownGroup()
	out, err := cmd.Output()
	require.NoError(t, err)
	var pid int
	_, err = fmt.Sscan(string(out), &pid)
	require.NoError(t, err)
	t.Cleanup(func() { p, _ := os.FindProcess(pid); _ = p.Kill() })
	leader := deadOwner()
	leader.PID = cmd.Process.Pid
	told, left := swept(t, "/", deadOwner(), "", Entry{Kind: Process, What: "server", Token: "t", Leader: &leader})
	assert.Contains(t, told, fmt.Sprintf("not restored: server, which process %d", deadOwner().PID))
	assert.Contains(t, told, fmt.Sprintf("process %d may be of it, but its leader is gone", pid))
	assert.Equal(t, []string{"7-x.jsonl"}, left)
	_, runs := disk.OwnerOf(pid)
	assert.True(t, runs)
}

// A process that does not listen is killed; fio is asked with SIGINT, others with SIGTERM.
func TestHowProcessesAreEnded(t *testing.T) {
	for kind, said := range map[Kind]string{Process: "TERM\n", Fio: "INT\n"} {
		t.Run(string(kind), func(t *testing.T) {
			j, below := opened(t)
			heard, ready := filepath.Join(below, "heard"), filepath.Join(below, "ready")
			script := fmt.Sprintf("trap 'echo TERM >>%[1]s' TERM; trap 'echo INT >>%[1]s' INT; : >%[2]s; while :; do sleep 0.05; done", heard, ready)
			s, err := j.Start(exec.Command("sh", "-c", script), Entry{Kind: kind, What: "deaf", GraceS: 0.5}, nil)
			require.NoError(t, err)
			require.Eventually(t, func() bool { _, err := os.Stat(ready); return err == nil }, 10*time.Second, time.Millisecond)
			require.NoError(t, s.Undo(t.Context()))
			text, err := os.ReadFile(heard)
			require.NoError(t, err)
			assert.Equal(t, said, string(text), "asked once")
			assert.ErrorContains(t, s.Err(), "signal: killed")
			assert.Empty(t, j.open)
		})
	}
}

// Of a folder, only one that this harness has marked is removed, and nothing that lies outside it.
func TestWhichFolderIsRemoved(t *testing.T) {
	for name, tc := range map[string]struct {
		make    func(t *testing.T, dir, outside string)
		removed bool
		want    string
	}{
		"marked":        {func(t *testing.T, dir, _ string) { put(t, dir+"/"+mark, "abc\n") }, true, "removed"},
		"empty":         {func(*testing.T, string, string) {}, true, "removed"},
		"torn mark":     {func(t *testing.T, dir, _ string) { put(t, dir+"/"+mark, "") }, true, "removed"},
		"another mark":  {func(t *testing.T, dir, _ string) { put(t, dir+"/"+mark, "xyz\n"); put(t, dir+"/data", "") }, false, "the mark of"},
		"no mark":       {func(t *testing.T, dir, _ string) { put(t, dir+"/data", "") }, false, "is not empty and does not carry the mark"},
		"a link":        {func(t *testing.T, dir, out string) { require.NoError(t, os.Remove(dir)); link(t, out, dir) }, false, "is no folder"},
		"a link in it":  {func(t *testing.T, dir, out string) { put(t, dir+"/"+mark, "abc"); link(t, out, dir+"/away") }, true, "removed"},
		"a linked mark": {func(t *testing.T, dir, out string) { link(t, out+"/kept", dir+"/"+mark) }, false, "whose"},
		"gone":          {func(t *testing.T, dir, _ string) { require.NoError(t, os.Remove(dir)) }, true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			below, outside := t.TempDir(), t.TempDir()
			put(t, outside+"/kept", "abc\n")
			put(t, outside+"/"+mark, "abc\n")
			dir := filepath.Join(below, "x-abc")
			require.NoError(t, os.Mkdir(dir, 0o755))
			tc.make(t, dir, outside)
			told, left := swept(t, "/", deadOwner(), "", Entry{Kind: Folder, What: "load", Token: "abc", Below: below, Path: dir})
			assert.Contains(t, told, tc.want)
			assert.Equal(t, tc.removed, len(names(t, below)) == 0)
			assert.Equal(t, tc.removed, len(left) == 0)
			assert.FileExists(t, outside+"/kept")
		})
	}
}

func put(t *testing.T, path, text string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
}

func link(t *testing.T, to, at string) {
	t.Helper()
	require.NoError(t, os.Symlink(to, at))
}

// A setting gets its old value back unless somebody else has changed it, or the machine was started anew.
func TestSettings(t *testing.T) {
	root := t.TempDir()
	path := root + "/sys/block/nvme0n1/queue/nr_requests"
	e := Entry{Kind: Setting, What: "queue", Token: "abc", Path: path, Old: "1023", New: "64"}
	after := func(value string, owner disk.Owner) (told, now string) {
		put(t, path, value+"\n")
		told, _ = swept(t, root, owner, "", e)
		b, err := os.ReadFile(path)
		require.NoError(t, err)
		return told, strings.TrimSpace(string(b))
	}
	told, now := after("64", deadOwner())
	assert.Equal(t, "1023", now)
	assert.Contains(t, told, path+" is 1023 again (queue)")
	told, now = after("1023", deadOwner())
	assert.Equal(t, "1023", now)
	assert.Empty(t, told)
	told, now = after("32", deadOwner())
	assert.Equal(t, "32", now)
	assert.Contains(t, told, "so somebody else has changed it")
	booted := deadOwner()
	booted.Boot = "before"
	told, now = after("64", booted)
	assert.Equal(t, "64", now)
	assert.Empty(t, told)

	e.Path = root + "/sys/other"
	put(t, e.Path, "64")
	told, _ = swept(t, root, deadOwner(), "", e)
	assert.Contains(t, told, "is not among those that may be changed")

	j, err := open(filepath.Join(t.TempDir(), "state"), root, &bytes.Buffer{})
	require.NoError(t, err)
	undo, err := j.Set(path, "8")
	require.NoError(t, err)
	now, err = current(path)
	require.NoError(t, err)
	assert.Equal(t, "8", now)
	require.NoError(t, undo(t.Context()))
	now, err = current(path)
	require.NoError(t, err)
	assert.Equal(t, "64", now)
	put(t, path, "none [mq-deadline] bfq\n")
	now, err = current(path)
	require.NoError(t, err)
	assert.Equal(t, "mq-deadline", now)
	require.NoError(t, j.Close())
}

// What stands in a journal is undone only if it could have been noted: whatever has put another thing there.
func TestEntriesAreCheckedAgain(t *testing.T) {
	below := t.TempDir()
	put(t, below+"/mine", "mine")
	require.NoError(t, os.Mkdir(below+"/empty", 0o755))
	for want, e := range map[string]Entry{
		"must have its token abc in its name": {Kind: File, Token: "abc", Path: below + "/mine", Below: below},
		"must have its token abd in its name": {Kind: Folder, Token: "abd", Path: below + "/empty", Below: below},
		"an entry needs a token":              {Kind: File, Path: below + "/mine", Below: below},
		"must lie directly in a folder":       {Kind: File, Token: "mine", Path: below + "/mine", Below: "/"},
		"must be docker or podman":            {Kind: Container, Token: "abc", Runtime: "/bin/false"},
	} {
		e.What = "thing"
		told, left := swept(t, "/", deadOwner(), "", e)
		assert.Contains(t, told, "not restored: thing, which ")
		assert.Contains(t, told, want)
		assert.Len(t, left, 1)
	}
	assert.Equal(t, []string{"empty", "mine"}, names(t, below))
}

// Journals that are not whole, or not of this host: what can be told is done, and the rest is told to the user.
func TestOddJournals(t *testing.T) {
	below := t.TempDir()
	dir := filepath.Join(below, "x-abc")
	e := Entry{Kind: Folder, What: "load", Token: "abc", Below: below, Path: dir}
	require.NoError(t, os.Mkdir(dir, 0o755))
	told, left := swept(t, "/", deadOwner(), `{"event":"doing","id":2,"entry":{"kind":"fol`, e)
	assert.Contains(t, told, "x-abc removed", "a torn last line has not been acted on")
	assert.Empty(t, left)

	require.NoError(t, os.Mkdir(dir, 0o755))
	told, left = swept(t, "/", deadOwner(), "{\"event\":\"undo\n", e)
	assert.Contains(t, told, "has 1 lines that are none, the first is line 3: look at it and remove it")
	assert.Contains(t, told, "x-abc removed")
	assert.Len(t, left, 1)

	require.NoError(t, os.Mkdir(dir, 0o755))
	elsewhere := deadOwner()
	elsewhere.Host = "elsewhere"
	told, left = swept(t, "/", elsewhere, "", e)
	assert.Contains(t, told, "on host elsewhere, since ")
	assert.Contains(t, told, "has left load: start there")
	assert.Len(t, left, 1)
	assert.DirExists(t, dir)

	told, left = swept(t, "/", deadOwner(), "", Entry{Kind: "spell", What: "magic", Token: "abc"})
	assert.Contains(t, told, `kind "spell" is not known`)
	assert.Len(t, left, 1)
}

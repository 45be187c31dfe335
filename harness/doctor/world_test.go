package doctor

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"sparkharness/harness/config"
	"sparkharness/harness/drive"
	"sparkharness/harness/lora"
	"sparkharness/harness/outgoing"
	"sparkharness/harness/record"
)

// world is a recorded machine with its servers, which a test changes before it is looked at.
type world struct {
	t        *testing.T
	files    fstest.MapFS
	commands map[string]reply // by command line, else by the command's name
	env      map[string]string
	now      time.Time
	slept    func(time.Duration) // what happens meanwhile
	space    map[string]Space
	spaceErr error
	spaceOf  func(path string) (Space, error) // instead of the two above
	synced   bool
	syncErr  error
	canWrite bool
	writeErr error
	drive    *drive.Drive
	driveErr error
	proof    drive.Proof
	proveErr error
	lags     []time.Duration
	lagErr   error
	needs    Needs
	a, b     *fake
}

// reply is what a command prints and how it ends.
type reply struct {
	out string
	err error
}

// errRan is the error of a command that ran and ended badly.
var errRan = errors.New("exit status 1")

// fixture is a file of testdata.
func fixture(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	return string(b)
}

const (
	smiHeader = "utilization.gpu [%], memory.used [MiB], power.draw [W], clocks.current.sm [MHz], clocks_event_reasons.active\n"
	idleLine  = "0, [N/A], 4.21, 208, 0x0000000000000001\n"
	busyLine  = "96, [N/A], 80.10, 2418, 0x0000000000000000\n"
	// slowLine is a GB10 whose power supply negotiated too little.
	slowLine = "96, [N/A], 17.40, 513, 0x0000000000000000\n"
)

// well is a DGX Spark on which all is well, under load, with vLLM as stack A and with tiers of files as B.
func well(t *testing.T) *world {
	t.Helper()
	w := &world{
		t: t, files: tree(t, "gb10.tree"), env: map[string]string{}, now: time.Unix(1.8e9, 0), slept: func(time.Duration) {},
		commands: map[string]reply{
			"nvidia-smi":           {smiHeader + busyLine, nil},
			"nvidia-smi --version": {"NVIDIA-SMI version  : 580.142\nNVML version        : 580.142\nDRIVER version      : 580.142\nCUDA Version        : 13.0\n", nil},
			"nvidia-smi --query-compute-apps=pid,process_name --format=csv,noheader": {"4711, VLLM::EngineCore\n4712, /usr/bin/python3\n", nil},
			"dmesg":              {fixture(t, "dmesg.txt"), nil},
			"journalctl":         {"", errRan},
			"smartctl":           {fixture(t, "smartctl.json"), nil},
			"smartctl --version": {"smartctl 7.4 2023-08-01 r5530\nCopyright", nil},
			"docker version --format {{.Server.Version}}": {"28.2.2\n", nil},
			"docker inspect --type container -- vllm":     {fixture(t, "docker-inspect.json"), nil},
			"fio --version": {"fio-3.41\n", nil},
			"fio --enghelp": {"Available IO engines:\n\tpsync\n\tio_uring\n\tlibaio\n", nil},
		},
		space:  map[string]Space{"/mnt/nvme": {3000 * gib, 3700 * gib}, "/dev/shm": {60 * gib, 61 * gib}, ".": {100 * gib, 200 * gib}},
		synced: true, canWrite: true,
		drive: &drive.Drive{Dir: "/mnt/nvme", Drive: record.Drive{FileSystem: "ext4", Leaves: []record.DriveLeaf{{
			Device: record.Device{Name: "nvme0n1"}, Model: "SAMSUNG MZALC4T0HBL1-00B07", Firmware: "NXHB202Q", Transport: "pcie",
			PCIe: &record.PCIeLink{Speed: "32.0 GT/s PCIe", Width: "4", MaxSpeed: "32.0 GT/s PCIe", MaxWidth: "4"}}}}},
		proof: drive.Proof{Counters: []string{"nvme0n1"}, CountersProof: record.CountersProof{AskedReadBytes: 4 << 20, AskedWriteBytes: 4 << 20,
			ReadBytes: new(4194304.0), WriteBytes: new(4194304.0)}},
		a: newFake(t), b: newFake(t),
	}
	told := 1048576.0
	w.b.says = func(prompt string, again bool) string { // what it has seen comes back through tier 2
		if again {
			w.b.page = strings.Replace(w.b.page, fmt.Sprintf("%.1f", told), fmt.Sprintf("%.1f", told+1e6), 1)
			told += 1e6
		}
		return "about " + begin(prompt)
	}
	for i := range 300 {
		w.lags = append(w.lags, time.Duration(i)*time.Microsecond)
	}
	log := fixture(t, "vllm.log")
	quiet := strings.Join(strings.Split(log, "\n")[1:], "\n")
	w.needs = Needs{
		Dir: "/mnt/nvme", Hours: 6, TestTimeout: new(time.Duration), CPUTierBytes: new(16. * gib), PromptKVBytes: new(12. * gib), FootprintBytes: new(512. * gib), Probe: true,
		Servers: []Instance{
			{Stack: "A", URL: "http://127.0.0.1:8000", Kind: kind(t, "vllm"), HTTP: w.a.client(), Container: "vllm", Log: &quiet},
			{Stack: "B", URL: "http://127.0.0.1:8001", Kind: kind(t, "vllm-fs"), HTTP: w.b.client(), Container: "vllm", Log: &log},
		},
	}
	for _, name := range []string{"a", "b"} {
		w.set("mnt/nvme/lora/"+name+"/adapter_config.json", `{"peft_type":"LORA","r":16,"base_model_name_or_path":"m"}`)
		w.files["mnt/nvme/lora/"+name+"/adapter_model.safetensors"] = &fstest.MapFile{Data: adapterWeights}
	}
	w.needs.Adapters = &lora.Wanted{Dir: "/mnt/nvme/lora", Names: []string{"a", "b"}, Rank: 16}
	w.needs.Machine = w.machine()
	return w
}

// adapterWeights are those of an adapter of rank 16 on an 8B.
var adapterWeights = safetensors(make([]byte, 80<<20))

func (w *world) machine() *Machine {
	return &Machine{
		Files: w.files,
		Run: func(_ context.Context, name string, args ...string) (string, error) {
			r, known := w.commands[strings.Join(append([]string{name}, args...), " ")]
			if !known {
				r, known = w.commands[name]
			}
			if !known {
				return "", &exec.Error{Name: name, Err: exec.ErrNotFound}
			}
			return r.out, r.err
		},
		Env:   func(name string) (string, bool) { v, set := w.env[name]; return v, set },
		Now:   func() time.Time { return w.now },
		Sleep: func(ctx context.Context, d time.Duration) error { w.now = w.now.Add(d); w.slept(d); return ctx.Err() },
		Space: func(path string) (Space, error) {
			if w.spaceOf != nil {
				return w.spaceOf(path)
			}
			return w.space[path], w.spaceErr
		},
		Synced:   func() (bool, time.Duration, error) { return w.synced, 1500 * time.Microsecond, w.syncErr },
		Writable: func(string) (bool, error) { return w.canWrite, w.writeErr },
		Drive:    func(string) (*drive.Drive, error) { return w.drive, w.driveErr },
		Prove:    func(context.Context, *drive.Drive) (drive.Proof, error) { return w.proof, w.proveErr },
		Lateness: func(context.Context) ([]time.Duration, error) { return w.lags, w.lagErr },
		Spin:     func(ctx context.Context) { <-ctx.Done() },
	}
}

// see is what a check sees: of the servers that it looks at, the last.
func (w *world) see(id string) Finding {
	w.t.Helper()
	v := newVisit(w.t.Context(), &w.needs)
	for _, c := range checks() {
		if c.id == id {
			found := c.findings(v, nil)
			return found[len(found)-1]
		}
	}
	require.FailNow(w.t, "there is no such check", id)
	return Finding{}
}

// set writes a file; remove takes one away.
func (w *world) set(path, content string) { w.files[path] = &fstest.MapFile{Data: []byte(content)} }
func (w *world) remove(path string)       { delete(w.files, path) }

// mounts are the mount namespaces of this process and of process 4711.
func (w *world) mounts(own, its string) {
	w.files["proc/self/ns/mnt"] = &fstest.MapFile{Data: []byte(own), Mode: fs.ModeSymlink | 0o777}
	w.files["proc/4711/ns/mnt"] = &fstest.MapFile{Data: []byte(its), Mode: fs.ModeSymlink | 0o777}
}

// instead replaces a part of a file that must be there.
func (w *world) instead(path, old, new string) {
	w.t.Helper()
	text := string(w.files[path].Data)
	require.Contains(w.t, text, old)
	w.set(path, strings.Replace(text, old, new, 1))
}

// broken replaces a part of what a command prints.
func (w *world) prints(command, old, new string) {
	w.t.Helper()
	r := w.commands[command]
	require.Contains(w.t, r.out, old)
	w.commands[command] = reply{strings.Replace(r.out, old, new, 1), r.err}
}

// tree is a recorded tree: a path and its content a line, of which those that begin with a blank go on.
func tree(t *testing.T, name string) fstest.MapFS {
	t.Helper()
	out := fstest.MapFS{}
	path := ""
	for line := range strings.Lines(fixture(t, name)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		if more, found := strings.CutPrefix(line, " "); found {
			out[path].Data = append(out[path].Data, more...)
			continue
		}
		var content string
		var ok bool
		path, content, ok = strings.Cut(line, " =")
		require.True(t, ok, line)
		out[path] = &fstest.MapFile{Data: []byte(content)}
	}
	return out
}

// kind is a file of configs/servers.
func kind(t *testing.T, name string) *config.Server {
	t.Helper()
	folder, err := config.OpenFolder("../../configs")
	require.NoError(t, err)
	k, err := config.LoadServer(folder, name)
	require.NoError(t, err)
	return k
}

// begin tells a document from others.
func begin(prompt string) string { return prompt[:min(12, len(prompt))] }

// fake is a server that answers inside the process.
type fake struct {
	t      *testing.T
	model  string // "" lists none
	page   string // "": there is none
	tells  bool   // cached tokens
	cached int    // of a prompt that it has seen
	mu     sync.Mutex
	seen   map[string]bool
	// says is its answer to a prompt that it has seen, or not.
	says func(prompt string, again bool) string
	down bool
	// refuses prompts, as a server does whose worker died.
	refuses bool
}

func newFake(t *testing.T) *fake {
	return &fake{t: t, model: "m", page: fixture(t, "metrics.prom"), tells: true, cached: 1184, seen: map[string]bool{},
		says: func(prompt string, _ bool) string { return "about " + begin(prompt) }}
}

func (f *fake) client() *outgoing.Client { return outgoing.New(outgoing.Options{Through: f}) }

func (f *fake) RoundTrip(req *http.Request) (*http.Response, error) {
	if f.down {
		return nil, fmt.Errorf("connection refused")
	}
	rec := httptest.NewRecorder()
	f.serve(rec, req)
	resp := rec.Result()
	resp.Request = req
	return resp, nil
}

func (f *fake) serve(w http.ResponseWriter, req *http.Request) {
	switch req.URL.Path {
	case "/v1/models":
		if f.model == "" {
			_, _ = io.WriteString(w, `{"data":[]}`)
			return
		}
		_, _ = fmt.Fprintf(w, `{"data":[{"id":%q}]}`, f.model)
	case "/metrics":
		if f.page == "" {
			w.WriteHeader(http.StatusNotImplemented)
			return
		}
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		_, _ = io.WriteString(w, f.page)
	case "/v1/completions":
		if f.refuses {
			http.Error(w, "no worker", http.StatusServiceUnavailable)
			return
		}
		var ask struct{ Prompt string }
		if err := json.NewDecoder(req.Body).Decode(&ask); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		f.mu.Lock()
		again := f.seen[ask.Prompt]
		f.seen[ask.Prompt] = true
		f.mu.Unlock()
		usage := map[string]any{"prompt_tokens": 1203}
		if f.tells {
			cached := 0
			if again {
				cached = f.cached
			}
			usage["prompt_tokens_details"] = map[string]any{"cached_tokens": cached}
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"choices": []any{map[string]any{"text": f.says(ask.Prompt, again)}}, "usage": usage})
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

// safetensors is a file of weights with one tensor, which has the bytes that are given.
func safetensors(data []byte) []byte {
	header := fmt.Appendf(nil, `{"lora_A.weight":{"dtype":"U8","shape":[%d],"data_offsets":[0,%[1]d]}}`, len(data))
	return append(append(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header...), data...)
}

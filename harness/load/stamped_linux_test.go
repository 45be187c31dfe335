package load

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sparkharness/harness/sim"
)

// stampedServer is the environment variable that makes the test binary the server of BenchmarkClientError,
// so that the server's CPU time is not the client's.
const stampedServer = "LOAD_TEST_STAMPED_SERVER"

func TestMain(m *testing.M) {
	if os.Getenv(stampedServer) == "" {
		os.Exit(m.Run())
	}
	if err := serveStamped(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "stamped server:", err)
		os.Exit(1)
	}
}

// paced is a machine that has nothing to wait for.
var paced = sim.Params{
	NVMe: sim.NVMeParams{ControllerCmdsPerSec: 1e6, Planes: 8, PageBytes: 16 << 10, PageReadNS: 1, PageProgramNS: 1, LinkBytesPerSec: 1e9,
		FlashWriteBytesPerSec: 1e9, WriteCacheBytes: 8 << 20, MaxCommandBytes: 512 << 10, JiffyNS: 4e6, BackgroundBytes: 4 << 10},
	Host: sim.HostParams{CPUs: 20, MemTotalBytes: 128 << 30, DRAMBytesPerSec: 273e9, HostCopyBytesPerSec: 1e9, BufferedReadBytesPerSec: 1e9, ReadaheadBytes: 128 << 10},
}

// serveStamped serves a simulated machine with stamped frames and a step of 50 ms, whatever the batch, on
// a free port of the loopback in real time. It writes its address, one line, and ends when in does.
func serveStamped(in io.Reader, out io.Writer) error {
	m, err := sim.Start(sim.Spec{
		Dialect: sim.DialectTRTLLM, KVElemBytes: 2, BlockTokens: 32,
		Model: sim.Model{
			Name: "paced", Served: "paced", Layers: 1, KVHeads: 1, HeadDim: 64,
			DecodeBaseNS: float64(50 * time.Millisecond), KVReadBytesPerSec: 1e11, PrefillTokensPerSec: 1e9,
		},
		MaxBatchSize: 2048, MaxNumTokens: 1 << 20, Device: sim.TierSpec{CapacityBytes: 1 << 30, Policy: "LRU"},
		Tokenize:   func(s string) []uint32 { return make([]uint32, len(strings.Fields(s))) },
		StampSends: true,
	}, paced, 1)
	if err != nil {
		return err
	}
	defer m.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	srv := &http.Server{Handler: m.Handlers()["frontend"]}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	fmt.Fprintln(out, l.Addr())
	_, err = io.Copy(io.Discard, in)
	err = errors.Join(err, srv.Close())
	if serr := <-served; !errors.Is(serr, http.ErrServerClosed) {
		err = errors.Join(err, serr)
	}
	return err
}

// startStamped starts the stamped server, until the end of the benchmark, and returns its URL.
func startStamped(b *testing.B) string {
	self, err := os.Executable()
	require.NoError(b, err)
	cmd := exec.Command(self)
	if chrt, err := exec.LookPath("chrt"); err == nil {
		cmd = exec.Command(chrt, "-o", "0", self) // a real-time policy of the client would be inherited
	}
	cmd.Env = append(os.Environ(), stampedServer+"=1")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	require.NoError(b, err)
	out, err := cmd.StdoutPipe()
	require.NoError(b, err)
	require.NoError(b, cmd.Start())
	b.Cleanup(func() {
		require.NoError(b, in.Close())
		require.NoError(b, cmd.Wait())
	})
	addr, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(b, err)
	return "http://" + strings.TrimSpace(addr)
}

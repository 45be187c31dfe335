package serverrig

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// faultRole stands in the environment of a process of this test that serves as our server does until a fault comes: its name.
const faultRole = "SPARKHARNESS_FAULT"

// Faults, from the completion faultAt on.
const (
	noFault      = "none"
	workerKilled = "worker killed and restarted" // again and again
	pagesGone    = "metrics pages gone"
	storm        = "storm of 503"
	tooMany      = "storm of 429"
	overloaded   = "storm of 529"
	endsForGood  = "ends for good"
	streamsCut   = "streams cut"
	hang         = "no answers any more"
)

// statuses are what storms answer every completion with.
var statuses = map[string]int{storm: http.StatusServiceUnavailable, tooMany: http.StatusTooManyRequests, overloaded: 529} // 529 is no status of HTTP, and some proxies send it

// faultAt is the completion, counted from the server's start, at which the fault comes: into the measure phase of its cell.
const faultAt = 22

// faulty is a server with a fault: our own as a child, with its ports, and a proxy in front of each of them.
type faulty struct {
	fault string
	args  []string // of serve
	seen  atomic.Int64

	mu     sync.Mutex
	worker *exec.Cmd
}

// serveFaulty serves until it is asked to end. Its arguments are the program, and those of its serve.
func serveFaulty(args []string) int {
	at := slices.Index(args, "--port") + 1
	port, err := strconv.Atoi(args[at])
	if err != nil {
		fmt.Println(err)
		return 1
	}
	behind, err := threePorts()
	if err != nil {
		fmt.Println(err)
		return 1
	}
	f := &faulty{fault: os.Getenv(faultRole), args: slices.Clone(args)}
	f.args[at] = strconv.Itoa(behind)
	if err := f.start(); err != nil {
		fmt.Println(err)
		return 1
	}
	for i := range 3 {
		l, err := net.Listen("tcp", fmt.Sprintf("%s:%d", loopback, port+i))
		if err != nil {
			fmt.Println(err)
			return 1
		}
		proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: fmt.Sprintf("%s:%d", loopback, behind+i)})
		proxy.FlushInterval = -1
		proxy.ErrorHandler = func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) } // as if nobody listened
		go func() { _ = http.Serve(l, f.before(proxy)) }()                                                   //nolint:gosec // on loopback, for a test
	}
	asked, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	<-asked.Done()
	f.kill()
	return 0
}

// threePorts are three in a row.
func threePorts() (int, error) {
	for range 100 {
		first := 20000 + rand.IntN(12000)
		free := true
		for i := range 3 {
			l, err := net.Listen("tcp", fmt.Sprintf("%s:%d", loopback, first+i))
			if free = free && err == nil; err == nil {
				_ = l.Close()
			}
		}
		if free {
			return first, nil
		}
	}
	return 0, fmt.Errorf("no free ports")
}

func (f *faulty) start() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.worker = exec.Command(f.args[0], f.args[1:]...)
	f.worker.Stdout, f.worker.Stderr = os.Stdout, os.Stderr
	return f.worker.Start()
}

func (f *faulty) kill() {
	f.mu.Lock()
	defer f.mu.Unlock()
	_ = f.worker.Process.Kill()
	_ = f.worker.Wait()
}

// before lets the fault come before what the proxy does.
func (f *faulty) before(proxy http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		completion := strings.HasSuffix(r.URL.Path, "completions")
		n := f.seen.Load()
		if completion {
			n = f.seen.Add(1)
		}
		if n < faultAt {
			proxy.ServeHTTP(w, r)
			return
		}
		switch {
		case f.fault == workerKilled && completion && n%faultAt == 0:
			f.kill()
			if err := f.start(); err != nil {
				fmt.Println(err)
			}
		case f.fault == pagesGone && strings.HasSuffix(r.URL.Path, "metrics"):
			http.NotFound(w, r)
			return
		case statuses[f.fault] != 0 && completion:
			w.Header().Set("Retry-After", "1")
			http.Error(w, `{"error":"overloaded"}`, statuses[f.fault])
			return
		case f.fault == endsForGood && completion:
			f.kill()
			fmt.Println("fatal: out of memory")
			os.Exit(3)
		case f.fault == streamsCut && completion && n%3 == 0:
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = io.WriteString(w, `data: {"choices":[{"text":"a"}]}`+"\n\n")
			_ = http.NewResponseController(w).Flush()
			time.Sleep(20 * time.Millisecond)
			panic(http.ErrAbortHandler)
		case f.fault == hang && completion:
			<-r.Context().Done()
			return
		}
		proxy.ServeHTTP(w, r)
	})
}

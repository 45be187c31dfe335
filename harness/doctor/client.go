package doctor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"sparkharness/harness/load"
	"sparkharness/harness/outgoing"
	"sparkharness/harness/record"
)

func clientChecks() []check {
	return []check{
		{id: "client-lateness", class: Client, needed: AllHypotheses, look: lookLateness,
			why:    "requests that leave late are not the load that was meant",
			fix:    "end other programs on this machine, pin the client to cores of its own (taskset)",
			source: "configs/gates.yaml, max_send_lag"},
		{id: "cgroup-cpu", class: Client, look: lookCgroupCPU,
			why: "a client that is out of its quota sends late, up to 100 ms at a time", fix: "run the plan without a CPU quota",
			source: "kernel Documentation/scheduler/sched-bwc.rst"},
		{id: "results-space", class: Client, needed: AllHypotheses, look: lookResults,
			why: "a run that finds no room leaves nothing to judge", fix: "free 2 GiB where results go, or choose another folder with -results"},
	}
}

// The load by which the client's own error is measured: a constant rate for lateFor, answered at once.
const (
	lateRPS = 200
	lateFor = 1500 * time.Millisecond
)

// atOnce answers every request with one token, inside the process.
type atOnce struct{}

func (atOnce) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		if _, err := io.Copy(io.Discard, req.Body); err != nil {
			return nil, err
		}
		if err := req.Body.Close(); err != nil {
			return nil, err
		}
	}
	const events = "data: {\"choices\":[{\"index\":0,\"text\":\"a\",\"finish_reason\":\"length\"}]," +
		"\"usage\":{\"prompt_tokens\":8,\"completion_tokens\":1}}\n\ndata: [DONE]\n\n"
	return &http.Response{Status: "200 OK", StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: req,
		Header: http.Header{"Content-Type": {"text/event-stream"}}, Body: io.NopCloser(strings.NewReader(events)), ContentLength: -1}, nil
}

// lateness sends a load to nobody and returns by how much each request was late, sorted.
func lateness(ctx context.Context) ([]time.Duration, error) {
	one, err := load.NewConstant(1)
	if err != nil {
		return nil, err
	}
	spec := load.Spec{RunID: "doctor", Stack: "none", Model: "none", Workload: "none", ContextTokens: 8,
		Loop:   load.Open{Pacer: load.Constant{RPS: lateRPS}},
		Output: one, Nonce: load.NoncePerRequest, Prompter: load.FixedContext{Seed: 1, Body: func(_ int, nonce string) (string,
			error) {
			return nonce, nil
		}},
		Timeout: 10 * time.Second, Seed: 1, BaseURL: "http://127.0.0.1:1", API: load.APICompletions, Dialect: load.DialectOpenAI, ModelID: "none",
		HTTP: outgoing.New(outgoing.Options{Through: atOnce{}}), Duration: lateFor, MaxDuration: lateFor, MinRequests: 1, AnyLength: true, Start: time.Now(), RealTime: true}
	var lags []time.Duration
	_, err = load.Run(ctx, spec, func(r *record.Request) error {
		lags = append(lags, time.Duration(r.SendLagMS*1e6))
		return nil
	}, func(string) {})
	slices.Sort(lags)
	return lags, err
}

func lookLateness(v *visit) seen {
	lags, err := v.m.Lateness(v.ctx)
	if err != nil {
		return unknown("%s", short(err.Error()))
	}
	if len(lags) < 100 {
		return unknown("%d requests are too few", len(lags))
	}
	ms := func(q float64) float64 { return float64(lags[int(q*float64(len(lags)-1))]) / 1e6 }
	said := fmt.Sprintf("%d sends late by p50 %.3f, p99 %.3f ms", len(lags), ms(0.50), ms(0.99))
	switch p99 := ms(0.99); {
	case p99 > mostLag:
		return missing("%s", said).with(p99, "ms")
	case p99 > wellLag:
		return warning("%s", said).with(p99, "ms")
	default:
		return ok("%s", said).with(p99, "ms")
	}
}

func lookResults(v *visit) seen {
	dir := v.n.Results
	if dir == "" {
		dir = "."
	}
	s, err := v.m.Space(dir)
	// A first run makes the folder: the room is that of the one in which it will lie.
	for parent := filepath.Dir(dir); errors.Is(err, fs.ErrNotExist) && parent != dir; parent = filepath.Dir(dir) {
		dir = parent
		s, err = v.m.Space(dir)
	}
	if err != nil {
		return unknown("%s", short(err.Error()))
	}
	said := fmt.Sprintf("%s free for results", size(s.Free))
	if s.Free < runBytes {
		return missing("%s; a plan leaves 1.3 GB", said).with(s.Free, "B")
	}
	return ok("%s", said).with(s.Free, "B")
}

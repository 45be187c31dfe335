package serverrig

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"sparkharness/harness/config"
	"sparkharness/harness/load"
	"sparkharness/harness/outgoing"
	"sparkharness/harness/record"
	"sparkharness/harness/rig"
	"sparkharness/harness/telemetry"
)

// machine is a stack's server for one cell.
type machine struct {
	rig     *Rig
	server  *server
	stack   *config.Stack
	watched []io.Closer
	gpu     *gpu              // nil: none
	notes   []string          // what could not be reset
	io      *telemetry.Server // nil: not watched
	// blockBytes are those of a KV block, where they are known beside the page of KVBM, which counts blocks.
	blockBytes *float64
}

// settle bounds the wait for the server to be done with what was asked before the cell.
const settle = 2 * time.Minute

// tellWaiting is how often a wait is told of.
const tellWaiting = 10 * time.Second

// Begin waits until the server has nothing to do, and empties its caches as far as it lets anybody do that.
func (m *machine) Begin(ctx context.Context, _ record.PlannedCell) error {
	if err := m.idle(ctx); err != nil {
		return err
	}
	for _, path := range m.server.kind.Reset {
		if err := m.post(ctx, path); err != nil {
			m.notes = append(m.notes, fmt.Sprintf("whether caches are empty (POST %s: %v)", path, err))
		}
	}
	return nil
}

// idle returns when nothing runs and nobody waits, as the engine's page says. Where that is not told it returns at once, and
// the cell has it among what is not known.
func (m *machine) idle(ctx context.Context) error {
	untold := func() error {
		m.notes = append(m.notes, "whether it was idle before the load")
		return nil
	}
	p := m.server.kind.Engine
	if p == nil || m.server.enginePage == "" {
		return untold()
	}
	page := telemetry.NewPage(m.rig.client, m.server.enginePage, "engine", metrics(p.Figures), nil)
	settle := cmp.Or(m.rig.patience, settle)
	deadline, said := time.Now().Add(settle), time.Now()
	for {
		f, err := m.read(ctx, page)
		running, told := f["running"]
		waiting, toldToo := f["waiting"]
		switch {
		case err == nil && !told && !toldToo:
			return untold()
		case err == nil && running == 0 && waiting == 0:
			return nil
		}
		if time.Now().After(deadline) {
			if err == nil {
				err = fmt.Errorf("its page says that %.0f requests run and %.0f wait", running, waiting)
			}
			return fmt.Errorf("the server is not idle after %v without a load of ours: %w: end what else asks it, or see whether its page stands still", settle, err)
		}
		if time.Since(said) >= tellWaiting {
			said = time.Now()
			fmt.Fprintf(m.rig.out, "waiting for the server to be idle: %.0f requests run and %.0f wait\n", running, waiting)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// read reads a page of a server that may hang.
func (m *machine) read(ctx context.Context, page *telemetry.Page) (map[string]float64, error) {
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(m.rig.patience, asking))
	defer cancel()
	return page.Read(ctx)
}

func (m *machine) post(ctx context.Context, path string) error {
	ctx, cancel := context.WithTimeout(ctx, asking)
	defer cancel()
	req, err := m.rig.client.Request(ctx, http.MethodPost, m.server.base+path, nil)
	if err != nil {
		return err
	}
	resp, err := m.rig.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		return errors.New(m.rig.client.Quote(resp.Status))
	}
	return nil
}

// Endpoint is the server's.
func (m *machine) Endpoint() rig.Endpoint {
	return rig.Endpoint{BaseURL: m.server.base, API: m.server.kind.API, Dialect: m.server.kind.Dialect, HTTP: m.rig.client}
}

// Sources are this machine's /proc, its block device, its GPU if it has one, and the server's pages.
func (m *machine) Sources() rig.Sources {
	s := rig.Sources{Scrapes: map[string]func() []byte{}}
	proc, err := telemetry.NewProc(procRoot)
	s.Sys = append(s.Sys, telemetry.OrFailed("proc", proc, err))
	m.watched = append(m.watched, proc)
	block, err := m.rig.device.source()
	s.Device = m.rig.device.said()
	if d := m.rig.device.drive; d != nil {
		s.Drive = &d.Drive
	}
	s.Sys = append(s.Sys, telemetry.OrFailed("block", block, err))
	m.watched = append(m.watched, block)
	if m.gpu = watchGPU(); m.gpu != nil {
		s.Sys = append(s.Sys, m.gpu)
	}
	s.Sys = append(s.Sys, m.own())
	kind := m.server.kind
	var pages []*telemetry.Page
	s.Server = func() *record.ServerSeen {
		seen := &record.ServerSeen{URL: outgoing.Shown(m.server.base), Kind: kind.Server, Build: m.server.build, Pages: []record.PageSeen{}}
		for _, p := range pages {
			seen.Pages = append(seen.Pages, p.Seen())
		}
		return seen
	}
	if kind.Engine != nil && m.server.enginePage != "" {
		page := telemetry.NewPage(m.rig.client, m.server.enginePage, "engine", metrics(kind.Engine.Figures), identities(kind.Engine))
		s.Sys = append(s.Sys, page)
		s.Scrapes["engine.prom"] = page.LastScrape
		pages = append(pages, page)
	}
	if kind.KV != nil && m.server.kvPage != "" && !kind.KVBM {
		page := telemetry.KVPage{Page: telemetry.NewPage(m.rig.client, m.server.kvPage, "kv", metrics(kind.KV.Figures), identities(kind.KV))}
		s.KV = page
		s.Scrapes["kv.prom"] = page.LastScrape
		pages = append(pages, page.Page)
	}
	if kind.KVBM && m.blockBytes != nil && m.server.kvPage != "" {
		if kvbm, err := telemetry.NewKVBM(m.rig.client, m.server.kvPage, *m.blockBytes); err != nil {
			s.KV = telemetry.Failed{Source: "kvbm", Err: err}
		} else {
			s.KV = kvbm
			s.Scrapes["kvbm.prom"] = kvbm.LastScrape
		}
	}
	if kind.Waits == "perf_metrics" {
		s.Perf = telemetry.NewPerf(m.rig.client, m.server.base)
	}
	return s
}

// own is what the server's own processes read and write.
func (m *machine) own() telemetry.SysSource {
	source, err := telemetry.NewServer(procRoot)
	if err == nil {
		m.watched = append(m.watched, source)
		m.io = source
		err = m.watchAgain()
	}
	return telemetry.OrFailed("server", source, err)
}

// watchAgain turns to the processes that the server now has.
func (m *machine) watchAgain() error {
	if m.io == nil {
		return nil
	}
	m.io.Forget()
	pids, err := processesAt(procRoot, m.server.base)
	if err == nil && len(pids) > 0 {
		m.io.Watch(pids...)
	}
	return err
}

// ReadBack is what the server says of itself. Nothing was asked of it.
func (m *machine) ReadBack(ctx context.Context) (record.Settings, error) {
	out := record.Settings{Unasked: true, NotReadBack: m.notes}
	if out.NotReadBack == nil {
		out.NotReadBack = []string{}
	}
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(m.rig.patience, asking)) // it may hang
	defer cancel()
	var err error
	if out.Model, err = load.ServedModel(ctx, m.rig.client, m.server.base); err != nil {
		return out, err
	}
	if out.Model != m.server.model {
		return out, fmt.Errorf("the server serves %s, and before the first cell it served %s: it was started anew", out.Model, m.server.model)
	}
	out.KVPoolBlocks, out.BlockTokens = m.server.poolBlocks, m.server.blockTokens
	if out.KVPoolBlocks == nil {
		out.NotReadBack = append(out.NotReadBack, "KV pool")
	}
	if m.server.build == "" {
		out.NotReadBack = append(out.NotReadBack, "build")
	}
	if ratio := m.server.ratio; !load.SameTokens(ratio) {
		out.PromptTokens = &ratio
	}
	return out, nil
}

// ProveCounters reads and writes in the folder that was named as being on the watched device.
func (m *machine) ProveCounters(ctx context.Context) (record.CountersProof, error) {
	return m.rig.device.prove(ctx, m.rig.noise)
}

// Apply refuses: nobody here can do anything to a server that somebody else has started.
func (m *machine) Apply(_ context.Context, t rig.Treatment) (rig.Applied, error) {
	return rig.Applied{}, fmt.Errorf("%s cannot be done to a server that is named by its URL", t.Kind)
}

// Close lets go of the files that were watched.
func (m *machine) Close() error {
	var errs []error
	if m.gpu != nil {
		errs = append(errs, m.gpu.end())
	}
	for _, w := range m.watched {
		errs = append(errs, w.Close())
	}
	return errors.Join(errs...)
}

package serverrig

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"sparkharness/harness/config"
	"sparkharness/harness/launch"
	"sparkharness/harness/load"
	"sparkharness/harness/outgoing"
	"sparkharness/harness/record"
	"sparkharness/harness/rig"
)

// Bounds of what a server that is being started is asked.
const (
	oneAsk   = 5 * time.Second // for a page
	oneToken = 5 * time.Minute // for the first answer, which may compile kernels
	learning = 5 * time.Minute // for how it counts, once it serves
)

// serve has a server running that is as the stack says: the one that runs, or a new one in its place.
func (r *Launching) serve(ctx context.Context, st *config.Stack) error {
	key, err := startKey(st)
	if err != nil {
		return err
	}
	if c := r.current; c != nil {
		if c.key == key {
			return c.server.Died()
		}
		if err := r.end(); err != nil {
			return err
		}
	}
	return r.start(ctx, st, key, again{})
}

// again is what is known of a server that is started again; nothing of another one.
type again struct {
	asked *server
	tier  *tierFolder
}

// start starts the stack's server and learns who it is. How it counts is known of one that is started again; its pool is not, because
// it can come out different each time.
func (r *Launching) start(ctx context.Context, st *config.Stack, key string, known again) error {
	l := st.Server.Launch
	port, err := freePort(l.Port)
	if err != nil {
		return fmt.Errorf("stack %s: %w", st.Stack, err)
	}
	base := fmt.Sprintf("http://%s:%d", loopback, port)
	launched, tier, err := r.tierOf(st, known.tier)
	if err != nil {
		return fmt.Errorf("stack %s: %w", st.Stack, err)
	}
	s, err := launch.Start(ctx, launch.Options{Name: fmt.Sprintf("stack %s (%s)", st.Stack, st.Server.Server), Launch: l, Launched: launched, Place: r.place(st, port),
		LogPath: r.nextLog(st.Stack), Out: r.out, Journal: noting{r.journal},
		Answers: func(ctx context.Context) error { return answers(ctx, r.client, base, l.Ready.Path) }})
	if err != nil {
		return errors.Join(err, tier.remove())
	}
	r.current = &running{key: key, server: s, tier: tier}
	if err := r.learn(ctx, st, base, known.asked); err != nil { // nothing is measured on it
		return errors.Join(fmt.Errorf("stack %s: %w", st.Stack, err), r.end())
	}
	return nil
}

// learn asks the server that has been started who it is.
func (r *Launching) learn(ctx context.Context, st *config.Stack, base string, known *server) (err error) {
	at := *st
	at.Endpoint.URL = base
	for _, p := range []struct {
		page *config.MetricsPage
		url  *string
	}{{st.Server.Engine, &at.Endpoint.EngineMetrics}, {st.Server.KV, &at.Endpoint.KVBMMetrics}} {
		if p.page != nil {
			if *p.url, err = p.page.URL(base); err != nil {
				return err
			}
		}
	}
	ctx, cancel := context.WithTimeout(ctx, learning)
	defer cancel()
	if known != nil {
		again := *known
		again.base, again.enginePage, again.kvPage = base, at.Endpoint.EngineMetrics, at.Endpoint.KVBMMetrics
		r.current.asked, err = &again, again.readPool(ctx, r.client)
	} else {
		r.current.asked, err = ask(ctx, r.client, &at, r.library)
	}
	if err != nil {
		return err
	}
	r.servers[st.Stack] = r.current.asked
	return r.compare(st)
}

// nextLog is a file for the log of the next start: none of this run is written over, nor one of a run that is resumed.
func (r *Launching) nextLog(stack string) string {
	for {
		r.starts++
		path := filepath.Join(r.folder(), fmt.Sprintf("%s-%03d.log", stack, r.starts))
		if _, err := os.Lstat(path); errors.Is(err, os.ErrNotExist) || r.starts > record.MaxCells {
			return path
		}
	}
}

// freePort is the port that was asked for if nobody listens there, or any free one for 0.
func freePort(port int) (int, error) {
	l, err := net.Listen("tcp", net.JoinHostPort(loopback, fmt.Sprint(port)))
	if err != nil {
		return 0, fmt.Errorf("port %d of loopback is taken: end what listens there (ss -ltnp), or give launch.port of the server's file another: %w", port, err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// answers says whether a server serves: its page says so, a model is listed, and one token comes.
func answers(ctx context.Context, client *outgoing.Client, base, path string) error {
	page, cancel := context.WithTimeout(ctx, oneAsk)
	defer cancel()
	req, err := client.Request(page, http.MethodGet, base+path, nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	_, _ = io.CopyN(io.Discard, resp.Body, maxField) // so that the connection can be used again
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", path, client.Quote(resp.Status))
	}
	id, err := load.ServedModel(page, client, base)
	if err != nil {
		return err
	}
	token, end := context.WithTimeout(ctx, oneToken)
	defer end()
	return rig.Answers(token, client, base, id)
}

// compare refuses KV pools that were asked for alike and came out different: a connector, or pages that were cached at the start,
// would then be what is compared.
func (r *Launching) compare(st *config.Stack) error {
	log := r.current.server.Log()
	if err := tokenAsReckoned(st, log.Bytes("kv_pool"), log.Number("kv_tokens")); err != nil {
		return err
	}
	s, pool := r.current.asked, kvTokens{wanted: st.Launched.KVPool}
	if s.poolBlocks == nil || s.blockTokens == nil {
		told := log.Number("kv_tokens")
		if told == nil {
			return nil
		}
		pool.tokens, pool.block = *told, float64(max(1, st.Launched.BlockTokens))
	} else {
		pool.tokens, pool.block = *s.poolBlocks**s.blockTokens, *s.blockTokens
	}
	r.pools[st.Stack] = pool
	for _, name := range r.exp.StackNames() {
		other, known := r.pools[name]
		if !known || name == st.Stack || other.wanted != pool.wanted || pool.wanted == 0 {
			continue
		}
		if d := pool.tokens - other.tokens; max(d, -d) > 2*max(pool.block, other.block) {
			return fmt.Errorf("the KV pool of stack %s holds %.0f tokens and that of stack %s %.0f, and both were to have %v: a connector can take some of it, or turn the hybrid KV cache manager off; "+
				"look at the log of each start (%s) for how the pool was made, and pin it alike", st.Stack, pool.tokens, name, other.tokens, pool.wanted, r.folder())
		}
	}
	return nil
}

// tokenAsReckoned refuses a server whose log tells of a token's KV that has not the bytes by which everything is reckoned: many FP8 and
// NVFP4 checkpoints set FP8 KV by themselves where the server is left the choice, and each gate of bytes would fail after hours.
func tokenAsReckoned(st *config.Stack, pool, tokens *float64) error {
	each := st.Launched.TokenBytes
	if pool == nil || tokens == nil || each == nil || *tokens <= 0 {
		return nil
	}
	told := *pool / *tokens
	if ratio := told / *each; ratio > 1-tokenRounding && ratio < 1+tokenRounding {
		return nil
	}
	return fmt.Errorf("stack %s: its log tells of %.2f GiB for %.0f tokens of KV, %.1f KiB each, and %.1f KiB were reckoned with (%s as %s): "+
		"say in %s which KV the checkpoint has (runtime.kv_dtype: fp16 or fp8), or have the server take that which is said there", st.Stack,
		*pool/(1<<30), *tokens, told/1024, *each/1024, "models/"+st.Model+".yaml", st.Launched.KVDtype, st.Launched.StackFile)
}

// tokenRounding is for pools that logs give with two decimals of a GiB; fp16 and fp8 differ by a factor of two.
const tokenRounding = 0.2

package load

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"sparkharness/harness/outgoing"
)

// Spec is one cell's load. Every field is required unless it says otherwise.
type Spec struct {
	// What the records are labelled with.
	RunID, Stack, Model, Workload string

	ContextTokens int // nominal prompt length, as far as the prompter leaves it to the spec; none in a Replay
	Loop          Loop
	Output        Dist // output tokens of a request, rounded, at least 1; none in a Replay
	Nonce         Nonce
	Prompter      Prompter
	Timeout       time.Duration // of one request, from the origin of its latency
	Seed          uint64        // of the cell's load; shared by the arms of a block
	Adapters      *Adapters     // optional

	BaseURL string // such as http://127.0.0.1:8355, without /v1
	API     string // APICompletions or APIChat
	Dialect string // DialectTRTLLM or DialectDynamo
	ModelID string // as ServedModel read it from the server
	// HTTP has the API key, if the server wants one.
	HTTP *outgoing.Client

	Warmup      Warmup
	Duration    time.Duration // least length of measure
	MaxDuration time.Duration // measure is extended up to this for MinRequests
	MinRequests int           // complete answers to requests of the measure phase
	// MaxRequests, optional, is how many requests of the measure phase are sent at most; then measure ends as a trace does.
	// Which of several that are due at once is the last one is left to chance.
	MaxRequests int
	// AnyLength takes an answer that ends before the tokens that were asked for, or of which the server counted none, as complete:
	// a dialect that cannot ask for a length gets such.
	AnyLength bool
	// Began, optional, is called as each request is sent, from many goroutines.
	Began func()

	// Start is the zero of the cell's clock: a time.Now() of this process, on whole microseconds in
	// virtual time. Record times are its Unix time plus the monotonic time since.
	Start time.Time
	// RealTime says that Start is of this computer's clock and no virtual one: then waits end when a request is due, and not up to a
	// millisecond later, as the runtime's timers do.
	RealTime bool

	// observe, nil but in a benchmark of the client's own error, gives for a request what is called with
	// each of its chunks of text: the frame's comment, valid during the call, and when it was read.
	observe func(*request) func(comment []byte, at time.Time)
}

// APIs and dialects.
const (
	APICompletions = "completions"
	APIChat        = "chat"
	DialectTRTLLM  = "trtllm" // refuses unknown request fields
	DialectDynamo  = "dynamo" // is asked for its own timing
	DialectVLLM    = "vllm"   // knows what fixes an answer's length, and passes over what it does not know
	DialectOpenAI  = "openai" // has the fields of OpenAI's API and no others
)

// Warmup ends on a state: Min has passed and every user of a closed loop has had Passes complete
// answers. At Max the cell is measured anyway. An open loop warms up for Min and ignores the rest. With a Min of 0 and
// no passes to wait for (a Max of 0) all requests are measured.
type Warmup struct {
	Min, Max time.Duration
	Passes   int
}

// Loop is Closed, Open or Replay.
type Loop interface{ check() error }

// Closed is a loop of Users users that think for Think seconds between an answer and the next request.
type Closed struct {
	Users int
	Think Dist
	// Weights, optional, are the users' shares of the requests and sum to 1, one a user: see ZipfWeights.
	Weights []float64
}

func (l Closed) check() error {
	var errs []error
	if l.Users < 1 {
		errs = append(errs, fmt.Errorf("closed loop: users %d is below 1", l.Users))
	}
	if l.Think == nil {
		errs = append(errs, errors.New("closed loop: no think time (a loop without thinking says so with a constant of 0)"))
	}
	errs = append(errs, l.checkWeights())
	return errors.Join(errs...)
}

// Open sends when Pacer says so, whatever the server does.
type Open struct{ Pacer Pacer }

func (l Open) check() error {
	if l.Pacer == nil {
		return errors.New("open loop: no pacer")
	}
	if p, ok := l.Pacer.(interface{ check() error }); ok {
		return p.check()
	}
	return nil
}

// users is the number of users, 0 in an open loop.
func (s *Spec) users() int {
	if c, ok := s.Loop.(Closed); ok {
		return c.Users
	}
	return 0
}

// Check reports everything that is missing or contradictory, at once.
func (s *Spec) Check() error {
	var errs []error
	refuse := func(bad bool, format string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	for _, f := range []struct{ name, value string }{
		{"run id", s.RunID}, {"stack", s.Stack}, {"model", s.Model}, {"workload", s.Workload},
		{"model id (read it with ServedModel)", s.ModelID},
	} {
		refuse(f.value == "", "%s is not set", f.name)
	}
	_, replay := s.Loop.(Replay) // brings what follows with it
	refuse(s.ContextTokens < 1 && !replay, "context tokens %d is below 1", s.ContextTokens)
	refuse(s.Output == nil && !replay, "output length distribution is not set")
	refuse(s.Prompter == nil, "prompter is not set")
	if p, ok := s.Prompter.(prompterCheck); ok {
		errs = append(errs, p.check(s))
	}
	refuse(s.Nonce != NonceNone && s.Nonce != NoncePerUser && s.Nonce != NoncePerRequest,
		"nonce %q is not none, per_user or per_request", string(s.Nonce))
	refuse(s.Timeout <= 0, "request timeout %v is not above 0", s.Timeout)
	refuse(s.API != APICompletions && s.API != APIChat, "api %q is not completions or chat", s.API)
	refuse(!slices.Contains([]string{DialectTRTLLM, DialectDynamo, DialectVLLM, DialectOpenAI}, s.Dialect), "dialect %q is not trtllm, dynamo, vllm or openai", s.Dialect)
	if s.Adapters != nil {
		errs = append(errs, s.Adapters.check(s.Dialect))
	}
	refuse(s.HTTP == nil, "http client is not set")
	if s.HTTP != nil {
		errs = append(errs, checkBase(s.HTTP, s.BaseURL))
	}
	refuse(s.Warmup.Min < 0, "warm-up min %v is below 0", s.Warmup.Min)
	refuse(s.Duration <= 0 && !replay, "duration %v is not above 0", s.Duration)
	refuse(s.MaxDuration < s.Duration, "max duration %v is below duration %v", s.MaxDuration, s.Duration)
	refuse(s.MaxDuration <= 0 && replay, "max duration %v is not above 0", s.MaxDuration)
	refuse(s.MinRequests < 1 && !replay, "min requests %d is below 1", s.MinRequests)
	refuse(s.MaxRequests < 0, "max requests %d is below 0", s.MaxRequests)
	refuse(s.Start.IsZero(), "clock zero (start) is not set")
	switch l := s.Loop.(type) {
	case Closed:
		errs = append(errs, l.check())
		refuse(s.Warmup.Max < s.Warmup.Min, "warm-up max %v is below min %v", s.Warmup.Max, s.Warmup.Min)
		refuse(s.Warmup.Passes < 1, "warm-up passes %d is below 1", s.Warmup.Passes)
	case Open:
		errs = append(errs, l.check())
		refuse(s.Nonce == NoncePerUser, "nonce per_user in an open loop reuses nothing, because every arrival is a new user: say per_request")
	case Replay:
		errs = append(errs, l.check())
		refuse(s.Nonce == NoncePerUser, "nonce per_user in a replay reuses nothing, because every item is a new user: say per_request")
	default:
		refuse(true, "loop is neither Closed, Open nor Replay")
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("load spec: %w", err)
	}
	return nil
}

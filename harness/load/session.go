package load

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
)

// SessionedChat is the workload of chats over documents. Each user of a closed loop is a slot that holds
// one live session: when a session has had its turns, the user's next request begins another. The prompt
// of a turn is
//
//	history | message | fresh
//
// where fresh is unique to the turn and not carried on, such as retrieved documents. After the turn the
// history has grown by the message and by an answer. So turn t+1 begins with the history and the message
// of turn t: those tokens are reusable, if a server has kept their KV blocks.
//
// The answers are scripted text of Answer tokens, not what the server said, so that all arms send the
// same bytes.
//
// The first session of a user began before the run, at a turn that is spread evenly over its length (see
// stage), so that the sessions do not end together. Nobody has sent its earlier turns: the first request of a user has
// nothing to reuse.
//
// Everything follows from (Seed, user, seq). Of a user only the current session is kept. Make one with
// its fields and hand it on by pointer; only Prompt changes it.
type SessionedChat struct {
	Seed                   uint64
	Turns                  Dist // of a session, rounded, at least 1
	Message, Answer, Fresh Dist // tokens of a turn, rounded, at least Least
	Text                   Prose
	Least                  int // tokens that Text needs at least

	slots sync.Map // user to *slot
}

// slot is what is kept of one user.
type slot struct {
	mu      sync.Mutex
	session int // number of the session of this user, from 0
	first   int // seq of its first request
	from    int // turn of that request
	turns   int
	turn    int             // whose message is the newest in said; -1 for none
	said    strings.Builder // history and message of turn
	tokens  int             // of said
	earlier int             // tokens of said before turn
	answer  int             // tokens that turn is answered with
	fresh   int             // tokens of turn's fresh part
}

// sessionBits of a session id count the sessions of a user; the rest is the user.
const sessionBits = 20

// Parts of a turn that have a text of their own.
const (
	partMessage uint64 = iota
	partAnswer
	partFresh
)

// Prompt implements Prompter. The id of session k of a user is user<<20 | k, and so unique over a run.
func (w *SessionedChat) Prompt(req PromptRequest) (Prompt, error) {
	kept, _ := w.slots.LoadOrStore(req.User, new(slot))
	s := kept.(*slot)
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := w.prompt(s, req)
	if err != nil {
		s.turns = 0 // what is kept may be torn
		return Prompt{}, fmt.Errorf("session prompt for user %d, request %d: %w", req.User, req.Seq, err)
	}
	return p, nil
}

func (w *SessionedChat) prompt(s *slot, req PromptRequest) (Prompt, error) {
	if s.turns == 0 || req.Seq < s.first {
		w.open(s, req.User, 0, 0)
	}
	for req.Seq-s.first >= s.turns-s.from {
		w.open(s, req.User, s.session+1, s.first+s.turns-s.from)
	}
	turn := s.from + req.Seq - s.first
	if turn < s.turn {
		w.open(s, req.User, s.session, s.first)
	}
	for s.turn < turn {
		if err := w.say(s, req.User); err != nil {
			return Prompt{}, err
		}
	}
	text, err := w.text(s, req.User, partFresh, s.fresh)
	if err != nil {
		return Prompt{}, err
	}
	id := req.User<<sessionBits | s.session
	reusable := s.earlier
	if req.Seq == 0 {
		reusable = 0
	}
	return Prompt{Text: s.said.String() + text, Tokens: s.tokens + s.fresh, Session: &id, Turn: &turn, Reusable: &reusable}, nil
}

// open begins session number k of a user, whose first request is seq.
func (w *SessionedChat) open(s *slot, user, k, seq int) {
	rng := generator(domainSession, w.Seed, uint64(user), uint64(k))
	s.session, s.first, s.from, s.turn = k, seq, 0, -1
	s.turns = int(max(1, math.Round(w.Turns.Draw(rng))))
	if k == 0 {
		s.from = int(w.stage(user) * float64(s.turns))
	}
	s.said.Reset()
	s.tokens, s.earlier = 0, 0
}

// stage is how far through its first session a user is when the run begins, in [0, 1). Over the users it
// is spread more evenly than chance would: each is the golden ratio ahead of the one before, modulo 1, so
// that however few they are, the mean prompt of a run depends little on who was where.
func (w *SessionedChat) stage(user int) float64 {
	const golden = 0.6180339887498949
	start := float64(hash(domainSession, w.Seed)>>11) / (1 << 53)
	_, at := math.Modf(start + float64(user)*golden)
	return at
}

// say adds what the last turn was answered, if there was one, and the message of the next.
func (w *SessionedChat) say(s *slot, user int) error {
	s.earlier = s.tokens
	if s.turn >= 0 {
		if err := w.add(s, user, partAnswer, s.answer); err != nil {
			return err
		}
	}
	s.turn++
	rng := generator(domainTurn, w.Seed, uint64(user), uint64(s.session), uint64(s.turn))
	length := func(d Dist) int { return max(w.Least, int(math.Round(d.Draw(rng)))) }
	message := length(w.Message)
	s.answer, s.fresh = length(w.Answer), length(w.Fresh)
	return w.add(s, user, partMessage, message)
}

func (w *SessionedChat) add(s *slot, user int, part uint64, tokens int) error {
	text, err := w.text(s, user, part, tokens)
	s.said.WriteString(text)
	s.tokens += tokens
	return err
}

// text is a part of the slot's turn.
func (w *SessionedChat) text(s *slot, user int, part uint64, tokens int) (string, error) {
	return w.Text.text(hash(domainText, w.Seed, uint64(user), uint64(s.session), uint64(s.turn), part), tokens)
}

// check implements prompterCheck.
func (w *SessionedChat) check(spec *Spec) error {
	var errs []error
	if w.Turns == nil || w.Message == nil || w.Answer == nil || w.Fresh == nil || w.Text == nil {
		errs = append(errs, errors.New("sessioned chat: turns, message, answer, fresh and text must all be set"))
	}
	if w.Least < 1 {
		errs = append(errs, fmt.Errorf("sessioned chat: least %d tokens of a text is below 1", w.Least))
	}
	if _, closed := spec.Loop.(Closed); !closed {
		errs = append(errs, errors.New("sessioned chat: sessions belong to the users of a closed loop, and this loop has none"))
	}
	if spec.Nonce != NonceNone {
		errs = append(errs, fmt.Errorf("sessioned chat: sessions share nothing as it is, so nonce %q has no place in them: say none", string(spec.Nonce)))
	}
	return errors.Join(errs...)
}

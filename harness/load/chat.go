package load

import (
	"errors"
	"fmt"
	"math"
)

// ChatShape is what a SessionedChat is to look like on average, lengths in tokens.
type ChatShape struct {
	Prompt float64 // mean length of a prompt
	Turns  int     // of every session, at least 2
	Reuse  float64 // share of all prompt tokens that are reusable
	Answer float64 // mean length of an answer
	Spread float64 // sigma of the lognormal lengths of messages and fresh parts; 0 for constant ones
	Least  int     // SessionedChat.Least
}

// Chat gives the message and the fresh lengths of a SessionedChat with constant turns that has the shape.
// A shape that no lengths give is an error with the range of reuse that there is.
//
// With message m, answer a and fresh part f, turn t of T has a prompt of t(m+a) + m + f tokens, and for
// t > 0 of these (t-1)(m+a) + m are reusable. The means over the turns are
//
//	P  = (T-1)/2 (m+a) + m + f
//	qP = (T-1)/T ((T-2)/2 (m+a) + m)
//
// so that m = 2qP/(T-1) - (T-2)a/T and f = P - m - (T-1)/2 (m+a). m grows and f shrinks with q, and q
// reaches as far as both are at least Least. A wide spread raises the means somewhat, because draws
// below Least are raised to it.
func Chat(s ChatShape) (message, fresh Dist, err error) {
	if s.Turns < 2 || s.Least < 1 || !finite(s.Prompt) || !finite(s.Reuse) || !finite(s.Answer) || !finite(s.Spread) || s.Spread < 0 {
		return nil, nil, errors.New("chat shape: need at least 2 turns, least of at least 1 and finite numbers with spread of at least 0")
	}
	turns, least, answer := float64(s.Turns), float64(s.Least), max(s.Answer, float64(s.Least))
	// m = reuse*slope - offset
	slope, offset := 2*s.Prompt/(turns-1), (turns-2)/turns*answer
	most := (s.Prompt - least - (turns-1)/2*answer) * 2 / (turns + 1) // of m, with f at least
	if !(most >= least) {
		return nil, nil, fmt.Errorf("chat shape: no reuse is possible: %d turns with answers of %v tokens do not fit into prompts of %v on average: raise the prompt or have fewer turns",
			s.Turns, answer, s.Prompt)
	}
	m := s.Reuse*slope - offset
	if m < least || m > most {
		// Rounded inwards, so that both ends can be asked for.
		return nil, nil, fmt.Errorf("chat shape: reuse %v is not from %v to %v, which is what %d turns with answers of %v tokens and prompts of %v on average can have",
			s.Reuse, math.Ceil((least+offset)/slope*1e4)/1e4, math.Floor((most+offset)/slope*1e4)/1e4, s.Turns, answer, s.Prompt)
	}
	f := s.Prompt - m - (turns-1)/2*(m+answer)
	return spread(m, s.Spread), spread(f, s.Spread), nil
}

// spread is a lognormal distribution of the given mean, or a constant one where sigma is 0.
func spread(mean, sigma float64) Dist {
	if sigma == 0 {
		return constant(mean)
	}
	return lognormal{mean * math.Exp(-sigma*sigma/2), sigma}
}

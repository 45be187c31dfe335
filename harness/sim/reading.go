package sim

import "encoding/json"

// reading is how a server reads a request, and how it refuses one that it cannot read.
type reading interface {
	undeclaredIsJSON() bool // a body without a content type is read as JSON
	notJSON() *refusal      // the content type is another one
	tooLarge() *refusal     // the body is longer than maxBody
	unread(status int, why string) *refusal

	check(body []byte) *refusal                  // nil: it is one JSON value and nothing else
	knows(name string, chat bool) bool           // a member of a request
	ignoresMore(name string) bool                // of a member that is an object: other members than those it knows
	repeated(name string) *refusal               // nil: the last of several counts
	unknown(names []string) *refusal             // members that it does not know; nil: it ignores them
	missing(name string) *refusal                // a member that is not there; nil: it does without
	idle(name string, chat bool) (kind, bool)    // what a member that changes nothing must be
	unsupported(what string) *refusal            // a request that is well formed and not served
	wrong(m member, want kind) *refusal          // a value that does not fit
	role(role string) (content bool, _ *refusal) // whether a message of the role must have content
	finish(c *completion) *refusal               // what is to be checked of a whole request; it settles MaxTokens

	// scalar returns a value as JSON of its kind, null where that means the default; ok is false if the server
	// does not take it.
	scalar(m member, want kind) (value []byte, ok bool)
}

// kind is what a value must be.
type kind int

const (
	kindText    kind = iota
	kindCount        // a whole number; not negative and of 32 bits with Dynamo
	kindSmall        // a whole number; not negative and of 8 bits with Dynamo
	kindInteger      // a whole number
	kindNumber
	kindSwitch // true or false
	kindObject
	kindList
	kindPrompt  // texts or token ids
	kindContent // text, or a list of parts
	kindStop    // text, or a list of texts; of token ids too with Dynamo
	kindWord    // text or null
	kindAny
	kindNone // null alone
)

// read sets a scalar.
func read[T any](as reading, m member, want kind, to *T) *refusal {
	value, ok := as.scalar(m, want)
	if !ok || json.Unmarshal(value, to) != nil || want == kindText && halfPair(m.value) {
		return as.wrong(m, want)
	}
	return nil
}

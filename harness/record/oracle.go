package record

// Oracle is what became of the questions that a server with a KV manager was asked after a cell's load. Each is a prompt
// of the load, word for word, followed by the question for its first line, at temperature 0: whoever goes on from the KV
// of another prompt does not know it.
type Oracle struct {
	Asked    int `json:"asked"`
	Answered int `json:"answered"` // whatever the answer
	// ThroughTier2 are the answered ones for which the KV manager counted blocks from tier 2; null if it does not count them.
	ThroughTier2 *int `json:"through_tier2"`
	CachedTokens *int `json:"cached_tokens"` // of the answered ones, as the server told them; null if it did not
	Wrong        int  `json:"wrong"`         // answers without the first line
	// ColdRight says whether the server knew the first line of a prompt that nobody had sent before: if not, the model does
	// not answer such questions, and the others say nothing. Null where no such prompt could be sent, or none was answered.
	ColdRight *bool `json:"cold_right"`
	// Example is a wrong answer with what was asked for, and Failed why a question was not answered; "" without one.
	Example string `json:"example,omitempty"`
	Failed  string `json:"failed,omitempty"`
}

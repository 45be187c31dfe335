// Package gate holds the preconditions of believing anything: one a file, each a function of the evidence. A failed
// gate never ends in Supported.
package gate

// Outcome is what a verdict comes to.
type Outcome string

// Outcomes of a failed gate; package verdict has the others.
const (
	Inconclusive Outcome = "Inconclusive" // the data cannot tell
	Invalid      Outcome = "Invalid"      // the method broke down: no conclusion may be drawn
)

// Gate is a precondition of believing anything, or a grade that is printed with them.
type Gate struct {
	Name      string  `json:"name"`
	Passed    bool    `json:"passed"`
	Grade     bool    `json:"grade,omitempty"` // it never fails a verdict
	OnFailure Outcome `json:"on_failure"`      // Invalid or Inconclusive; "" for what passed and for a grade
	Code      string  `json:"code"`            // stable reason code of a failure, "" if passed
	Detail    string  `json:"detail"`          // measured against required, and where it was worst
}

// Pass is a gate that held.
func Pass(name, detail string) Gate { return Gate{Name: name, Passed: true, Detail: detail} }

// Fail is a gate that did not hold.
func Fail(name string, on Outcome, code, detail string) Gate {
	return Gate{Name: name, OnFailure: on, Code: code, Detail: detail}
}

// Grade is printed with the gates and fails nothing.
func Grade(name string, good bool, detail string) Gate {
	return Gate{Name: name, Passed: good, Grade: true, Detail: detail}
}

package gate

import (
	"fmt"

	"sparkharness/harness/evidence"
)

// Answers asks whether servers with a KV manager went on from the KV of the prompts that they were sent: after each
// cell's load they were asked for the first lines of prompts of it. A wrong answer is corruption, whatever the counters
// say. That no answer came through tier 2, or that the model does not answer such questions, is no fault, and nothing
// good either. ok is false where nobody asked.
func Answers(ev *evidence.Evidence) (g Gate, ok bool) {
	const name = "answers"
	var asked, answered, through, wrong, cold, unknown int
	var first, failed, silent string
	for _, c := range ev.Cells {
		o := c.Info.Oracle
		if o == nil {
			continue
		}
		ok = true
		asked, answered, wrong = asked+o.Asked, answered+o.Answered, wrong+o.Wrong
		if o.ThroughTier2 != nil {
			through += *o.ThroughTier2
		} else if o.Answered > 0 {
			unknown++
		}
		if o.Wrong > 0 && (o.ColdRight == nil || *o.ColdRight) && first == "" {
			first = fmt.Sprintf("%s: %d of %d, %s", c.Key, o.Wrong, o.Answered, o.Example)
		}
		if o.ColdRight != nil && !*o.ColdRight {
			cold++
			silent = c.Key
		}
		if o.Failed != "" && failed == "" {
			failed = c.Key + ": " + o.Failed
		}
	}
	told := fmt.Sprintf("%d of %d questions for what a prompt of the load begins with were answered, %d through tier 2, %d wrongly",
		answered, asked, through, wrong)
	switch {
	case !ok:
		return Gate{}, false
	case first != "":
		return Fail(name, Invalid, "wrong_answer", told+"; first in "+first+": the server went on from KV that is not the prompt's"), true
	case asked > 0 && answered == 0:
		return Fail(name, Invalid, "not_answered", told+"; first in "+failed), true
	case cold > 0:
		return Grade(name, false, fmt.Sprintf("%s; in %d cells the server did not know the first line of a prompt that was new to it, either (%s): "+
			"with this model wrong answers say nothing", told, cold, silent)), true
	case through == 0 && unknown > 0:
		return Grade(name, false, told+"; the KV manager does not tell which came through tier 2"), true
	case through == 0:
		return Grade(name, false, told+": nothing is known of what tier 2 brings back"), true
	}
	return Pass(name, told), true
}

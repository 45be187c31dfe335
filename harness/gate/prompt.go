package gate

import (
	"fmt"
	"math"

	"sparkharness/harness/evidence"
)

// Prompt wants prompts to be as long as they were meant to be, as the server counted them.
func Prompt(ev *evidence.Evidence, _ Claim) Gate {
	const name = "prompt"
	tol := ev.Exp.Hypothesis.Gates.PromptTolerance
	bad := worst{}
	for _, c := range ev.Cells {
		reported := 0
		for i := range c.Requests {
			if p := c.Requests[i].Prompt; p != nil {
				reported++
				due := c.Info.Settings.PromptTokens.Of(c.Requests[i].Nominal)
				bad.high(math.Abs(float64(*p)/due-1), fmt.Sprintf("%s: %d tokens for %.0f", c.Key, *p, due))
			}
		}
		if reported == 0 && len(c.Requests) > 0 {
			return Fail(name, Invalid, "not_reported", c.Key+": the server reported no prompt tokens")
		}
	}
	switch {
	case !bad.seen:
		return Fail(name, Invalid, "not_reported", "no request reported its prompt tokens")
	case bad.value > tol:
		return Fail(name, Invalid, "prompt_length", fmt.Sprintf("the server counted %s, more than %.0f %% off", bad.where, tol*100))
	}
	own := ""
	if r := ev.Cells[0].Info.Settings.PromptTokens; r != nil {
		own = fmt.Sprintf("; to it each of the harness's tokens is %.3g of its own, and a prompt has %.0f more", r.Each, r.More)
	}
	return Pass(name, fmt.Sprintf("server-reported prompt lengths within %.2f %% (allowed %.0f %%)%s", bad.value*100, tol*100, own))
}

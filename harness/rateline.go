package harness

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"

	"sparkharness/harness/gate"
	"sparkharness/harness/record"
	"sparkharness/harness/regular"
	"sparkharness/harness/verdict"
)

// rateLine is what one run of a hypothesis in a world under a seed came to.
type rateLine struct {
	Hypothesis string          `json:"hypothesis"`
	World      string          `json:"world"`
	Seed       uint64          `json:"seed"`
	Outcome    verdict.Outcome `json:"outcome"`
	Reason     string          `json:"reason"` // first one
	Effect     *rounded        `json:"effect"`
	Blocks     int             `json:"blocks"` // measured, at the look that ended the run
	Checks     []rateCheck     `json:"checks"` // those that decide
	Gates      []string        `json:"gates"`  // those that failed, grades left out
	Commit     string          `json:"commit"`
	rateKey
}

// rateKey says of what a line speaks: a line counts for a program that would leave the same three.
type rateKey struct {
	// Design is the digest of what is measured: the configuration, seed included, without what only judges it.
	Design string `json:"design"`
	// Machine is the fingerprint of what the simulated machine does in the first block of this hypothesis in this world.
	Machine string `json:"machine"`
	// Rules are the digest of what judges: sources of the rules, thresholds, gates and looks.
	Rules string `json:"rules"`
}

// measures says whether two keys speak of the same measurement, whichever rules judged it.
func (k rateKey) measures(o rateKey) bool { return k.Design == o.Design && k.Machine == o.Machine }

// rateCheck is what a run said of one deciding check.
type rateCheck struct {
	Name  string        `json:"name"`
	State verdict.State `json:"state"`
	Value *rounded      `json:"value"`
	Lo    *rounded      `json:"lo"`
	Hi    *rounded      `json:"hi"`
}

// rounded is a number to be read and not to be reckoned with: four digits of it are kept.
type rounded float64

// MarshalJSON writes four digits.
func (r rounded) MarshalJSON() ([]byte, error) {
	return []byte(strconv.FormatFloat(float64(r), 'g', 4, 64)), nil
}

func newRounded(v *float64) *rounded {
	if v == nil {
		return nil
	}
	return new(rounded(*v))
}

func newRateLine(j rateJob, rep *verdict.Judgement, commit string) rateLine {
	l := rateLine{Hypothesis: j.h.ID, World: j.world, Seed: j.seed, Outcome: rep.Verdict.Outcome, Reason: firstReason(rep), Blocks: rep.Look.Blocks,
		Checks: []rateCheck{}, Gates: []string{}, Commit: commit, rateKey: j.key}
	if e := rep.Verdict.Effect; e != nil {
		l.Effect = newRounded(e.Value)
	}
	for _, c := range rep.Verdict.Checks {
		if c.State != verdict.Noted {
			l.Checks = append(l.Checks, rateCheck{c.Name, c.State, newRounded(c.Value), newRounded(c.Lo), newRounded(c.Hi)})
		}
	}
	for _, g := range rep.Verdict.Gates {
		if failed(g) {
			l.Gates = append(l.Gates, g.Name)
		}
	}
	return l
}

// failed says that a gate stops a verdict.
func failed(g gate.Gate) bool { return !g.Passed && !g.Grade }

// maxRates is the most bytes of a file of error rates: a line of a thousand for each of ten thousand seeds in several worlds.
const maxRates = 256 << 20

// readRates takes the lines of a file, none if there is no such file. What a killed process has left half of is cut off where
// the file may be mended.
func readRates(path string, mend bool) ([]rateLine, error) {
	var out []rateLine
	torn, err := record.ReadLines(path, func(text []byte) error {
		var l rateLine
		if err := json.Unmarshal(text, &l); err != nil {
			return fmt.Errorf("not a line of this file: %w", err)
		}
		if o, err := verdict.ParseOutcome(string(l.Outcome)); err != nil || o != l.Outcome {
			return fmt.Errorf("not a line of this file: outcome %q", l.Outcome)
		}
		out = append(out, l)
		return nil
	})
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("%w (move the file away to start anew)", err)
	case torn && mend:
		return out, cutTorn(path)
	case torn:
		return nil, fmt.Errorf("%s: its last line is not whole", path)
	}
	return out, nil
}

// cutTorn removes what stands after a file's last whole line: a killed process has left half a line, to
// which what follows must not be appended.
func cutTorn(path string) error {
	b, err := regular.Read(path, maxRates)
	if err != nil {
		return err
	}
	return os.Truncate(path, int64(bytes.LastIndexByte(b, '\n')+1))
}

func appendLine(path string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(append(b, '\n'))
	return errors.Join(err, f.Close())
}

package rates

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

// line is what one run of a hypothesis in a world under a seed came to.
type line struct {
	Hypothesis string          `json:"hypothesis"`
	World      string          `json:"world"`
	Seed       uint64          `json:"seed"`
	Outcome    verdict.Outcome `json:"outcome"`
	Reason     string          `json:"reason"` // first one
	Effect     *rounded        `json:"effect"`
	Blocks     int             `json:"blocks"` // measured, at the look that ended the run
	Checks     []check         `json:"checks"` // those that decide
	Gates      []string        `json:"gates"`  // those that failed, grades left out
	Commit     string          `json:"commit"`
	key
}

// check is what a run said of one deciding check.
type check struct {
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

func newLine(j job, rep *verdict.Judgement, commit string) line {
	l := line{Hypothesis: j.Hypothesis.ID, World: j.world(), Seed: j.Seed, Outcome: rep.Verdict.Outcome, Reason: rep.FirstReason(),
		Blocks: rep.Look.Blocks, Checks: []check{}, Gates: []string{}, Commit: commit, key: j.key}
	if e := rep.Verdict.Effect; e != nil {
		l.Effect = newRounded(e.Value)
	}
	for _, c := range rep.Verdict.Checks {
		if c.State != verdict.Noted {
			l.Checks = append(l.Checks, check{c.Name, c.State, newRounded(c.Value), newRounded(c.Lo), newRounded(c.Hi)})
		}
	}
	for _, g := range rep.Verdict.Gates {
		if failed(g) {
			l.Gates = append(l.Gates, g.Name)
		}
	}
	return l
}

func (l *line) name() string { return nameOf(l.Hypothesis, l.World, l.Seed) }

// failed says that a gate stops a verdict.
func failed(g gate.Gate) bool { return !g.Passed && !g.Grade }

// maxLines is the most bytes of a file of error rates: a line of a thousand for each of ten thousand seeds in several worlds.
const maxLines = 256 << 20

// linesOf takes the lines of a file, none if there is no such file. What a killed process has left half of is cut off where
// the file may be mended.
func linesOf(path string, mend bool) ([]line, error) {
	var out []line
	torn, err := record.ReadLines(path, func(text []byte) error {
		var l line
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
	b, err := regular.Read(path, maxLines)
	if err != nil {
		return err
	}
	return os.Truncate(path, int64(bytes.LastIndexByte(b, '\n')+1))
}

// appendLine adds a line to a file.
func appendLine(path string, l line) error {
	b, err := json.Marshal(l)
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

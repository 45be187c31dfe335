package evidence

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"sparkharness/harness/config"
	"sparkharness/harness/record"
	"sparkharness/harness/stats"
)

// reducedSchema names the layout of reduced evidence.
const reducedSchema = "sparkharness.reduced.v1"

// reduced is the evidence of a run without its lines: what rules and gates ask of it, as gzipped JSON. It is no record of a
// run: nothing says that it was not changed.
type reduced struct {
	Schema      string               `json:"schema"`
	Config      string               `json:"config"` // text of config.yaml
	Plan        json.RawMessage      `json:"plan"`
	Quarantined []record.Quarantined `json:"quarantined"`
	Notes       []string             `json:"notes"`
	Cells       []reducedCell        `json:"cells"`
}

// reducedCell is a Cell without embedding, because the cell and what it knows of itself share names in JSON.
type reducedCell struct {
	Planned  record.PlannedCell
	Info     record.CellInfo
	Origin   string
	Requests []Request
	Carried  map[int]int
	Sys      Machine
	KV       *KVCounters
	Windows  []Window
	// Where every chunk held a token, no rule asks; and machines that were seen before chunks were counted stay alike.
	Answered  *Answered `json:",omitempty"`
	SentAgain int       `json:",omitempty"`
}

func newReducedCell(c *Cell) reducedCell {
	answered := c.Answered
	if answered != nil && answered.Uneven == 0 {
		answered = nil
	}
	return reducedCell{c.PlannedCell, c.Info, c.Origin, c.Requests, c.Carried, c.Sys, c.KV, c.Windows, answered, c.SentAgain}
}

// Reduce packs the evidence into some thousandths of the run's size, so that other rules can judge it without a run. Numbers keep
// all their digits.
func (ev *Evidence) Reduce() ([]byte, error) {
	text, err := config.Encode(ev.Exp)
	if err != nil {
		return nil, fmt.Errorf("reduce the evidence: %w", err)
	}
	plan, err := json.Marshal(ev.Plan)
	if err != nil {
		return nil, fmt.Errorf("reduce the evidence: %w", err)
	}
	out := reduced{Schema: reducedSchema, Config: string(text), Plan: plan, Quarantined: ev.Quarantined, Notes: ev.Notes}
	for _, c := range ev.Cells {
		out.Cells = append(out.Cells, newReducedCell(c))
	}
	var packed bytes.Buffer
	zip, err := gzip.NewWriterLevel(&packed, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(json.NewEncoder(zip).Encode(out), zip.Close()); err != nil {
		return nil, fmt.Errorf("reduce the evidence: %w", err)
	}
	return packed.Bytes(), nil
}

// maxUnpacked is the most bytes of reduced evidence, which is some tens of megabytes.
const maxUnpacked = 1 << 30

// Expand is the inverse of Reduce. name says in errors what could not be expanded, such as a file.
func Expand(name string, packed []byte) (*Evidence, error) {
	fault := func(err error) error {
		return fmt.Errorf("%s: not the reduced evidence of a run: %w (remove it: it is made again by a run)", name, err)
	}
	zip, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, fault(err)
	}
	text, err := io.ReadAll(io.LimitReader(zip, maxUnpacked))
	if err != nil {
		return nil, fault(err)
	}
	var in reduced
	if err := json.Unmarshal(text, &in); err != nil {
		return nil, fault(err)
	}
	if in.Schema != reducedSchema {
		return nil, fault(fmt.Errorf("schema %q, not %s", in.Schema, reducedSchema))
	}
	ev := &Evidence{Quarantined: in.Quarantined, Notes: in.Notes}
	if ev.Plan, err = record.ParsePlan(name, in.Plan); err != nil {
		return nil, err
	}
	if ev.Exp, err = config.ParseExperiment(name, []byte(in.Config)); err != nil {
		return nil, err
	}
	planned := map[string]record.PlannedCell{}
	for _, pc := range ev.Plan.Cells {
		planned[pc.Key] = pc
	}
	for _, r := range in.Cells {
		pc, ok := planned[r.Planned.Key]
		if !ok {
			return nil, fault(fmt.Errorf("cell %s is not in its plan", r.Planned.Key))
		}
		ev.Cells = append(ev.Cells, &Cell{PlannedCell: pc, Info: r.Info, Origin: r.Origin, Requests: r.Requests, Carried: r.Carried, Sys: r.Sys, KV: r.KV,
			Windows: r.Windows, Answered: r.Answered, SentAgain: r.SentAgain})
	}
	return ev, nil
}

// Until is the evidence of the first blocks, as many as it says, and of those that only screen.
func (ev *Evidence) Until(blocks int) *Evidence {
	out := &Evidence{Exp: ev.Exp, Plan: ev.Plan, Notes: ev.Notes, Quarantined: ev.Quarantined, permuted: ev.permuted}
	for _, c := range ev.Cells {
		if c.Rep <= blocks {
			out.Cells = append(out.Cells, c)
		}
	}
	return out
}

// Fingerprint is the SHA-256 of what the cells measured, under whatever name, configuration and program: two machines that
// behave alike leave the same.
func (ev *Evidence) Fingerprint() (string, error) {
	sum := sha256.New()
	for _, c := range ev.Cells {
		r := newReducedCell(c)
		r.Planned.Digest, r.Planned.Price = "", nil
		r.Info.RunID, r.Info.Digest, r.Info.CellDigest, r.Info.Files, r.Origin = "", "", "", nil, ""
		if err := json.NewEncoder(sum).Encode(r); err != nil {
			return "", fmt.Errorf("fingerprint of cell %s: %w", c.Key, err)
		}
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// trafficJSON is what is left of a Traffic once its phase is over.
type trafficJSON struct {
	Bytes, Seconds float64
	Bins           []float64 // T and V in turn: nothing of them is censored
	Burst          *Burst
}

// MarshalJSON keeps the burst.
func (t Traffic) MarshalJSON() ([]byte, error) {
	out := trafficJSON{Bytes: t.Bytes, Seconds: t.Seconds, Burst: t.burst}
	for _, p := range t.Bins {
		out.Bins = append(out.Bins, p.T, p.V)
	}
	return json.Marshal(out)
}

// UnmarshalJSON is the inverse of MarshalJSON.
func (t *Traffic) UnmarshalJSON(b []byte) error {
	var in trafficJSON
	if err := json.Unmarshal(b, &in); err != nil {
		return err
	}
	if len(in.Bins)%2 != 0 {
		return fmt.Errorf("bins have %d numbers, two each", len(in.Bins))
	}
	*t = Traffic{Bytes: in.Bytes, Seconds: in.Seconds, burst: in.Burst}
	for i := 0; i < len(in.Bins); i += 2 {
		t.Bins = append(t.Bins, stats.Point{T: in.Bins[i], V: in.Bins[i+1]})
	}
	return nil
}

// MarshalJSON writes sum and weight.
func (m mean) MarshalJSON() ([]byte, error) { return json.Marshal([2]float64{m.sum, m.weight}) }

// UnmarshalJSON is the inverse of MarshalJSON.
func (m *mean) UnmarshalJSON(b []byte) error {
	var in [2]float64
	err := json.Unmarshal(b, &in)
	m.sum, m.weight = in[0], in[1]
	return err
}

// windowJSON is a Window with everything that readings need.
type windowJSON struct {
	At, Seconds    float64
	TTFT           []float64
	Censored       int
	Sys, KV, Block float64
	Sums           windowSums
	Fetches        []float64
}

// MarshalJSON keeps the sums.
func (w Window) MarshalJSON() ([]byte, error) {
	return json.Marshal(windowJSON{w.At, w.Seconds, w.TTFT, w.Censored, w.sys, w.kv, w.block, w.sums, w.fetches})
}

// UnmarshalJSON is the inverse of MarshalJSON.
func (w *Window) UnmarshalJSON(b []byte) error {
	var in windowJSON
	err := json.Unmarshal(b, &in)
	*w = Window{At: in.At, Seconds: in.Seconds, TTFT: in.TTFT, Censored: in.Censored, sys: in.Sys, kv: in.KV, block: in.Block, sums: in.Sums, fetches: in.Fetches}
	return err
}

package config

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/record"
)

// swept has two levels of everything that a sweep may vary.
func swept() *Experiment {
	stack := func(name string, d *Dynamo) *Stack {
		return &Stack{Stack: name, Dynamo: d, Telemetry: Telemetry{Cadence: Duration(200e6)}}
	}
	d := &Dynamo{}
	d.Tiers.Tier1 = Tier{CapacityBytes: 24 << 30, EvictionPolicy: "LRU"}
	return &Experiment{Stacks: map[string]*Stack{"B": stack("B", d), "A": stack("A", nil)},
		Hypothesis: &Hypothesis{Sweep: Sweep{
			Phase: []string{"warm", "cold"}, Tier1: []Size{8 << 30, 16 << 30}, Policy: []string{"LRU", "FIFO"}, Drive: []string{"A", "B"}, Fio: []string{"none", "heavy"},
			Cadence: []Duration{Duration(1e9), Duration(200e6)}, Turns: []int{4, 12}, Reuse: []float64{0.3, 0.6}, Ctx: []Tokens{512, 4096},
			Sessions: []int{16, 32}, Conc: []int{1, 8}, RateRPS: []float64{0.5, 2}}}}
}

// The levels of every factor as they stand in a cell's key, in the order of the key.
func TestFactorLevels(t *testing.T) {
	e := swept()
	var names []string
	levels := map[string][]string{}
	for _, f := range Factors() {
		names = append(names, f.Name)
		levels[f.Name] = f.Levels(e)
	}
	assert.Equal(t, []string{"stack", "phase", "tier1", "policy", "drive", "fio", "cadence", "turns", "reuse", "ctx", "sessions", "conc", "rate", "rep"}, names)
	assert.Equal(t, map[string][]string{"stack": {"A", "B"}, "phase": {"warm", "cold"}, "tier1": {"8GiB", "16GiB"}, "policy": {"LRU", "FIFO"},
		"drive": {"A", "B"}, "fio": {"none", "heavy"}, "cadence": {"1s", "200ms"}, "turns": {"4", "12"}, "reuse": {"0.3", "0.6"}, "ctx": {"512", "4096"},
		"sessions": {"16", "32"}, "conc": {"1", "8"}, "rate": {"0.5", "2"}, "rep": nil}, levels)

	e.Hypothesis.Sweep = Sweep{}
	delete(e.Stacks, "A")
	for _, f := range Factors() {
		assert.Empty(t, f.Levels(e), "%s is not varied, and one stack is no factor", f.Name)
	}
	assert.Equal(t, []string{"stack", "phase", "tier1", "policy", "drive", "fio", "cadence"}, Arms(), "these leave the load alone")
}

// Each level in a key reaches its field, and no other.
func TestResolve(t *testing.T) {
	rate := 0.5
	for level, want := range map[string]record.PlannedCell{
		"stack=B":     {Stack: "B"},
		"phase=cold":  {Phase: "cold"},
		"tier1=8GiB":  {Tier1Bytes: 8 << 30},
		"policy=LFU":  {Policy: "LFU"},
		"drive=B":     {Drive: "B"},
		"fio=heavy":   {Fio: "heavy"},
		"cadence=1s":  {CadenceMS: 1000},
		"turns=12":    {Turns: 12},
		"reuse=0.6":   {Reuse: 0.6},
		"ctx=4096":    {ContextTokens: 4096},
		"sessions=16": {Users: 16},
		"conc=8":      {Users: 8},
		"rate=0.5":    {RateRPS: &rate},
		"rep=3":       {Rep: 3},
	} {
		cell, err := record.ParseCell(level)
		require.NoError(t, err)
		got, err := Resolve(cell)
		require.NoError(t, err)
		want.Cell, want.Key = cell, level
		assert.Equal(t, want, got)
	}
	for _, level := range []string{"tier1=8", "cadence=1", "turns=x", "reuse=x", "ctx=4k", "sessions=x", "conc=x", "rate=x", "rep=x"} {
		cell, err := record.ParseCell(level)
		require.NoError(t, err)
		_, err = Resolve(cell)
		require.ErrorContains(t, err, level)
	}
}

// What a cell treats is its stack's, and the configuration itself stays.
func TestStackOf(t *testing.T) {
	e := swept()
	for _, tc := range []struct {
		name    string
		pc      record.PlannedCell
		tier    Size
		policy  string
		cadence Duration
	}{
		{"nothing", record.PlannedCell{Stack: "B"}, 24 << 30, "LRU", Duration(200e6)},
		{"capacity", record.PlannedCell{Stack: "B", Tier1Bytes: 8 << 30}, 8 << 30, "LRU", Duration(200e6)},
		{"policy", record.PlannedCell{Stack: "B", Policy: "LFU"}, 24 << 30, "LFU", Duration(200e6)},
		{"cadence", record.PlannedCell{Stack: "B", CadenceMS: 1000}, 24 << 30, "LRU", Duration(1e9)},
	} {
		st := e.StackOf(tc.pc)
		assert.Equal(t, tc.tier, st.Dynamo.Tiers.Tier1.CapacityBytes, tc.name)
		assert.Equal(t, tc.policy, st.Dynamo.Tiers.Tier1.EvictionPolicy, tc.name)
		assert.Equal(t, tc.cadence, st.Telemetry.Cadence, tc.name)
	}
	a := e.StackOf(record.PlannedCell{Stack: "A", Tier1Bytes: 8 << 30, Policy: "LFU", CadenceMS: 1000})
	assert.Nil(t, a.Dynamo, "a stack without tiers has none to treat")
	assert.Equal(t, Duration(1e9), a.Telemetry.Cadence)
	assert.Equal(t, swept(), e)
}

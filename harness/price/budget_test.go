package price

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"sparkharness/harness/config"
	"sparkharness/harness/record"
)

func wear(hypothesis string, terabytes float64) Wear {
	return Wear{hypothesis, record.Price{WrittenBytes: terabytes * 1e12}}
}

// A hundredth of the rating is what an execution may write, all its hypotheses together.
func TestBudget(t *testing.T) {
	rated := &config.Drive{Drive: "d", Endurance: &config.Endurance{RatedTBW: 2400}}
	b := NewBudget(0, rated)
	assert.InDelta(t, 24e12, b.Bytes, 1)
	assert.Empty(t, b.Beyond([]Wear{wear("H4A", 23.9)}))
	assert.Empty(t, b.Beyond([]Wear{wear("H4A", 12), wear("H4B", 11.9)}))
	said := b.Beyond([]Wear{wear("H4A", 12), wear("H1", 0.01), wear("H4B", 12.1)})
	assert.Contains(t, said, "24.1 TB would be written to the drive (H4A 12 TB, H4B 12.1 TB), beyond the wear budget of 24 TB (1 % of the 2400 TB that drive d is rated for)")
	assert.Contains(t, said, "-wear-budget 26.5")
	assert.NotContains(t, said, "\n")

	unknown := NewBudget(0, &config.Drive{Drive: "d"})
	assert.InDelta(t, 8e12, unknown.Bytes, 1)
	assert.Contains(t, unknown.Beyond([]Wear{wear("H4A", 9)}), "8 TB (nothing says what drive d is rated for)")
	assert.Contains(t, NewBudget(1e12, rated).Beyond([]Wear{wear("H4A", 9)}), "1 TB (-wear-budget)")
}

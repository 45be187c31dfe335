package record

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// A link of which something is not told is not called slow.
func TestPCIeLinkBelow(t *testing.T) {
	for link, below := range map[PCIeLink]bool{
		{"16.0 GT/s PCIe", "4", "16.0 GT/s PCIe", "4"}: false,
		{"8.0 GT/s PCIe", "4", "16.0 GT/s PCIe", "4"}:  true,
		{"16.0 GT/s PCIe", "2", "16.0 GT/s PCIe", "4"}: true,
		{"", "", "16.0 GT/s PCIe", "4"}:                false,
		{"16.0 GT/s PCIe", "4", "", ""}:                false,
		{}:                                             false,
	} {
		assert.Equal(t, below, link.Below(), link)
	}
}

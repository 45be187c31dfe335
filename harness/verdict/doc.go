// Package verdict turns gates and checks into one of four outcomes. It knows no hypothesis: a hypothesis
// hands it evidence, and the order of precedence is the same for all.
package verdict

// Package verdict judges a run: what a hypothesis is, its rule applied to the evidence after the gates, and the order of
// precedence, the same for all, by which gates and checks become one of four outcomes. It knows no particular hypothesis.
package verdict

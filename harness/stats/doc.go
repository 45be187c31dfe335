// Package stats turns numbers into numbers: percentiles with their intervals, bootstrap
// distributions, tests and fits. It knows nothing of cells, requests or hypotheses.
//
// Conventions:
//
//   - A result is never a silent NaN. What the data cannot give is an error, a nil bound or an open
//     (infinite) end of an interval, as the comment of each function says. An argument that is a
//     constant of the calling code (a percentile of 1.2, a confidence of 95) panics.
//   - An observation may be censored: its true value is at least the stated one. Every figure that a
//     censored observation decides is marked as a lower bound, and the upper end of its interval is
//     open.
//   - Nothing is drawn from a global source: the same arguments and the same seed give the same bits.
package stats

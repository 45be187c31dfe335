// Package health reads what a machine's state is before and after a measurement: wear and faults of its drives, what is
// hot, what the kernel complains of, how fast its processors run; and what a fall of a drive's write rate looks like. It
// changes nothing. What is not told, or not to this user, is null, and a line says why.
package health

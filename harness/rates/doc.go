// Package rates counts how often each verdict comes out over seeds: in the default world, in control worlds, and in worlds near
// a threshold. A run leaves a line, and its evidence without the lines that it measured; a line counts for a program that would
// leave the same design, machine and rules, and by other rules the kept evidence is judged again.
//
//	<results>/error_rates/<hypothesis>.<world>.jsonl  lines, in the order in which they were counted
//	<results>/error_rates/evidence/*.json.gz          what is kept of each run
//	<results>/error_rates/machines.json               fingerprints of machines
//	fixtures/rates/<hypothesis>.jsonl                 the lines that the repository holds
//
// What plans and measures is behind a Door.
package rates

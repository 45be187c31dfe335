// Package harness runs a hypothesis: it lays out a plan from configuration, walks it on a rig, leaves
// raw lines on disk, and derives the verdict and its renderings from those lines alone.
//
//	configs/ + inputs/          what to vary, with which numbers, before any data exists
//	      |
//	   plan                     hypothesis + config + seed -> ordered cells
//	      |
//	   rig                      where a cell runs
//	    /   \
//	 load    telemetry          drive requests and watch the machine, on one monotonic clock
//	    \   /
//	   record                   one line a request, one line a sample, on disk first
//	      |
//	   stats -> verdict         gates, then the decision rule
//	      |
//	   report                   report.json; table, CSV, figures and HTML are renderings of it
//
// Everything right of record is a pure function of saved files: Replay derives any verdict again.
//
// Import rules, enforced by arch_test.go:
//
//	hypotheses > harness, record, stats, verdict, report
//	harness > everything below             report > verdict, stats, record
//	rig > config, fio, sim, memnet, telemetry, record
//	load, telemetry > record               verdict, sim, memnet, stats, config, fio, prompt, trace: nothing of ours
package harness

// Package harness is the door: it runs a hypothesis as a test. Behind it lie the rooms, in the order of the flow:
//
//	configs/ + inputs/      what to vary, with which numbers, before any data exists
//	      |
//	  experiment            configuration + flags -> cells in order, digest, estimate; no rig, no simulator
//	      |
//	    rig                 where a cell runs, and whose time it is: rig/simrig | rig/serverrig | rig/mixedrig (simulated, on a real drive)
//	    |                   on real hardware: treatment acts on the machine, restore undoes it whatever happens, health reads its state
//	   /    \
//	load    telemetry       drive requests, watch the machine, on one monotonic clock
//	   \    /
//	  runner                walks the plan: cells, treatments and their undoing, progress, resume; price says what it will cost
//	      |
//	  record                the waist: all that is planned and measured, on disk
//	      |
//	  evidence              a run's folder -> cells, groups, windows, readings
//	      |
//	   gate                 one precondition a file: a function of the evidence
//	      |
//	  verdict               hypothesis + evidence + gates -> judgement: checks, estimates, findings, figures as plain data
//	      |
//	  report                report.json, table, CSV, figures, page: renderings of a judgement
//	      |
//	  rates                 how often each judgement comes out over seeds; the door measures for it
//
// What is above record here (left of it in arch_test.go) and what is below (right of it) do not import each other. So a run's folder is judged alike,
// whichever rig measured it and wherever: nothing on the right asks a simulator anything, and -replay derives any verdict
// again. The door alone knows both sides: after the first block, and at the end of a
// stage, the runner asks it how to go on.
//
// Which room may import which, and why, stands in arch_test.go.
package harness

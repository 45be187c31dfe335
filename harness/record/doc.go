// Package record is the vocabulary of everything that a run leaves on disk: the plan with the rig's facts, the cell and
// its key, what a cell knows of itself, one request, the server's own timing of one, one sample of the machine, one
// sample of the KV manager, the JSON Lines files that hold them, and the layout of the folder. Everything downstream
// (statistics, verdicts, reports) is a function of these files and the saved configuration alone.
//
// A pointer field that is nil, and a JSON null, mean "not measured". Zero means that zero was measured.
package record

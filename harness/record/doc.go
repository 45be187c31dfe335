// Package record is the vocabulary of everything that a run leaves on disk: the cell and its key,
// one request, the server's own timing of one, one sample of the machine, one sample of the KV manager, and
// the JSON Lines files that hold them. Everything downstream (statistics, verdicts, reports) is a function of
// these lines alone.
//
// A pointer field that is nil, and a JSON null, mean "not measured". Zero means that zero was measured.
package record
